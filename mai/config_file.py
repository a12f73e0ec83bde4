"""Writing one setting into the user's `config.toml`, everything else in it left as it is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from mai.errors import SettingsError
from mai.settings_sources import config_dir
from mai.text import one_line


def put(name: str, value: str | None) -> Path:
    """Set `name` in the user's configuration file, or take it out where `value` is None.

    Comments, order and spacing stay. The file appears whole or not at all, for its owner only.

    Raises:
        SettingsError: the file cannot be read or written; it is as it was.
    """
    # A link somebody made to keep the file elsewhere stays a link.
    path = (config_dir() / "config.toml").resolve()
    try:
        text = path.read_text("utf-8") if path.exists() else ""
        document = tomlkit.parse(text)
        if value is None:
            document.pop(name, None)
        else:
            document[name] = value
        _replace(path, tomlkit.dumps(document))
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {one_line(str(error))}."
        ) from error
    except OSError as error:
        reason = one_line(error.strerror or "it cannot be written")
        raise SettingsError(f"The settings file {path} cannot be written: {reason}.") from error
    return path


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp makes it readable for the owner alone, and the file may hold secrets.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".config-")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
