"""The conversation on the screen: few widgets and only the lines in view, so long talks stay quick.

The cost of a keypress and of a streamed word grows with the number of widgets that are laid out
(docs/benchmarks.md), so turns that lie back are gathered into one.
"""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual
from textual.widget import Widget

from mai.tui.spoken import Remarks, Speech, Spoken

#: So many turns stand by themselves at most; half of them are then gathered.
MOST_APART = 40


class Block(Widget):
    """One or more things said. Draws line by line, which a long answer that grows needs."""

    DEFAULT_CSS = "Block { height: auto; width: 1fr; margin: 0 0 1 0; }"

    def __init__(self, *spoken: Spoken) -> None:
        super().__init__()
        self.spoken = spoken
        self._lines: tuple[int, list[Content]] | None = None

    @property
    def transcript(self) -> str:
        """What it says, as text."""
        return "\n".join(one.transcript for one in self.spoken)

    def changed(self) -> None:
        """Draw anew what grew."""
        self._lines = None
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """Return how many lines it takes at `width`."""
        return len(self._drawn(width)) if width else 0

    def render_line(self, y: int) -> Strip:
        """Draw one line, with what is selected of it."""
        width = self.content_size.width
        lines = self._drawn(width)
        if y >= len(lines):
            return Strip.blank(width, self.rich_style)
        line = lines[y]
        selection = self.text_selection
        span = selection.get_span(y) if selection is not None else None
        if span is not None:
            start, end = span
            style = Style.from_styles(self.screen.get_component_styles("screen--selection"))
            line = line.stylize(style, start, None if end < 0 else end)
        strips = Visual.to_strips(
            self, line, width, 1, self.visual_style, pad=True, apply_selection=False
        )
        strip = strips[0] if strips else Strip.blank(width, self.rich_style)
        return strip.apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the text that is selected."""
        lines = self._drawn(self.content_size.width)
        return selection.extract("\n".join(line.plain for line in lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's
        """Draw what is selected now."""
        self.refresh()

    def _drawn(self, width: int) -> list[Content]:
        if self._lines is None or self._lines[0] != width:
            lines: list[Content] = []
            for one in self.spoken:
                lines += [Content(""), *one.lines(width)] if lines else one.lines(width)
            self._lines = (width, lines)
        return self._lines[1]


class Conversation(VerticalScroll):
    """Everything said, the newest at the bottom; a reader who scrolled up is left alone."""

    DEFAULT_CSS = "Conversation { layout: stream; padding: 0 1; scrollbar-size-vertical: 1; }"
    can_focus = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._blocks: list[Block] = []

    @property
    def transcript(self) -> str:
        """All of it as text."""
        return "\n".join(block.transcript for block in self._blocks)

    def say(self, speaker: str, text: str) -> None:
        """Add what `speaker` said; who goes on speaking is not named again."""
        self._add(Block(Speech(speaker, text, is_named=not self._goes_on(speaker))))

    def begin(self, speaker: str) -> Block:
        """Begin an answer in Markdown that grows."""
        is_named = not self._goes_on(speaker)
        block = Block(Speech(speaker, "", is_markdown=True, is_named=is_named))
        self._add(block)
        return block

    def grow(self, block: Block, text: str, *, is_live: bool) -> None:
        """Show more of an answer; the last call has `is_live` false."""
        (speech,) = block.spoken
        if isinstance(speech, Speech):
            speech.grow(text, is_live=is_live)
            block.changed()

    def note(self, line: Content, sign: str = "▸ ") -> None:
        """Add a line about work to the remarks at the end, or begin some."""
        line = Content.assemble(sign, line)
        last = self._blocks[-1] if self._blocks else None
        remarks = last.spoken[-1] if last else None
        if last is not None and isinstance(remarks, Remarks):
            remarks.add(line)
            last.changed()
        else:
            self._add(Block(Remarks(line)))

    def clear(self) -> None:
        """Forget everything said."""
        self._blocks = []
        self.remove_children()

    def follow(self) -> None:
        """Go to the end, wherever the reader was, and stay there."""
        if self.is_anchored:
            self.anchor()

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

    def _goes_on(self, speaker: str) -> bool:
        last = self._blocks[-1].spoken[-1] if self._blocks else None
        return isinstance(last, Speech) and last.speaker == speaker

    def _add(self, block: Block) -> None:
        self._blocks.append(block)
        self.mount(block)
        apart = [one for one in self._blocks if len(one.spoken) == 1]
        old = apart[: MOST_APART // 2]
        if len(apart) > MOST_APART and not any(_is_live(one) for one in old):
            self._gather(old)

    def _gather(self, blocks: list[Block]) -> None:
        """Put `blocks`, which stand one after the other, into one that takes as many lines."""
        gathered = Block(*(one for block in blocks for one in block.spoken))
        at = self._blocks.index(blocks[0])
        with self.app.batch_update():
            self.mount(gathered, before=blocks[0])
            for block in blocks:
                block.remove()
        self._blocks[at : at + len(blocks)] = [gathered]


def _is_live(block: Block) -> bool:
    return any(isinstance(one, Speech) and one.is_live for one in block.spoken)
