"""Says of the repo itself that it is installed, as a checkout that somebody develops says.

Much code asks `importlib.metadata` for its own version when it is imported, and would be taken for
broken where nobody installed it. Nothing is built for that: name, version and entry points are read
from the manifests and written where installing for development would have put them.
"""

from __future__ import annotations

import configparser
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LARGEST_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]{0,100}")
_UNKNOWN_VERSION = "0.0.0"
_SETUP = re.compile(r"\bsetup[ \t]*\(")
#: How far behind `setup(` its arguments are looked for. It must not be run to be read.
_SETUP_CHARACTERS = 20_000
_ARGUMENT = r"\b{}[ \t]*=[ \t]*[\"']([^\"'\n]*)[\"']"
_ASSIGNED = re.compile(r"^__version__[ \t]*(?::[^=\n]*)?=[ \t]*[\"']([^\"'\n]*)[\"']", re.MULTILINE)
_VERSION_FILES = ("__init__.py", "__about__.py", "_version.py", "version.py", "__version__.py")
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class Project:
    """What a repo says it is called. `entry_points` are groups of names and what they lead to."""

    name: str
    version: str = ""
    entry_points: dict[str, dict[str, str]] = field(default_factory=dict)


def announce(root: str) -> None:
    """Write the metadata of the repo at `root`, unless it has some or does not say its name."""
    place = Path(root)
    project = next(filter(None, _readings(place)), None)
    if project is None or not _NAME.fullmatch(project.name):
        return
    module = _SEPARATORS.sub("_", project.name)
    homes = [home for home in (place / "src", place) if home.is_dir() and not home.is_symlink()]
    if any(_is_known(home, module) for home in homes):
        return
    version = project.version or _assigned_version(homes, module)
    if not _VERSION.fullmatch(version):
        version = _UNKNOWN_VERSION
    folder = homes[0] / f"{module}.egg-info"
    try:
        folder.mkdir(0o755)
        text = f"Metadata-Version: 2.1\nName: {project.name}\nVersion: {version}\n"
        _write(folder / "PKG-INFO", text)
        _write(folder / "entry_points.txt", "".join(_sections(project.entry_points)))
    except OSError:
        return  # a tree that leaves no room for it goes without


def _readings(place: Path) -> Iterator[Project | None]:
    for name, read in (
        ("pyproject.toml", _of_pyproject),
        ("setup.cfg", _of_setup_cfg),
        ("setup.py", _of_setup),
    ):
        try:
            yield read(_text(place / name))
        except (OSError, ValueError, TypeError, configparser.Error, RecursionError):
            continue  # what cannot be read says nothing


def _of_pyproject(text: str) -> Project | None:
    table: dict[str, Any] = tomllib.loads(text)
    project = _table(table, "project")
    if not project:
        poetry = _table(_table(table, "tool"), "poetry")
        return _project(poetry, {"console_scripts": _table(poetry, "scripts")})
    return _project(
        project,
        {
            **_table(project, "entry-points"),
            "console_scripts": _table(project, "scripts"),
            "gui_scripts": _table(project, "gui-scripts"),
        },
    )


def _project(table: dict[str, Any], entry_points: dict[str, Any]) -> Project | None:
    name, version = table.get("name"), table.get("version", "")
    if not isinstance(name, str):
        return None
    groups = {
        str(group): {str(key): value for key, value in names.items() if isinstance(value, str)}
        for group, names in entry_points.items()
        if isinstance(names, dict)
    }
    return Project(name, version if isinstance(version, str) else "", groups)


def _of_setup_cfg(text: str) -> Project | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    name = parser.get("metadata", "name", fallback="").strip()
    return Project(name, parser.get("metadata", "version", fallback="").strip()) if name else None


def _of_setup(text: str) -> Project | None:
    called = _SETUP.search(text)
    if called is None:
        return None
    arguments = text[called.end() : called.end() + _SETUP_CHARACTERS]
    name, version = (re.search(_ARGUMENT.format(word), arguments) for word in ("name", "version"))
    return Project(name[1], version[1] if version else "") if name else None


def _assigned_version(homes: list[Path], module: str) -> str:
    """Return the `__version__` that the repo's own package sets, "" where none is found."""
    for home in homes:
        for name in _VERSION_FILES:
            try:
                found = _ASSIGNED.search(_text(home / module.lower() / name))
            except (OSError, ValueError):
                continue
            if found:
                return found[1]
    return ""


def _is_known(home: Path, module: str) -> bool:
    pattern = re.compile(rf"{re.escape(module)}(?:-[^/]*)?\.(?:egg|dist)-info", re.IGNORECASE)
    return any(pattern.fullmatch(name) for name in os.listdir(home))  # noqa: PTH208 - names only


def _sections(groups: dict[str, dict[str, str]]) -> Iterator[str]:
    for group, names in groups.items():
        lines = [f"{name} = {value}" for name, value in names.items()]
        if lines and all("\n" not in line for line in (group, *lines)):
            yield "\n".join((f"[{group}]", *lines, ""))


def _text(path: Path) -> str:
    if path.is_symlink() or path.stat().st_size > _LARGEST_BYTES:
        raise ValueError
    return path.read_text("utf-8")


def _table(table: dict[str, Any], name: str) -> dict[str, Any]:
    found = table.get(name)
    return found if isinstance(found, dict) else {}


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
