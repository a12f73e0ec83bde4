"""Requirement files as pip reads them (pip's documentation, "Requirements File Format").

A thin reader of its own: the libraries for this open files by themselves, and must not here.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

from mai.sandbox.manifests.collector import Collector, Entry

_DEEPEST = 20
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_OPTION = re.compile(r"(-[a-zA-Z]|--[a-z-]+)(?:\s+|=|(?<=^-[a-zA-Z])(?=\S)|$)(.*)", re.DOTALL)
#: Options behind a requirement: pip checks hashes, and nothing else here needs them.
_TRAILING = re.compile(r"\s+--[a-z-]+.*$", re.DOTALL)
_INCLUDE = frozenset({"-r", "--requirement", "--requirements"})
_CONSTRAIN = frozenset({"-c", "--constraint", "--constraints"})
_EDITABLE = frozenset({"-e", "--editable"})
#: Options that lose nothing where only wheels are taken.
_HARMLESS = frozenset(
    {"--no-binary", "--only-binary", "--prefer-binary", "--require-hashes", "--use-feature"}
)


def read_requirement_file(collector: Collector, path: str, *, depth: int = 0) -> None:
    """Collect what the file at `path`, and those that it includes, ask for."""
    collector.take(requirement_entries(collector, path, depth=depth))


def requirement_entries(collector: Collector, path: str, *, depth: int = 0) -> list[Entry]:
    """Return what the file at `path` asks for; its constraints are collected."""
    if collector.is_known(path) or depth > _DEEPEST:
        return []
    text = collector.text(path)
    if text is None:
        return []
    found: list[Entry] = []
    for number, line in _logical_lines(text):
        found += entries_of_line(collector, Entry(line, path, number), depth)
    return found


def requirement_lines(text: str, path: str, first: int = 1) -> list[Entry]:
    """Return the requirements in lines of `text` that is part of another kind of file."""
    return [
        Entry(_TRAILING.sub("", line), path, number + first - 1)
        for number, line in _logical_lines(text)
    ]


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its number; lines that end with a backslash are continued."""
    joined, start = "", 0
    # Not `splitlines`, which ends lines at characters that pip does not.
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        start = start or number
        is_comment = raw.lstrip().startswith("#")
        if raw.endswith("\\") and not is_comment:
            joined += raw[:-1] + " "
            continue
        line = _COMMENT.sub("", joined if is_comment else joined + raw).strip()
        if line:
            yield start, line
        joined, start = "", 0
    if line := _COMMENT.sub("", joined).strip():
        yield start, line


def entries_of_line(collector: Collector, entry: Entry, depth: int = 0) -> list[Entry]:
    """Return what one line in pip's form asks for, with the files that it includes."""
    if not entry.text.startswith("-"):
        return [Entry(_TRAILING.sub("", entry.text), entry.file, entry.line)]
    match = _OPTION.fullmatch(entry.text)
    name, value = (match[1], _unquoted(match[2])) if match else (entry.text, "")
    if name in _EDITABLE:
        return [Entry(value, entry.file, entry.line)]
    if name not in _INCLUDE | _CONSTRAIN:
        if name not in _HARMLESS:
            collector.drop(entry, "options of pip are not followed")
        return []
    path = posixpath.normpath(posixpath.join(posixpath.dirname(entry.file), value))
    problem = ""
    if path.startswith(("/", "../")) or "$" in path or "://" in path or not value:
        problem = "it leads out of the repo"
    elif collector.read(path) is None:
        problem = "the repo has no such file"
    if problem:
        collector.drop(entry, problem)
        return []
    found = requirement_entries(collector, path, depth=depth + 1)
    if name in _INCLUDE:
        return found
    collector.constraints += found
    return []


def _unquoted(value: str) -> str:
    try:
        words = shlex.split(value)
    except ValueError:
        return value.strip()
    return words[0] if words else ""
