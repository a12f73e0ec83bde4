"""Colours for Mai's own marks and for a diff, added after all text was made safe to show.

A mark is coloured only in a place where Mai itself puts one: at a line's start, or where a row, a
card's head or a finding has its level. Words of others are never coloured as Mai's, whatever signs
they hold.
"""

from __future__ import annotations

import os
import re
from typing import TextIO

_RED, _GREEN, _YELLOW, _ACCENT, _CYAN = "31", "32", "33", "94", "36"
_RED_REVERSED = "31;7"
_MARKS = {
    "▲": _YELLOW,
    "◆": _RED,
    "■": _RED_REVERSED,
    "✓": _GREEN,
    "✗": _RED,
    "●": _ACCENT,
}
_LEVEL = r"▲ MEDIUM|◆ HIGH|■ BLOCKED"
_AT_START = re.compile(rf"\A( *)({_LEVEL}|[▲◆■✓✗●](?= ))")
# `Risk    ◆ HIGH`, `● 7f3a… · ◆ HIGH · …`, `● 7f3a…  pending  ◆ HIGH`, `m.py:3:1: ◆ HIGH …`.
_LATER = re.compile(
    r"\A((?:Risk    |. [0-9a-f]+ · |. [0-9a-f]+  \S+ +|[^▲◆■]*?:\d+:\d+: ))" + f"({_LEVEL})"
)
_DIFF = (
    (("diff --git ",), "1"),
    (("+",), _GREEN),
    (("-",), _RED),
    (("@@",), _CYAN),
)


def wants_colour(stream: TextIO) -> bool:
    """Return whether `stream` is a terminal that shows colours to a person who wants them.

    Any non-empty `NO_COLOR` turns them off (https://no-color.org).
    """
    return (
        stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") not in {"", "dumb"}
    )


def paint_line(line: str) -> str:
    """Return one line of Mai's with its marks coloured."""
    if line.isascii() or line.startswith("> "):
        return line
    line = _LATER.sub(lambda match: match[1] + _coloured(match[2]), line)
    return _AT_START.sub(lambda match: match[1] + _coloured(match[2]), line)


def paint_diff_line(line: str) -> str:
    """Return one line of a diff in the colour of its sign."""
    for signs, colour in _DIFF:
        if line.startswith(signs):
            return _in(colour, line)
    return line


def _coloured(mark: str) -> str:
    return _in(_MARKS[mark[0]], mark)


def _in(colour: str, text: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"
