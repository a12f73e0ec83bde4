"""Lines that are too long for the terminal, broken at spaces and never within a word."""

from __future__ import annotations

import os
import re
import unicodedata
from typing import TextIO

_NARROWEST = 20
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
# A coloured mark is one word, its space included.
_PIECES = re.compile(r" +|(?:\x1b\[[\d;]*m.*?\x1b\[0m|[^ \x1b]|\x1b)+")
_QUOTED = "> "
_HANGING = 2
_DIGITS = 6
_WITHOUT_ROOM = frozenset(("Mn", "Me", "Cf"))
_DOUBLE = frozenset("WF")
# Where a list's or a card's last column begins: after a sign or a name and two spaces or more.
_COLUMN = re.compile(r"\S( {2,})(?=\S)")


def size_of(stream: TextIO) -> tuple[int, int]:
    """Return columns and rows of the terminal behind `stream`, 0 for what is not known.

    `COLUMNS` and `LINES` are stronger than what the terminal says of itself.
    """
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, rows = 0, 0
    return _named("COLUMNS") or columns, _named("LINES") or rows


def _named(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else 0


def wrap_line(line: str, width: int) -> str:
    """Return `line` in lines of at most `width` columns. A longer word stays whole.

    What follows the first one is indented, so that it never passes for a line of its own; in a
    quotation it stays behind the quotation's mark.
    """
    if width < _NARROWEST or columns(line) <= width:
        return line
    start = _start_of_next(line, width)
    lines, current, used = [], "", 0
    space = ""
    for piece in _PIECES.findall(line):
        if piece.isspace():
            space = piece
            continue
        needed = columns(piece)
        if current.strip(" >") and used + len(space) + needed > width:
            lines.append(current)
            current, used, space = start, len(start), ""
        current += space + piece
        used += len(space) + needed
        space = ""
    return "\n".join([*lines, current])


def columns(text: str) -> int:
    """Return how many columns a terminal needs for `text`; colours need none."""
    text = _COLOUR.sub("", text)
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(one: str) -> int:
    if unicodedata.category(one) in _WITHOUT_ROOM:
        return 0
    return 2 if unicodedata.east_asian_width(one) in _DOUBLE else 1


def _start_of_next(line: str, width: int) -> str:
    bare = _COLOUR.sub("", line)
    if bare.startswith(_QUOTED):
        return _QUOTED
    indent = len(bare) - len(bare.lstrip(" "))
    found = [match.end() for match in _COLUMN.finditer(bare) if match.end() <= width // 2]
    return " " * (found[-1] if found else min(indent + _HANGING, width // 2))
