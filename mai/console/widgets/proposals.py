"""The list of proposals: what waits, what is being judged, what became of the others."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from mai.console.proposal_words import NOTHING_SEEN, Seen, rows
from mai.proposal import Proposal

#: What ended long ago is in `/history` and `mai history`.
_MOST_LISTED = 200


class ProposalList(ScrollView, can_focus=True):
    """Proposals, those that wait or are at work first. Draws only the lines in view."""

    DEFAULT_CSS = """
    ProposalList { scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next", show=False),
        Binding("up,k", "move(-1)", "Previous", show=False),
        Binding("home,g", "move(-10000)", "First", show=False),
        Binding("end,G", "move(10000)", "Last", show=False),
        Binding("enter", "open", "Open"),
    ]
    cursor: reactive[int] = reactive(0)

    class Chosen(Message):
        """A proposal was opened."""

        def __init__(self, proposal: Proposal) -> None:
            super().__init__()
            self.proposal = proposal

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._proposals: list[Proposal] = []
        self._seen: Seen = NOTHING_SEEN
        self._frame = 0
        self._lines: list[tuple[int, Content]] = []

    @property
    def chosen(self) -> Proposal | None:
        """The proposal under the cursor."""
        return self._proposals[self.cursor] if self._proposals else None

    @property
    def listed(self) -> Sequence[Proposal]:
        """The proposals in the order they are shown."""
        return tuple(self._proposals)

    @property
    def text(self) -> str:
        """The list as it reads."""
        return "\n".join(line.plain for _, line in self._lines)

    def show(self, proposals: Sequence[Proposal], seen: Seen) -> None:
        """Show `proposals`, newest first.

        While the list has the keys, the cursor stays on the proposal it is on, wherever that goes;
        else it waits on the first.
        """
        before = self.chosen if self.has_focus else None
        ordered = sorted(proposals, key=lambda one: one.state.is_end)[:_MOST_LISTED]
        self._proposals, self._seen = ordered, seen
        ids = [one.id for one in ordered]
        at = ids.index(before.id) if before and before.id in ids else 0
        self.set_reactive(ProposalList.cursor, at)
        self._layout_lines()

    def tick(self, frame: int) -> None:
        """Turn the spinners and count the seconds of what is at work."""
        self._frame = frame
        if any(one.state.is_working for one in self._proposals):
            self._layout_lines()

    def on_resize(self) -> None:
        """Fit the new width."""
        self._layout_lines()

    def on_focus(self) -> None:
        """Show where the cursor is."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide it again."""
        self.refresh()

    def watch_cursor(self) -> None:
        """Keep the cursor in view."""
        at = [number for number, (index, _) in enumerate(self._lines) if index == self.cursor]
        if at:
            self.scroll_to_region(Region(0, at[0], self.size.width, len(at)), animate=False)
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.cursor = max(0, min(len(self._proposals) - 1, self.cursor + by))

    def action_open(self) -> None:
        """Open the proposal under the cursor."""
        if self.chosen is not None:
            self.post_message(self.Chosen(self.chosen))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to what was clicked; a second click opens it."""
        line = event.y + self.scroll_offset.y
        if 0 <= line < len(self._lines):
            was = self.cursor
            self.cursor = self._lines[line][0]
            if event.chain > 1 and was == self.cursor:
                self.action_open()

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        number = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if number >= len(self._lines):
            if number == 0:
                return self._strip(Content.styled("nothing yet; /improve", "$muted"), width)
            return Strip.blank(width, self.rich_style)
        index, line = self._lines[number]
        is_chosen = index == self.cursor and self.has_focus
        if is_chosen:
            line = line.pad_right(width - line.cell_length).stylize_before("on $cursor-row")
        return self._strip(line, width)

    def _strip(self, line: Content, width: int) -> Strip:
        strips = Visual.to_strips(self, line, width, 1, self.visual_style, pad=True)
        return strips[0] if strips else Strip.blank(width, self.rich_style)

    def _layout_lines(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        now_s = time.monotonic()
        self._lines = [
            (index, line)
            for index, proposal in enumerate(self._proposals)
            for line in rows(
                proposal, width, self._seen.get(proposal.id), now_s, self._frame
            ).split(allow_blank=True)
        ]
        self.virtual_size = Size(width, max(1, len(self._lines)))
        self.refresh()
