"""A unified diff as rows for a screen: side by side or one below the other, nothing left out.

Protected core: what is shown before a yes is made here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mai.hunk_headers import HunkHeader, read_hunk_header
from mai.visible import visible

#: A diff of more lines is shown up to here, and a note says what is left.
MOST_LINES = 20_000
#: Comparing longer lines character by character would hold up the screen.
_LONGEST_COMPARED = 400
_ALIKE = 0.5

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: its number from 1, its text as `visible` shows it.

    `partner` is the text of the line that it replaces or that replaces it, None where none does.
    """

    number: int
    text: str
    partner: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A line that is not of a file: its path, where a hunk begins, or a remark of git's."""

    kind: Literal["file", "hunk", "note"]
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that both sides share (then `old` and `new` are as long), or that were replaced."""

    path: str
    old: tuple[Line, ...]
    new: tuple[Line, ...]
    is_context: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a screen. Side by side it has `old` and `new`; unified it has one of them.

    `mark` is ` ` for what both share, `-`, `+`, or `~` where both sides stand in one row.
    """

    mark: str
    path: str
    old: Line | None = None
    new: Line | None = None
    head: Head | None = None


def parse_diff(diff: str, most_lines: int = MOST_LINES) -> list[Head | Block]:
    """Read git's unified diff. Counts in the hunk heads, not looks, say what is a file's line."""
    lines = diff.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    left = len(lines) - most_lines
    del lines[most_lines:]
    parts: list[Head | Block] = []
    path, at = "", 0
    while at < len(lines):
        found = read_hunk_header(lines[at])
        if found:
            parts.append(Head("hunk", visible(lines[at])))
            at = _read_hunk(lines, at + 1, found, path, parts)
            continue
        if lines[at].startswith("diff --git "):
            path = _path_of(lines[at])
            parts.append(Head("file", visible(path)))
        elif not lines[at].startswith(("index ", "--- ", "+++ ")):
            parts.append(Head("note", visible(lines[at])))
        at += 1
    if left > 0:
        parts.append(Head("note", f"{left} more lines are not shown here; `mai show` has them."))
    return parts


def split_rows(parts: Sequence[Head | Block]) -> Iterator[Row]:
    """Yield rows with the old side left and the new side right."""
    for part in parts:
        if isinstance(part, Head):
            yield Row(" ", "", head=part)
            continue
        for at in range(max(len(part.old), len(part.new))):
            old = part.old[at] if at < len(part.old) else None
            new = part.new[at] if at < len(part.new) else None
            yield Row(" " if part.is_context else "~", part.path, old, new)


def unified_rows(parts: Sequence[Head | Block]) -> Iterator[Row]:
    """Yield rows with what was removed above what was added."""
    for part in parts:
        if isinstance(part, Head):
            yield Row(" ", "", head=part)
        elif part.is_context:
            yield from (
                Row(" ", part.path, old, new) for old, new in zip(part.old, part.new, strict=True)
            )
        else:
            yield from (Row("-", part.path, old=line) for line in part.old)
            yield from (Row("+", part.path, new=line) for line in part.new)


def _read_hunk(
    lines: Sequence[str], at: int, head: HunkHeader, path: str, parts: list[Head | Block]
) -> int:
    """Append the blocks of one hunk to `parts`; return where the next line stands."""
    old_at, new_at = head.old_start, head.new_start
    old_left, new_left = head.old_count, head.new_count
    old: list[Line] = []
    new: list[Line] = []
    is_context = True

    def flush() -> None:
        if old or new:
            pair = (old, new) if is_context else (_paired(old, new), _paired(new, old))
            parts.append(Block(path, tuple(pair[0]), tuple(pair[1]), is_context))
            old.clear()
            new.clear()

    while at < len(lines) and (old_left > 0 or new_left > 0 or lines[at].startswith("\\")):
        mark, text = lines[at][:1], visible(lines[at][1:])
        at += 1
        if mark == "\\":
            flush()
            parts.append(Head("note", text.strip()))
            continue
        # A removal after an addition begins another change: they are no partners.
        is_shared = mark not in {"-", "+"}
        if is_context != is_shared or (mark == "-" and new and not is_context):
            flush()
            is_context = is_shared
        if mark != "+":
            old.append(Line(old_at, text))
            old_at, old_left = old_at + 1, old_left - 1
        if mark != "-":
            new.append(Line(new_at, text))
            new_at, new_left = new_at + 1, new_left - 1
    flush()
    return at


@lru_cache(maxsize=1024)
def differences(old: str, new: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return which characters of `old` and of `new` differ; nothing where hardly any agree."""
    if max(len(old), len(new)) > _LONGEST_COMPARED:
        return (), ()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return (), ()
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    removed = tuple((code[1], code[2]) for code in changes if code[1] < code[2])
    added = tuple((code[3], code[4]) for code in changes if code[3] < code[4])
    return removed, added


def _paired(lines: Sequence[Line], others: Sequence[Line]) -> tuple[Line, ...]:
    """Tell each line which one of the other side it stands beside."""
    return tuple(
        Line(line.number, line.text, others[at].text if at < len(others) else None)
        for at, line in enumerate(lines)
    )


def _path_of(line: str) -> str:
    """Return the new path of `diff --git a/… b/…`; git quotes a path with odd characters."""
    rest = line.removeprefix("diff --git ")
    if rest.endswith('"'):
        return rest[rest.rfind(' "b/') + 2 :].strip('"').removeprefix("b/")
    half = (len(rest) - 1) // 2
    if rest[half : half + 1] == " " and rest[2:half] == rest[half + 3 :]:
        return rest[2:half]
    return rest.rpartition(" b/")[2]
