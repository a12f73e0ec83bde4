"""What was said, as lines of a given width. No widgets: one can draw a thousand turns at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from typing import Protocol

from textual.content import Content

from mai.text import plain

INDENT = 2
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


class Spoken(Protocol):
    """Something that stands in the conversation."""

    @property
    def transcript(self) -> str:
        """What it says, as text."""
        ...

    def lines(self, width: int) -> Sequence[Content]:
        """Return what it says as lines of at most `width` cells."""
        ...


class Speech:
    """One thing that somebody said, whole or still growing."""

    def __init__(
        self, speaker: str, text: str, *, is_markdown: bool = False, is_named: bool = True
    ) -> None:
        self.speaker = speaker
        self.text = plain(text)
        self.is_live = False
        self._is_markdown = is_markdown
        self._is_named = is_named
        self._settled: tuple[int, int, list[Content]] = (0, 0, [])
        self._drawn: tuple[int, str, bool, list[Content]] | None = None

    @property
    def transcript(self) -> str:
        """Who said what."""
        return f"{self.speaker}: {self.text}"

    def grow(self, text: str, *, is_live: bool) -> None:
        """Say `text`, which continues what was there; the last call has `is_live` false."""
        self.text = plain(text)
        self.is_live = is_live

    def lines(self, width: int) -> Sequence[Content]:
        """Return the speaker's name and, indented, the words."""
        key = (width, self.text, self.is_live)
        if self._drawn is None or self._drawn[:3] != key:
            room = max(10, width - INDENT)
            body = self._markdown(room) if self._is_markdown else wrapped(self.text, room)
            name = [Content.styled(self.speaker, "bold")] if self._is_named else []
            lines = [*name, *(Content.assemble(" " * INDENT, line) for line in body)]
            self._drawn = (*key, lines)
        return self._drawn[3]

    def _markdown(self, width: int) -> list[Content]:
        """Return the lines; while it grows, only what follows the last whole paragraph is new."""
        if not self.is_live:
            self._settled = (0, 0, [])
            return markdown_lines(self.text, width)
        end, at_width, lines = self._settled
        if at_width != width:
            end, lines = 0, []
        whole = _end_of_whole(self.text, end)
        if whole > end:
            lines = _apart(lines, markdown_lines(self.text[end:whole], width))
        self._settled = (whole, width, lines)
        tail = self.text[whole:].strip("\n")
        return _apart(lines, markdown_lines(tail, width)) if tail else lines or [Content("")]


class Remarks:
    """Dim lines about work, one below the other."""

    def __init__(self, first: Content) -> None:
        self._remarks = [first]
        self._drawn: tuple[int, int, list[Content]] | None = None

    @property
    def transcript(self) -> str:
        """The lines as they read."""
        return "\n".join(line.plain for line in self._remarks)

    def add(self, line: Content) -> None:
        """Add a line."""
        self._remarks.append(line)

    def lines(self, width: int) -> Sequence[Content]:
        """Return the lines, each wrapped under its own beginning."""
        key = (width, len(self._remarks))
        if self._drawn is None or self._drawn[:2] != key:
            drawn: list[Content] = []
            for remark in self._remarks:
                first, *rest = remark.stylize_before("$muted").wrap(max(10, width - 2 * INDENT))
                drawn.append(Content.assemble(" " * INDENT, first))
                drawn += [Content.assemble(" " * 2 * INDENT, more) for more in rest]
            self._drawn = (*key, drawn)
        return self._drawn[2]


def wrapped(text: str, width: int) -> list[Content]:
    """Return plain text as lines of at most `width` cells."""
    return Content(text).wrap(width) if text else [Content("")]


def markdown_lines(text: str, width: int) -> list[Content]:
    """Return Markdown as lines of text that can be selected; links are shown, not live."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.text import Text
    from rich.theme import Theme

    console = Console(
        file=StringIO(),
        width=width,
        color_system="truecolor",
        force_terminal=True,
        legacy_windows=False,
        theme=Theme(_MARKDOWN_STYLES),
    )
    rendered = console.render_lines(
        Markdown(text, hyperlinks=False, code_theme="ansi_dark"), pad=False
    )
    lines = []
    for segments in rendered:
        line = Text.assemble(*((one.text, one.style or "") for one in segments if not one.control))
        line.rstrip()
        lines.append(Content.from_rich_text(line))
    while len(lines) > 1 and not lines[-1].plain.strip():
        lines.pop()
    while len(lines) > 1 and not lines[0].plain.strip():
        lines.pop(0)
    return lines or [Content("")]


_MARKDOWN_STYLES = {
    "markdown.code": "bold",
    "markdown.code_block": "none",
    "markdown.h1": "bold",
    "markdown.h2": "bold",
    "markdown.h3": "bold",
    "markdown.item.bullet": "none",
    "markdown.item.number": "none",
    "markdown.block_quote": "italic",
    "markdown.link": "underline",
    "markdown.link_url": "underline",
}


def _apart(lines: list[Content], more: list[Content]) -> list[Content]:
    return [*lines, *([Content("")] if lines else []), *more]


def _end_of_whole(text: str, start: int) -> int:
    """Return where the last paragraph that is whole ends; a code fence is whole once closed."""
    end = text.rfind("\n\n", start)
    while end > start:
        if len(_FENCE.findall(text[start:end])) % 2 == 0:
            return end
        end = text.rfind("\n\n", start, end)
    return start
