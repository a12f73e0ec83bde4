"""Where settings are read from: the environment, `.env` files, `config.toml`; never the repo.

A `.env` in Mai's own checkout counts where git ignores it, so that nobody commits a token.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from platformdirs import user_config_path
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    TomlConfigSettingsSource,
)

_CHECKOUT = Path(__file__).resolve().parent.parent
#: Read from the environment alone: a file must not be able to switch these on.
ENVIRONMENT_ONLY = frozenset({"headless_approval", "discord_api", "discord_gateway"})


class _Restricted(PydanticBaseSettingsSource):
    """A file source that cannot set what only the environment may."""

    def __init__(self, settings_cls: type[BaseSettings], inner: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._inner = inner

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._inner.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        values = self._inner()
        return {
            name: value
            for name, value in values.items()
            if name.lower().removeprefix("mai_") not in ENVIRONMENT_ONLY
        }


def config_dir() -> Path:
    """Return the user's configuration directory: `MAI_CONFIG_DIR`, or the platform's."""
    override = os.environ.get("MAI_CONFIG_DIR")
    return Path(override).expanduser().absolute() if override else user_config_path("mai")


def own_checkout() -> Path:
    """Return the folder that holds the `mai` package."""
    return _CHECKOUT


def is_checkout() -> bool:
    """Whether Mai runs from its own git checkout rather than from an installed wheel."""
    return (_CHECKOUT / ".git").exists() and (_CHECKOUT / "Dockerfile.sandbox").exists()


def _ignored_by_git(path: Path) -> bool:
    # A `.` in PATH would take the git of whatever folder Mai was started in.
    places = [place for place in os.get_exec_path() if Path(place).is_absolute()]
    git = shutil.which("git", path=os.pathsep.join(places))
    if git is None:
        return False
    try:
        command = [git, "-C", str(path.parent), "check-ignore", "--quiet", "--", path.name]
        return subprocess.run(command, check=False, capture_output=True, timeout=5).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _dotenv_files() -> list[tuple[str, Path]]:
    files = [(".env", config_dir() / ".env")]
    own = _CHECKOUT / ".env"
    if is_checkout() and own.is_file() and _ignored_by_git(own):
        files.append((".env", own))
    return [(name, path) for name, path in files if path.is_file()]


def sources(cls: type[BaseSettings]) -> list[tuple[str, PydanticBaseSettingsSource]]:
    """Return every source below the command line with its name, strongest first."""
    sources: list[tuple[str, PydanticBaseSettingsSource]] = [
        ("environment", EnvSettingsSource(cls))
    ]
    for _, path in _dotenv_files():
        source = DotEnvSettingsSource(cls, env_file=path, env_file_encoding="utf-8")
        sources.append((str(path), _Restricted(cls, source)))
    toml = config_dir() / "config.toml"
    if toml.is_file():
        sources.append((str(toml), _Restricted(cls, TomlConfigSettingsSource(cls, toml))))
    return sources
