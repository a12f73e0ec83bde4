"""Writes `.env.example` and `docs/settings.md` from the settings themselves.

`python -m mai.system.settings_reference` brings both up to date; a test says when they are not.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic_core import PydanticUndefined

from mai.settings import Settings, variable_of
from mai.settings_sources import ENVIRONMENT_ONLY, own_checkout

_FILE_HEAD = """\
# Every setting Mai has, with its default. Copy this file to `.env` beside it, or to the `.env` of
# your configuration directory (`mai config` names it), and take the `# ` off what you change.
# The environment wins over this file. Keep it to yourself: chmod 600 .env
"""
_ENVIRONMENT_HEAD = """\
# These are read from the environment alone; in a file they are ignored:
"""
_TABLE_HEAD = """\
# Settings

Strongest first: command line, environment, `.env`, `config.toml` in your configuration directory,
default. `mai config` shows every value and where it came from. In `config.toml` a setting has the
name of its variable in lower case, without `MAI_`. `.env.example` holds the same list to copy from.

This file is written by `python -m mai.system.settings_reference`.

| variable | meaning | default |
|---|---|---|
"""


def env_example() -> str:
    """Return the text of `.env.example`: every setting, commented out."""
    names = list(Settings.model_fields)
    anywhere = [name for name in names if name not in ENVIRONMENT_ONLY]
    restricted = [name for name in names if name in ENVIRONMENT_ONLY]
    blocks = [_FILE_HEAD, *map(_block, anywhere), _ENVIRONMENT_HEAD, *map(_block, restricted)]
    return "\n".join(blocks)


def markdown() -> str:
    """Return the text of `docs/settings.md`."""
    return _TABLE_HEAD + "".join(_row(name) for name in Settings.model_fields)


def _block(name: str) -> str:
    comment = textwrap.fill(
        _description(name), width=98, initial_indent="# ", subsequent_indent="# "
    )
    return f"{comment}\n# {variable_of(name)}={_default(name)}\n"


def _row(name: str) -> str:
    default = _default(name)
    shown = f"`{default}`" if default else "–"
    cells = (f"`{variable_of(name)}`", _description(name).replace("|", r"\|"), shown)
    return f"| {' | '.join(cells)} |\n"


def _description(name: str) -> str:
    return Settings.model_fields[name].description or ""


def _default(name: str) -> str:
    """Return the default as one would write it, the same on every machine."""
    field = Settings.model_fields[name]
    value: Any = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, Path):
        return f"<user data directory>/{value.relative_to(user_data_path('mai'))}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else re.sub(r"\s+", " ", str(value))


FILES: dict[str, Callable[[], str]] = {".env.example": env_example, "docs/settings.md": markdown}


def main() -> int:
    """Write both files into Mai's checkout."""
    for name, text in FILES.items():
        (own_checkout() / name).write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
