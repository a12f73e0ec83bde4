"""The console: the conversation left, proposals right, the prompt below."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from mai.console.messages import Answering, Stopped
from mai.console.proposal_words import SPINNER, Seen, rows
from mai.console.widgets.frame import Edge, FrameLine, hints
from mai.console.widgets.proposals import ProposalList
from mai.proposal import Proposal, State
from mai.text import one_line
from mai.tui.widgets.conversation import Conversation
from mai.tui.widgets.machine import Machine
from mai.tui.widgets.prompt import Offers, Prompt
from mai.words import label

_FRAME_S = 0.12
_SIDE_CELLS = 36
_NARROWEST = 100
_MACHINE_ROWS = 3


class ConsoleScreen(Screen[None]):
    """What one looks at all day. Knows how things look; what they do is the app's."""

    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual has it
        (0, "-narrow"),
        (_NARROWEST, "-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "switch", "Proposals", priority=False),
        Binding("shift+tab", "switch", show=False),
        Binding("a", "answer(True)", "Approve"),
        Binding("r", "answer(False)", "Reject"),
        Binding("escape", "back", "Stop"),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._frame = 0
        self._working = ""
        self._since_s = 0.0
        self._queued: tuple[str, ...] = ()
        self._head = ("", "", "")
        self._is_leaving_list = False

    def compose(self) -> ComposeResult:
        """Lay out the frame and what is in it."""
        yield FrameLine("┌┐", id="top")
        with Horizontal(id="body"):
            yield Edge(id="left-edge")
            yield Conversation(id="conversation")
            yield Edge((_MACHINE_ROWS, "├"), id="divider")
            with Vertical(id="side"):
                yield Static("Proposals", id="side-title")
                yield ProposalList(id="proposals")
                yield FrameLine("──", id="side-rule")
                yield Machine(id="machine")
            yield Edge(id="right-edge")
        yield Offers(id="offers")
        yield FrameLine("├┤", id="middle")
        with Horizontal(id="prompt-row"):
            yield Edge()
            yield Static("›", id="prompt-sign")
            yield Prompt(id="prompt")
            yield Static("", id="meter")
            yield Edge()
        yield FrameLine("└┘", id="keys")

    def on_mount(self) -> None:
        """Begin at the prompt."""
        self.query_one(Prompt).focus()
        self.show_head("", "", "")
        self._ticking = self.set_interval(_FRAME_S, self._tick, pause=True)
        # How long is left is shown to the minute.
        self.set_interval(60, lambda: self.query_one(ProposalList).on_resize())

    def on_resize(self) -> None:
        """Fit what depends on the width."""
        self._draw_lines()

    # --- what the app shows ------------------------------------------------------------------

    @property
    def conversation(self) -> Conversation:
        """Everything said."""
        return self.query_one(Conversation)

    @property
    def chosen(self) -> Proposal | None:
        """The proposal under the cursor, while the list has the keys."""
        listed = self.query_one(ProposalList)
        return listed.chosen if listed.has_focus else None

    def show_head(self, repo: str, branch: str, model: str) -> None:
        """Show where Mai works and what it thinks with; empty leaves a part as it is."""
        was_repo, was_branch, was_model = self._head
        self._head = (repo or was_repo, branch or was_branch, model or was_model)
        self._draw_lines()

    def show_proposals(self, proposals: Sequence[Proposal], seen: Seen) -> None:
        """Show the inbox."""
        self.query_one(ProposalList).show(proposals, seen)
        self._draw_lines()
        self._pace()

    def show_work(self, working: str, queued: tuple[str, ...]) -> None:
        """Show what is being done and what waits in line."""
        if working != self._working:
            self._since_s = time.monotonic()
        self._working, self._queued = working, queued
        self._draw_lines()
        self._pace()

    def show_meter(self, text: str) -> None:
        """Show what the last answer cost."""
        self.query_one("#meter", Static).update(Content(text))

    # --- keys --------------------------------------------------------------------------------

    def action_switch(self) -> None:
        """Go to the proposals, or back to the prompt."""
        listed = self.query_one(ProposalList)
        goes_back = listed.has_focus
        # Before the focus: what is not displayed cannot have it.
        self.set_class(not goes_back, "-listing")
        (self.query_one(Prompt) if goes_back else listed).focus()

    def action_back(self) -> None:
        """Go back to the prompt; from there, stop the work."""
        if self.query_one(ProposalList).has_focus:
            self.action_switch()
        else:
            self.app.post_message(Stopped())

    def action_answer(self, is_yes: bool) -> None:
        """Answer the proposal under the cursor."""
        if self.chosen is not None:
            self.app.post_message(Answering(self.chosen, is_yes=is_yes))

    def action_page(self, by: int) -> None:
        """Scroll the conversation by a page; at its end it follows again."""
        if by < 0:
            self.conversation.scroll_page_up(animate=False)
        else:
            self.conversation.scroll_page_down(animate=False)

    def on_key(self, event: events.Key) -> None:
        """Take to the prompt what means nothing to the list: somebody is typing.

        What follows goes there too, though it was on its way to the list: focus moves a little
        later than keys come. The prompt itself lets no letter through to here.
        """
        if not event.is_printable or event.character is None:
            return
        listed, prompt = self.query_one(ProposalList), self.query_one(Prompt)
        is_for_list = listed.has_focus and event.key in self.active_bindings
        if prompt.has_focus or self._is_leaving_list or not is_for_list:
            event.stop()
            self._is_leaving_list = listed.has_focus
            prompt.focus()
            prompt.insert(event.character)

    def on_descendant_focus(self) -> None:
        """Name the keys of what has the focus now."""
        self._is_leaving_list = False
        self.set_class(self.query_one(ProposalList).has_focus, "-listing")
        self._draw_lines()

    def on_prompt_offered(self, event: Prompt.Offered) -> None:
        """Show what completes the prompt."""
        self.query_one(Offers).show(event.found, event.chosen)

    # --- lines -------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._frame += 1
        self.query_one(ProposalList).tick(self._frame)
        if self._working:
            self._draw_middle()

    def _pace(self) -> None:
        """Tick only while something moves: an idle console costs nothing."""
        listed = self.query_one(ProposalList).listed
        if self._working or any(one.state.is_working for one in listed):
            self._ticking.resume()
        else:
            self._ticking.pause()

    def _draw_lines(self) -> None:
        if not self.is_mounted:
            return
        self._join()
        repo, branch, model = self._head
        rule = Content.styled(" ── ", "$frame")
        parts = [Content.styled("mai", "bold")]
        if repo:
            parts.append(Content(f"{label(repo, 40)} ⎇ {label(branch, 40)}"))
        if model:
            parts.append(Content(label(model, 40)))
        waiting = self._waiting()
        count = f"● {len(waiting)} {'waits' if len(waiting) == 1 else 'wait'} for you"
        right = Content.styled(count, "$accent bold") if waiting else Content("")
        self.query_one("#top", FrameLine).show(rule.join(parts), right)
        self._draw_middle()
        listed = self.query_one(ProposalList)
        keys = [("F1", "help"), ("^P", "commands"), ("Tab", "proposals")]
        if listed.has_focus:
            keys = [
                ("Enter", "open"),
                ("a", "approve"),
                ("r", "reject"),
                ("Tab", "prompt"),
                ("F1", "help"),
            ]
        keys.append(("Esc", "stop" if self._working and not listed.has_focus else "back"))
        if not listed.has_focus and not self._working:
            keys[-1] = ("^Q", "leave")
        width = max(0, self.size.width - 4)
        self.query_one("#keys", FrameLine).show(hints(*keys, width=width))

    def _join(self) -> None:
        """Let the lines meet where they do just now."""
        has_side = not self._is_narrow
        listing = self._is_narrow and self.has_class("-listing")
        for name, sign in (("#top", "┬"), ("#middle", "┴")):
            line = self.query_one(name, FrameLine)
            line.join((_SIDE_CELLS, sign) if has_side else None)
        joint = (_MACHINE_ROWS, "├") if listing else None
        self.query_one("#left-edge", Edge).join(joint)
        joint = (_MACHINE_ROWS, "┤") if has_side or listing else None
        self.query_one("#right-edge", Edge).join(joint)

    @property
    def _is_narrow(self) -> bool:
        return self.size.width < _NARROWEST

    def _draw_middle(self) -> None:
        left: list[Content] = []
        if self._working:
            seconds = time.monotonic() - self._since_s
            sign = SPINNER[self._frame % len(SPINNER)]
            left.append(
                Content.assemble(
                    f"{sign} {one_line(self._working, 40)}", (f" {seconds:.0f} s", "$muted")
                )
            )
        if self._queued:
            names = ", ".join(one_line(name, 30) for name in self._queued)
            left.append(Content.styled(f"queued: {names}", "$muted"))
        right = self._strip() if self._is_narrow else Content("")
        self.query_one("#middle", FrameLine).show(Content(" · ").join(left), right)

    def _strip(self) -> Content:
        """Return what a narrow screen shows of the right side: one proposal, and the machine."""
        if self._working:
            return Content("")
        summary = self.query_one(Machine).summary
        waiting = self._waiting()
        if not waiting:
            return Content.styled(summary, "$muted")
        room = max(20, self.size.width - len(summary) - 12)
        first = rows(waiting[0], room, None, 0.0).split()[0]
        return Content.assemble(first, (f" · {summary}", "$muted"))

    def _waiting(self) -> list[Proposal]:
        listed = self.query_one(ProposalList).listed
        return [one for one in listed if one.state is State.PENDING]
