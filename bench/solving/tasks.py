"""The tasks: one TOML file each, with the files, the sentence, hidden tests and a reference.

kind = "bug"             # bug, bug-untold, feature, rename, types, tests, docs
task = "what is asked for"
[files]                  # the repository as it is given
[hidden]                 # test files that decide, which no side is shown
[[fix]]                  # the reference: `old` (once in the file) becomes `new`; "" is a new file
path, old, new
[[mutant]]               # for tests to write: with this in the code, one of them must fail
path, old, new
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "tasks"

Files = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fix:
    """One replacement in one file."""

    path: str
    old: str
    new: str

    def applied(self, files: Files) -> dict[str, str]:
        """Return `files` with it made.

        Raises:
            ValueError: `old` does not occur exactly once.
        """
        text = files.get(self.path, "")
        if not self.old:
            return {**files, self.path: self.new}
        if text.count(self.old) != 1:
            raise ValueError(f"{self.path}: {self.old!r} occurs {text.count(self.old)} times")
        return {**files, self.path: text.replace(self.old, self.new)}


@dataclass(frozen=True, slots=True)
class Task:
    """One task."""

    name: str
    kind: str
    task: str
    files: Files
    hidden: Files
    fixes: tuple[Fix, ...]
    mutants: tuple[Fix, ...] = field(default=())

    @property
    def solved(self) -> dict[str, str]:
        """The files with the reference solution."""
        files = dict(self.files)
        for fix in self.fixes:
            files = fix.applied(files)
        return files

    @property
    def targets(self) -> tuple[str, ...]:
        """The files that the reference changes, in the order of their names."""
        return tuple(sorted({fix.path for fix in self.fixes}))

    @property
    def visible_tests(self) -> tuple[str, ...]:
        """The test files that are given and that the task names."""
        return tuple(path for path in sorted(self.files) if _is_test(path) and path in self.task)


def load(path: Path) -> Task:
    """Read one task."""
    data = tomllib.loads(path.read_text("utf-8"))
    return Task(
        path.stem,
        data["kind"],
        data["task"],
        data["files"],
        data.get("hidden", {}),
        tuple(Fix(**one) for one in data["fix"]),
        tuple(Fix(**one) for one in data.get("mutant", ())),
    )


def tasks(patterns: Sequence[str] = ("*",), folder: Path = FOLDER) -> list[Task]:
    """Return the tasks whose name matches one of `patterns`, or whose kind is one; by name."""
    found = [load(path) for path in sorted(folder.glob("*.toml"))]
    return [
        task
        for task in found
        if any(task.kind == one or fnmatch.fnmatch(task.name, one) for one in patterns)
    ]


def _is_test(path: str) -> bool:
    return path.rpartition("/")[2].startswith("test_")


def as_data(task: Task, **more: Any) -> dict[str, Any]:
    """Return what a row of the table begins with."""
    return {"task": task.name, "kind": task.kind, **more}
