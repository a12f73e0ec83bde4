"""The line that begins a hunk, `@@ -1,2 +3,4 @@`: the one reader of its numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBERS = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@", re.ASCII)


@dataclass(frozen=True, slots=True)
class HunkHeader:
    """Where a hunk begins in the old and the new file, and how many lines it has of each."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int


def read_hunk_header(line: str) -> HunkHeader | None:
    """Return the numbers of a hunk's header, None where `line` is none with numbers."""
    match = _NUMBERS.match(line)
    if match is None:
        return None
    old_start, old_count, new_start, new_count = match.groups("1")
    return HunkHeader(int(old_start), int(old_count), int(new_start), int(new_count))
