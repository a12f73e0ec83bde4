"""What `mai risk PATH…` looks at: every file below a folder, and what it passes by, with why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mai.errors import UsageError
from mai.text import path_line


@dataclass(frozen=True, slots=True)
class Passed:
    """A path that is not read. `is_known`: nothing of it can be part of what is judged."""

    path: Path
    why: str
    is_known: bool = False


def find(path: Path) -> Iterator[Path | Passed]:
    """Yield what `path` names: a file, or all files below a folder, in a fixed order.

    Raises:
        UsageError: there is nothing of that name, or it is neither.
    """
    if path.is_dir():
        yield from _inside(path)
    elif path.is_file():
        yield path
    elif path.exists():
        raise UsageError(f"{path_line(str(path))} is neither a file nor a folder.")
    else:
        raise UsageError(f"There is no file {path_line(str(path))}.")


def _inside(folder: Path) -> Iterator[Path | Passed]:
    failed: list[Passed] = []

    def note(error: OSError) -> None:
        failed.append(Passed(Path(error.filename), f"it cannot be read: {error.strerror}"))

    for place, folders, names in os.walk(folder, onerror=note):
        folders.sort()
        for name in tuple(folders):
            inner = Path(place, name)
            passed = _passed_folder(inner)
            if passed is not None:
                folders.remove(name)
                yield passed
        for name in sorted(names):
            yield _file(Path(place, name))
    yield from failed


def _passed_folder(folder: Path) -> Passed | None:
    if folder.is_symlink():
        return Passed(folder, "it is a link to a folder")
    if folder.name == ".git":
        return Passed(folder, "it is git's own", is_known=True)
    if folder.name == "node_modules":
        return Passed(folder, "it holds packages that were installed")
    if (folder / "pyvenv.cfg").is_file():
        return Passed(folder, "it holds an environment with packages that were installed")
    if (folder / "CACHEDIR.TAG").is_file():
        return Passed(folder, "it says of itself that it is a cache")
    return None


def _file(file: Path) -> Path | Passed:
    if file.is_symlink():
        return Passed(file, "it is a link")
    if not file.is_file():
        return Passed(file, "it is no regular file")
    if file.suffix == ".pyc" and file.parent.name == "__pycache__" and _source(file).is_file():
        return Passed(file, "it is what Python made of a source that is read", is_known=True)
    return file


def _source(compiled: Path) -> Path:
    return compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
