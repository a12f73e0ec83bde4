"""The fenced blocks of a reply (CommonMark 0.31, "Fenced code blocks"), and where they end.

A file that has fences of its own, such as a README, ends its block too early unless the outer fence
is longer. Where the text can be read as nested fences and in no other way, it is; else it is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mai.edits.labels import label
from mai.edits.markers import is_divider, is_replace, is_search, search_end
from mai.errors import EditError

_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})(.*)")
_SEARCH_FENCE_REACH = 3  # a path and a blank line may stand before the first marker


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: `lines[start]` opens it, `lines[end]` closes it (or is past the last).

    `is_bare`: a SEARCH/REPLACE block without a fence; the two are its markers.
    """

    start: int
    end: int
    info: str
    indent: int = 0
    is_bare: bool = False


@dataclass(slots=True)
class _Reading:
    """One way to read the fences of a text, and what speaks against it."""

    fences: list[Fence]
    is_open: bool = False
    unclosed_at: int | None = None
    doubtful_at: int | None = None


def is_fence(line: str) -> bool:
    """Whether `line` could open a fenced block."""
    return _opening(line) is not None


def find_fences(lines: Sequence[str]) -> list[Fence]:
    """Return the top-level fenced blocks of a reply in order.

    Raises:
        EditError: the fences can be read in more than one way, or the last is never closed.
    """
    flat = _read(lines, nests=False)
    if flat.unclosed_at is None and flat.doubtful_at is None:
        return flat.fences
    if flat.is_open:
        nested = _read(lines, nests=True)
        if nested.unclosed_at is None:
            return nested.fences
    if flat.doubtful_at is not None:
        raise EditError(
            f"Line {flat.doubtful_at + 1}: a fence inside a fence can be read in several ways; "
            "put more backticks around the outer block."
        )
    at = flat.unclosed_at or 0
    raise EditError(f"Line {at + 1}: this fence is never closed; the reply may have been cut off.")


def is_open_after(lines: Sequence[str]) -> bool:
    """Whether `lines` end inside a fenced block."""
    return _read(lines, nests=False).is_open


def _read(lines: Sequence[str], *, nests: bool) -> _Reading:
    reading = _Reading([])
    at = 0
    while at < len(lines):
        if is_search(lines[at]):
            end = search_end(lines, at)
            reading.fences.append(Fence(at, end, "", is_bare=True))
            at = end + 1
            # A fence right after REPLACE closes one whose beginning was forgotten.
            at += _closes(lines, at)
            continue
        opening = _opening(lines[at])
        if not opening or _is_doubled(lines, at):
            at += 1
            continue
        end, is_closed = _end(lines, at, opening, reading, nests=nests)
        reading.is_open = not is_closed
        if is_closed or any(line.strip() for line in lines[at + 1 : end]):
            reading.fences.append(Fence(at, end, opening[3].strip(), len(opening[1])))
            if not is_closed and not _ends_with_search(lines, at):
                reading.unclosed_at = at
        at = end + 1
        if is_closed and _first_search(lines, reading.fences[-1].start) is not None:
            at += _closes(lines, at)  # one fence too many
    return reading


def _closes(lines: Sequence[str], at: int) -> bool:
    """Whether a fence that could only close a block stands at `lines[at]`."""
    match = _opening(lines[at]) if at < len(lines) else None
    return bool(match and not match[3].strip())


def _is_doubled(lines: Sequence[str], at: int) -> bool:
    """Whether the fence at `lines[at]` is written once more before its SEARCH."""
    following = lines[at + 1] if at + 1 < len(lines) else ""
    return is_fence(following) and _first_search(lines, at + 1) is not None


def _opening(line: str) -> re.Match[str] | None:
    match = _FENCE.fullmatch(line)
    # The info of a backtick fence has no backticks: ```like this``` is code in a line.
    return None if match and match[2][0] == "`" and "`" in match[3] else match


def _end(
    lines: Sequence[str], start: int, opening: re.Match[str], reading: _Reading, *, nests: bool
) -> tuple[int, bool]:
    """Return where the block ends and whether a fence closes it."""
    if _first_search(lines, start) is not None:
        return _search_fence_end(lines, start, opening)
    head = lines[start + 1 : start + 4]
    if len(head) == 3 and label(head[0]) and _closes(head, 1) and is_fence(head[2]):  # noqa: PLR2004 - path, end, next fence
        return start + 2, True  # a path alone, whatever the indentation of its fences
    depth = 0
    for at in range(start + 1, len(lines)):
        match = _fence_like(lines[at], opening)
        if not match:
            continue
        if match[3].strip():
            reading.doubtful_at = at if reading.doubtful_at is None else reading.doubtful_at
            depth += nests
        elif depth:
            depth -= 1
        else:
            return at, True
    return len(lines), False


def _fence_like(line: str, opening: re.Match[str]) -> re.Match[str] | None:
    """Return a match where `line` could close, or nest in, the block that `opening` opens."""
    match = _opening(line)
    if not match or match[1] != opening[1] or match[2][0] != opening[2][0]:
        return None
    return match if len(match[2]) >= len(opening[2]) else None


def _first_search(lines: Sequence[str], start: int) -> int | None:
    """Return where the first SEARCH marker of a block is, None where it is no such block."""
    for at in range(start + 1, min(start + 1 + _SEARCH_FENCE_REACH, len(lines))):
        if is_search(lines[at]):
            return at
        if _opening(lines[at]):
            return None
    return None


def _search_fence_end(lines: Sequence[str], start: int, opening: re.Match[str]) -> tuple[int, bool]:
    """Return the end of a block of SEARCH/REPLACE, whose content may hold any fences."""
    at = start + 1
    last_end = start
    while at < len(lines):
        if is_search(lines[at]):
            at = last_end = search_end(lines, at)
        else:
            match = _fence_like(lines[at], opening)
            if match and not match[3].strip():
                return at, True
            if lines[at].strip() and last_end > start and not lines[last_end + 1].strip():
                # The last fence was forgotten; what follows the empty line is prose.
                return last_end + 1, True
        at += 1
    return len(lines), False


def _ends_with_search(lines: Sequence[str], start: int) -> bool:
    """Whether nothing but blank lines follows the last REPLACE of a block without its fence."""
    if _first_search(lines, start) is None:
        return False
    last = next(line for line in reversed(lines) if line.strip())
    return is_replace(last) or is_divider(last)
