"""Writes the version files that a project's build backend would have written into its checkout.

`setuptools-scm`, `hatch-vcs`, `versioningit` and their like write a module with the version when
the project is built or installed; it is in no commit, and the code does not import without it.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.places import project_folders

_LARGEST_BYTES = 1 << 20
_UNKNOWN = "0.0.0"
_VERSION = re.compile(r"^Version: ([0-9][A-Za-z0-9.!+_-]{0,100})$", re.MULTILINE)
#: Where the tables of the backends name the file.
_PLACES = (
    (("setuptools_scm",), ("version_file", "write_to")),
    (("vcs-versioning",), ("version_file", "write_to")),
    (("hatch", "build", "hooks", "vcs"), ("version-file",)),
    (("hatch", "build", "hooks", "version"), ("path",)),
    (("versioningit", "write"), ("file",)),
    (("pdm", "version"), ("write_to",)),
    (("pdm", "build"), ("write_to",)),
    (("flit", "scm"), ("version_file",)),
    (("setuptools-git-versioning",), ("version_file",)),
)


def write_version_files(root: str) -> list[str]:
    """Write the files that are named and not there; return a sentence on each.

    What cannot be read or written is passed by.
    """
    notes = []
    for folder in project_folders(root):
        place = Path(folder)
        for name in _named(place):
            target = Path(os.path.normpath(place / name))
            if not target.is_relative_to(root) or target.exists() or target.is_symlink():
                continue
            # A folder that is a link could lead out of the tree.
            is_inside = target.parent.is_dir() and target.parent.resolve() == target.parent
            if is_inside and _write(target, _version(place)):
                path = target.relative_to(root)
                notes.append(f"No module named {target.stem} is committed: made {path}.")
    return notes


def _named(place: Path) -> Iterator[str]:
    try:
        manifest = place / "pyproject.toml"
        if manifest.is_symlink() or manifest.stat().st_size > _LARGEST_BYTES:
            return
        tables: Any = tomllib.loads(manifest.read_text("utf-8")).get("tool")
    except (OSError, ValueError, RecursionError):
        return
    for names, keys in _PLACES:
        table = tables
        for name in names:
            table = table.get(name) if isinstance(table, dict) else None
        for key in keys if isinstance(table, dict) else ():
            # pdm-scm names it from the folder that the packages are in.
            found = table.get(key)
            if isinstance(found, str) and found:
                yield found
                yield f"src/{found}"


def _version(place: Path) -> str:
    try:
        found = _VERSION.search((place / "PKG-INFO").read_text("utf-8", "replace"))
    except OSError:
        found = None
    return found[1] if found else _UNKNOWN


def _write(target: Path, version: str) -> bool:
    if target.suffix == ".py":
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
        text = (
            f"__version__ = version = {version!r}\n"
            f"__version_tuple__ = version_tuple = {numbers!r}\n"
            "__commit_id__ = commit_id = None\n"
        )
    else:
        text = f"{version}\n"
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return False
    return True
