"""The conversation: one widget for each thing said, however long, so that long talks stay quick."""

from __future__ import annotations

import re
from io import StringIO

from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from mai.text import plain

INDENT = 2
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


class Turn(Widget):
    """One thing that somebody said. Knows its lines for the width it is shown at."""

    DEFAULT_CSS = "Turn { height: auto; width: 1fr; }"

    def __init__(
        self, speaker: str, text: str, *, is_markdown: bool = False, is_named: bool = True
    ) -> None:
        super().__init__()
        self._is_named = is_named
        self.speaker = speaker
        self.text = plain(text)
        self._is_markdown = is_markdown
        self._is_live = False
        self._settled: tuple[int, int, list[Content]] = (0, 0, [])
        self._lines: tuple[int, str, Content] | None = None

    def grow(self, text: str, *, is_live: bool = True) -> None:
        """Show `text`, which continues what was there; the last call has `is_live` false."""
        self.text = plain(text)
        self._is_live = is_live
        self._lines = None
        self.refresh(layout=True)

    def render(self) -> Content:
        """Draw it for the width there is."""
        return self._drawn(self.content_size.width or self.size.width or 80)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """Return how many lines it takes at `width`."""
        return self._drawn(width).plain.count("\n") + 1 if width else 0

    def _drawn(self, width: int) -> Content:
        if self._lines is None or self._lines[:2] != (width, self.text):
            room = max(10, width - INDENT)
            body = self._markdown(room) if self._is_markdown else _wrapped(self.text, room)
            indent = Content(" " * INDENT)
            lines = [Content.styled(self.speaker, "bold")] if self._is_named else []
            lines += [Content.assemble(indent, line) for line in body]
            self._lines = (width, self.text, Content("\n").join(lines))
        return self._lines[2]

    def _markdown(self, width: int) -> list[Content]:
        """Return the lines; while it grows, only what follows the last whole paragraph is new."""
        if not self._is_live:
            self._settled = (0, 0, [])
            return markdown_lines(self.text, width)
        end, at_width, lines = self._settled
        if at_width != width:
            end, lines = 0, []
        whole = _end_of_whole(self.text, end)
        if whole > end:
            fresh = markdown_lines(self.text[end:whole], width)
            lines = [*lines, *([Content("")] if lines else []), *fresh]
            self._settled = (whole, width, lines)
        tail = self.text[whole:].strip("\n")
        if not tail:
            return lines or [Content("")]
        return [*lines, *([Content("")] if lines else []), *markdown_lines(tail, width)]


class Notes(Widget):
    """Dim lines about work, one below the other; the last ones of a run share a widget."""

    DEFAULT_CSS = "Notes { height: auto; width: 1fr; color: $muted; padding: 0 0 0 2; }"

    def __init__(self, first: Content) -> None:
        super().__init__()
        self._lines = [first]

    @property
    def text(self) -> str:
        """The lines as they read."""
        return "\n".join(line.plain for line in self._lines)

    def add(self, line: Content) -> None:
        """Add a line."""
        self._lines.append(line)
        self.refresh(layout=True)

    def render(self) -> Content:
        """Draw the lines, each wrapped under its own beginning."""
        return self._drawn(self.content_size.width or self.size.width or 80)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """Return how many lines they take at `width`."""
        return self._drawn(width).plain.count("\n") + 1 if width else 0

    def _drawn(self, width: int) -> Content:
        drawn: list[Content] = []
        for line in self._lines:
            first, *rest = line.wrap(max(10, width - INDENT))
            drawn += [first, *(Content.assemble(" " * INDENT, more) for more in rest)]
        return Content("\n").join(drawn)


class Conversation(VerticalScroll):
    """Everything said, the newest at the bottom; a reader who scrolled up is left alone."""

    DEFAULT_CSS = """
    Conversation { layout: stream; padding: 0 1; scrollbar-size-vertical: 1; }
    Conversation > .-apart { margin: 0 0 1 0; }
    """
    can_focus = False

    def watch_virtual_size(self) -> None:
        """Follow the end once there is more than fits."""
        self._follow()

    def on_resize(self) -> None:
        """Likewise where there is more or less room now."""
        self._follow()

    def _follow(self) -> None:
        # An anchor puts a short conversation at the bottom of the screen; it belongs at the top.
        is_long = self.virtual_size.height > self.container_size.height
        if is_long and not self.is_anchored:
            self.anchor()
        elif not is_long and self.is_anchored:
            self.anchor(False)  # noqa: FBT003 - Textual's signature
            self.scroll_to(0, 0, animate=False, force=True)

    def follow(self) -> None:
        """Go to the end, wherever the reader was, and stay there."""
        if self.is_anchored:
            self.anchor()

    def say(self, speaker: str, text: str, *, is_markdown: bool = False) -> Turn:
        """Add what `speaker` said; who goes on speaking is not named again."""
        last = self.children[-1] if self.children else None
        goes_on = isinstance(last, Turn) and last.speaker == speaker
        turn = Turn(speaker, text, is_markdown=is_markdown, is_named=not goes_on)
        turn.add_class("-apart")
        self.mount(turn)
        return turn

    def clear(self) -> None:
        """Forget everything said."""
        self.remove_children()

    def note(self, line: Content, sign: str = "▸ ") -> None:
        """Add a line about work to the notes at the end, or begin some."""
        last = self.children[-1] if self.children else None
        line = Content.assemble(sign, line)
        if isinstance(last, Notes):
            last.add(line)
        else:
            notes = Notes(line)
            notes.add_class("-apart")
            self.mount(notes)

    @property
    def transcript(self) -> str:
        """All of it as text."""
        parts = (child for child in self.children if isinstance(child, Turn | Notes))
        return "\n".join(
            f"{part.speaker}: {part.text}" if isinstance(part, Turn) else part.text
            for part in parts
        )


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
    return lines


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


def _end_of_whole(text: str, start: int) -> int:
    """Return where the last paragraph that is whole ends; a code fence is whole once closed."""
    end = text.rfind("\n\n", start)
    while end > start:
        if len(_FENCE.findall(text[start:end])) % 2 == 0:
            return end
        end = text.rfind("\n\n", start, end)
    return start


def _wrapped(text: str, width: int) -> list[Content]:
    return Content(text).wrap(width) if text else [Content("")]
