"""Globs over paths inside a repo. They mean everywhere what they mean in a `.gitignore`.

`*` and `?` stay within one name, `**` crosses folders, a folder's name covers what lies below it,
and a pattern without a slash matches at any depth. In a list, a later `!pattern` takes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pathspec import GitIgnoreSpec


def matches(path: str, pattern: str) -> bool:
    """Whether `path` (`/`-separated, relative) is what `pattern` names, or lies below it."""
    return which(path, (pattern,)) is not None


def which(path: str, patterns: Sequence[str]) -> str | None:
    """Return the one of `patterns` that covers `path`, None where none does."""
    found = _compiled(tuple(patterns)).check_file(path)
    return patterns[found.index] if found.include and found.index is not None else None


def is_glob(pattern: str) -> bool:
    """Whether `pattern` can match something: no comment, not empty, no end missing."""
    (compiled,) = _compiled((pattern,)).patterns
    return compiled.include is not None


@lru_cache(maxsize=256)
def _compiled(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(_line(pattern) for pattern in patterns)


def _line(pattern: str) -> str:
    cleaned = pattern.removeprefix("./")
    try:
        GitIgnoreSpec.from_lines([cleaned])
    except ValueError:
        return ""  # it matches nothing, and keeps its place in the list
    return cleaned
