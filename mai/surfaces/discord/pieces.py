"""Long texts as messages: cut between blocks, with every code fence closed and opened again."""

from __future__ import annotations

import re
from collections.abc import Iterator

MESSAGE_CHARACTERS = 2000  # Discord's limit for a message's content
_FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)")


def pieces(text: str, limit: int = MESSAGE_CHARACTERS) -> list[str]:
    """Return `text` as pieces of at most `limit` characters, none of them empty.

    It is cut between paragraphs where that is possible, else between lines, else between words. A
    fence that is cut is closed in one piece and opened again, in the same language, in the next.
    """
    found: list[str] = []
    piece = _Piece(limit)
    for line in _lines(text, limit // 2):
        if not piece.takes(line):
            found += piece.cut()
        piece.add(line)
    return [one for one in (*found, piece.whole()) if one.strip()]


class _Piece:
    """The piece that is being filled. `_fence` is the opening line of the fence it is in."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: list[str] = []
        self._length = 0
        self._fence = ""

    def takes(self, line: str) -> bool:
        """Whether `line` and what would close an open fence still fit."""
        return self._length + len(line) + 1 + len(self._closing(line)) <= self._limit

    def add(self, line: str) -> None:
        """Put `line` at the end."""
        self._fence = _fence_after(self._fence, line)
        self._lines.append(line)
        self._length += len(line) + 1

    def cut(self) -> list[str]:
        """Return what is full, and begin again with what belongs to the next piece."""
        kept: list[str] = []
        if not self._fence and (place := self._last_gap()) > 0:
            self._lines, kept = self._lines[:place], self._lines[place + 1 :]
        done, fence = self.whole(), self._fence
        self._lines, self._length, self._fence = [], 0, ""
        for line in [fence, *kept] if fence else kept:
            self.add(line)
        return [done]

    def whole(self) -> str:
        """Return the piece with an open fence closed."""
        closing = [_marks(self._fence)] if self._fence else []
        return "\n".join([*self._lines, *closing]).strip("\n")

    def _closing(self, line: str) -> str:
        fence = _fence_after(self._fence, line) or self._fence
        return f"\n{_marks(fence)}" if fence else ""

    def _last_gap(self) -> int:
        """Return the last empty line outside a fence in the second half, 0 where there is none."""
        fence, gap, length = "", 0, 0
        for place, line in enumerate(self._lines):
            fence = _fence_after(fence, line)
            length += len(line) + 1
            if not fence and not line.strip() and length > self._length // 2:
                gap = place
        return gap


def _fence_after(fence: str, line: str) -> str:
    found = _FENCE.match(line)
    if not found:
        return fence
    if not fence:
        return found[1] + found[2][:20]
    closes = found[1].startswith(_marks(fence)) and not found[2]
    return "" if closes else fence


def _marks(fence: str) -> str:
    return fence[: len(fence) - len(fence.lstrip(fence[0]))] if fence else ""


def _lines(text: str, longest: int) -> Iterator[str]:
    """Yield the lines of `text`, those longer than `longest` in parts that end between words."""
    for line in text.split("\n"):
        rest = line
        while len(rest) > longest:
            place = rest.rfind(" ", longest // 2, longest) + 1 or longest
            yield rest[:place].rstrip()
            rest = rest[place:]
        yield rest
