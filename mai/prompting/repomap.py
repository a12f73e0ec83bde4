"""A map of a repo that fits a prompt: what is defined where, what matters for a task first.

A file matters by the words that its path and definitions share with the task, rare words more than
common ones; by being named in it; and by being imported by, or importing, what matters. Python
files are read with `ast`, which parses and never runs. What is too large, too deep or does not
parse is listed by its path alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from mai.prompting.outlines import Outline, Outlines, outline, shared, syntax_tree
from mai.protocols import KnowsBlobs, Snapshot
from mai.providers.tokens import most_tokens
from mai.suite import Suite

__all__ = ["definitions", "ranked_paths", "repo_map", "syntax_tree", "words"]

MAX_FILES = 3_000
#: One file with a hundred functions must not push all others out.
MAX_DEFINITIONS_SHOWN = 14
MAX_LINE_CHARACTERS = 320
_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])|\d+")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{2,}")
#: What in prose is meant as code: `so`, so(), so_on, soOn. An ordinary word is none.
_MEANT_AS_CODE = re.compile(
    r"`([A-Za-z_][\w.]*)`|\b([A-Za-z_]\w*)(?=\()|\b(\w+_\w+)\b|\b([A-Za-z]+[a-z][A-Z]\w*)\b"
)
_PATH_WEIGHT = 3.0
_NAMED_DEFINITION = 6.0
_NAMED_FILE = 20.0
#: Tests share all their words with what they test, and come after it unless tests are meant.
_TEST_SHARE = 0.5
#: What a neighbour gets of a file's own worth.
_NEIGHBOUR_SHARE = 0.25
_TEST_WORDS = frozenset({"test", "tests", "conftest"})


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    outline: Outline
    words_of_path: frozenset[str]
    words_defined: frozenset[str]
    is_test: bool


def repo_map(snapshot: Snapshot, task: str, room_tokens: int, outlines: Outlines = shared) -> str:
    """Return lines of `path: definitions` within `room_tokens`, best match with `task` first.

    Where a line does not fit, its path alone may; lines are left out from the end, and the result
    may be empty.
    """
    entries = _ranked(snapshot, task, outlines)
    wanted = words(task)
    lines: list[str] = []
    left = room_tokens
    for entry in entries:
        for line in (_line(entry, wanted), entry.path):
            cost = most_tokens(line + "\n")
            if cost <= left:
                lines.append(line)
                left -= cost
                break
        else:
            break
    return "\n".join(lines)


def ranked_paths(snapshot: Snapshot, task: str, outlines: Outlines = shared) -> list[str]:
    """Return the paths of the tree by how much they have to do with `task`, most first."""
    return [entry.path for entry in _ranked(snapshot, task, outlines)]


def _ranked(snapshot: Snapshot, task: str, outlines: Outlines) -> list[_Entry]:
    suite = Suite(snapshot)
    entries = [
        _Entry(path, found, words(path), words(" ".join(found.definitions)), suite.holds(path))
        for path, found in _outlined(snapshot, outlines)
    ]
    worth = _worth(entries, task)
    entries.sort(key=lambda entry: (-worth[entry.path], entry.path.count("/"), entry.path))
    return entries


def words(text: str) -> frozenset[str]:
    """Return the words of a text or identifier, lower case, `parse_rows` and `parseRows` alike."""
    return frozenset(word.lower() for word in _WORD.findall(text) if len(word) > 2)  # noqa: PLR2004 - shorter words match everything


def definitions(data: bytes) -> tuple[str, ...]:
    """Return what a Python file defines at its top, such as `def mean(xs)`, `class A: f, g`.

    Empty where the file is too large or deep, or does not parse.
    """
    return outline(data).definitions


def _outlined(snapshot: Snapshot, outlines: Outlines) -> list[tuple[str, Outline]]:
    found = []
    knows = snapshot if isinstance(snapshot, KnowsBlobs) else None
    for path in [path for path in snapshot.paths() if path.endswith(".py")][:MAX_FILES]:
        blob_id = (knows.blob_id(path) or "") if knows else ""
        # Looked up before it is read: reading a blob is what costs.
        known = outlines.of(blob_id, None) if blob_id else None
        known = known or outlines.of(blob_id, snapshot.read(path) or b"")
        found.append((path, known or Outline()))
    outlines.save()
    return found


def _worth(entries: Sequence[_Entry], task: str) -> dict[str, float]:
    """Return what each path is worth for `task`, 0 where it has nothing to do with it."""
    wanted = words(task)
    meant = " ".join("".join(groups) for groups in _MEANT_AS_CODE.findall(task))
    names = set(_IDENTIFIER.findall(meant))
    seen = Counter(
        word for entry in entries for word in wanted & (entry.words_of_path | entry.words_defined)
    )
    # A word that half the repo has says little, one that a single file has says most.
    rarity = {word: math.log(1 + len(entries) / count) for word, count in seen.items()}
    own = {entry.path: _own_worth(entry, task, names, wanted, rarity) for entry in entries}
    return _with_neighbours(entries, own)


def _own_worth(
    entry: _Entry,
    task: str,
    names: set[str],
    wanted: frozenset[str],
    rarity: Mapping[str, float],
) -> float:
    worth = _PATH_WEIGHT * sum(rarity[word] for word in wanted & entry.words_of_path)
    worth += sum(rarity[word] for word in wanted & entry.words_defined)
    defined = set(_IDENTIFIER.findall(" ".join(entry.outline.definitions))) - {"def", "class"}
    worth += _NAMED_DEFINITION * len(names & defined)
    if entry.path in task or PurePosixPath(entry.path).name in task:
        return worth + _NAMED_FILE
    is_test = entry.is_test and not _TEST_WORDS & wanted
    return worth * _TEST_SHARE if is_test else worth


def _with_neighbours(entries: Sequence[_Entry], own: Mapping[str, float]) -> dict[str, float]:
    by_module: dict[str, str] = {}
    for entry in entries:
        module = entry.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        by_module[module] = entry.path
        # `src/pkg/a.py` is imported as `pkg.a`.
        by_module.setdefault(module.removeprefix("src.").removeprefix("lib."), entry.path)
    best = dict.fromkeys(own, 0.0)
    for entry in entries:
        package = entry.path.split("/")[:-1]
        for name in entry.outline.imports:
            target = by_module.get(_absolute(name, package))
            if target is not None and target != entry.path:
                best[target] = max(best[target], own[entry.path])
                best[entry.path] = max(best[entry.path], own[target])
    return {path: worth + _NEIGHBOUR_SHARE * best[path] for path, worth in own.items()}


def _absolute(name: str, package: Sequence[str]) -> str:
    rest = name.lstrip(".")
    level = len(name) - len(rest)
    if not level:
        return name
    base = list(package[: len(package) - level + 1])
    return ".".join([*base, rest] if rest else base)


def _line(entry: _Entry, wanted: frozenset[str]) -> str:
    """Return path and definitions, those that match first to be kept where there are many."""
    every = entry.outline.definitions
    if not every:
        return entry.path
    kept: set[str] = set()
    left = MAX_LINE_CHARACTERS
    for one in sorted(every, key=lambda one: not words(one) & wanted):
        left -= len(one) + 2
        if kept and (left < 0 or len(kept) >= MAX_DEFINITIONS_SHOWN):
            break
        kept.add(one)
    shown = [one for one in every if one in kept]
    more = ["…"] if len(kept) < len(set(every)) else []
    return f"{entry.path}: {', '.join([*shown, *more])}"
