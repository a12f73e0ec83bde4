"""Which files pytest collects tests from, as a repo's own settings tell it."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from typing import Any

from mai.globs import matches
from mai.protocols import Snapshot

#: Where pytest looks for its settings. The first that has the section wins, as in its own
#: "Initialization: determining rootdir"; `pytest.ini` and `pytest.toml` win without one too.
_PLACES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("pytest.toml", ("pytest",)),
    (".pytest.toml", ("pytest",)),
    ("pytest.ini", ("pytest",)),
    (".pytest.ini", ("pytest",)),
    ("pyproject.toml", ("tool", "pytest")),
    ("tox.ini", ("pytest",)),
    ("setup.cfg", ("tool:pytest",)),
)
_LARGEST_BYTES = 1 << 20
_FILES = ("test_*.py", "*_test.py")
_PASSED_BY = (*("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}"),)
#: What `unittest` and Django find, where another command than pytest runs the tests.
_UNITTEST_FILES = ("test*.py", "*_test.py", "*_tests.py")


@dataclass(frozen=True, slots=True)
class Collection:
    """Pytest's settings, as far as they say which files are collected.

    `roots` are its `testpaths`, `files` its `python_files`, `passed_by` its `norecursedirs`, and
    `ignored` what `--ignore` and `--ignore-glob` take out.
    """

    roots: tuple[str, ...] = ()
    files: tuple[str, ...] = _FILES
    passed_by: tuple[str, ...] = _PASSED_BY
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, snapshot: Snapshot) -> Collection:
        """Return the settings that the commit has. One that cannot be read has the defaults."""
        try:
            table = _table_of(snapshot)
        except (ValueError, TypeError, configparser.Error, RecursionError):
            table = {}
        files = _UNITTEST_FILES if _has_other_command(snapshot) else _FILES
        roots = tuple(root.removeprefix("./").rstrip("/") for root in _words(table, "testpaths"))
        return cls(
            # Pytest looks everywhere where nothing is at the places that it was told.
            roots if any(_root_of(path, roots) is not None for path in snapshot.paths()) else (),
            _words(table, "python_files") or files,
            _words(table, "norecursedirs") or _PASSED_BY,
            tuple(_ignored(_words(table, "addopts"))),
        )

    def has(self, path: str) -> bool:
        """Whether pytest collects tests from the file at `path`."""
        if not path.endswith(".py"):
            return False
        root = _root_of(path, self.roots) if self.roots else ""
        if root is None:
            return False
        if any(matches(path, f"/{ignored}") for ignored in self.ignored):
            return False
        if path == root:  # named itself, it is collected whatever it is called
            return True
        folder = path.rpartition("/")[0]
        return _is_like(path, self.files) and not _is_passed_by(folder, root, self.passed_by)


def _root_of(path: str, roots: Sequence[str]) -> str | None:
    """Return the place among `roots` that `path` is at or below, None where there is none."""
    for root in roots:
        if root in {"", "."}:
            return ""
        for end, letter in enumerate(f"{path}/"):
            if letter == "/" and fnmatchcase(path[:end], root):
                return path[:end]
    return None


@lru_cache(maxsize=1 << 14)
def _is_passed_by(folder: str, root: str, patterns: tuple[str, ...]) -> bool:
    """Whether `folder`, or one between it and `root`, fits a pattern of those not looked into."""
    if len(folder) <= len(root):
        return False
    return _is_like(folder, patterns) or _is_passed_by(folder.rpartition("/")[0], root, patterns)


def _is_like(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether `path` fits a pattern as pytest has it: by its name, or with a slash by its end."""
    return _compiled(patterns).match(f"/{path}") is not None


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return the expression that finds a path, with a slash in front, which fits a pattern."""
    wanted = (
        f"(?s:.*)/{translate(pattern.removeprefix('/'))}"
        if "/" in pattern
        else rf"(?:[^/]*/)*(?=[^/]*\Z){translate(pattern)}"
        for pattern in patterns
    )
    return re.compile("|".join(wanted) or "(?!)")


def _table_of(snapshot: Snapshot) -> Mapping[str, Any]:
    paths = frozenset(snapshot.paths())
    for name, section in _PLACES:
        data = snapshot.read(name) if name in paths else None
        if data is None or len(data) > _LARGEST_BYTES:
            continue
        table = _table(name, data.decode("utf-8-sig"), section)
        if table is not None or "pytest." in name:
            return table or {}
    return {}


def _table(name: str, text: str, section: tuple[str, ...]) -> Mapping[str, Any] | None:
    if not name.endswith(".toml"):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
        return parser[section[0]] if parser.has_section(section[0]) else None
    table: Any = tomllib.loads(text)
    for part in section:
        table = table.get(part) if isinstance(table, dict) else None
    nested = table.get("ini_options", table) if isinstance(table, dict) else None
    return nested if isinstance(nested, dict) else None


def _words(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, "")
    return tuple(shlex.split(value) if isinstance(value, str) else map(str, value))


def _ignored(options: Sequence[str]) -> Iterator[str]:
    for at, option in enumerate(options):
        name, equals, value = option.partition("=")
        found = value if equals else "".join(options[at + 1 : at + 2])
        if name in {"--ignore", "--ignore-glob"} and found:
            yield found.removeprefix("./").strip("/")


def _has_other_command(snapshot: Snapshot) -> bool:
    """Whether the repo's `mai.toml` names a test command that is not pytest."""
    data = (snapshot.read("mai.toml") or b"") if "mai.toml" in snapshot.paths() else b""
    try:
        command = tomllib.loads(data.decode("utf-8")).get("test_command")
    except (ValueError, RecursionError):
        return False
    return bool(command) and "pytest" not in str(command)
