"""The half of the console that shows what happens. Protected core: it opens proposals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.screen import ModalScreen, Screen

from mai.console import messages
from mai.console.look import DARK, DEFAULTS, LIGHT
from mai.console.proposal_board import ProposalBoard
from mai.console.screens.console import ConsoleScreen
from mai.console.work import Desk
from mai.errors import Cancelled
from mai.events import SurfaceChanged
from mai.tui.widgets.machine import Machine

if TYPE_CHECKING:
    from mai.console.handlers import Handlers
    from mai.tui.widgets.conversation import Block

_SURFACES = {"connected": "● connected", "connecting": "○ connecting", "refused": "✗ refused"}


class InboxApp(App[None]):
    """Shows what the core, the watcher and the threads at work tell of. Begins nothing itself."""

    CSS_PATH = Path(__file__).with_name("mai.tcss")
    TITLE = "mai"

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name
        self.desk = Desk(self.post_message)
        self.console_screen = ConsoleScreen()
        self.board = ProposalBoard(self)
        self._handlers: Handlers | None = None
        self._live: Block | None = None

    def get_default_screen(self) -> Screen[None]:
        """Begin with the console."""
        return self.console_screen

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give other themes the colours that Mai's styles name."""
        return DEFAULTS

    def say(self, text: str) -> None:
        """Have Mai say something, where it is seen whatever screen is on top."""
        self.console_screen.conversation.say("mai", text)
        if self.screen is not self.console_screen:
            self.notify(text, markup=False)

    def clear(self) -> None:
        """Empty the conversation."""
        self.console_screen.conversation.clear()
        self._live = None
        self.console_screen.show_meter("")

    def open_proposal(self, proposal_id: str) -> None:
        """Read a proposal as it is now and show it. From any thread."""
        if self._handlers is not None:
            self._handlers.open(proposal_id)

    def update_proposal(self, proposal_id: str) -> None:
        """Bring the screen that shows a proposal up to date, if there is one."""
        from mai.console.screens.proposal import ProposalScreen

        is_shown = any(
            isinstance(screen, ProposalScreen) and screen.proposal.id == proposal_id
            for screen in self.screen_stack
        )
        if is_shown and self._handlers is not None:
            self._handlers.open(proposal_id, is_update=True)

    def on_happened(self, message: messages.Happened) -> None:
        """Show an event of the core's."""
        match message.event:
            case SurfaceChanged(name, state, _):
                self.console_screen.query_one(Machine).learn({name: _SURFACES.get(state, state)})
            case event:
                self.board.happened(event)

    def on_listed(self, message: messages.Listed) -> None:
        """Take over the inbox as the database has it."""
        self.board.listed(message.proposals)

    def on_measured(self, message: messages.Measured) -> None:
        """Show the load; every two seconds is also often enough to ask again."""
        self.console_screen.query_one(Machine).measure(message.sample)
        self.board.ask_again()

    def on_learnt(self, message: messages.Learnt) -> None:
        """Show what was found out."""
        facts = dict(message.facts)
        problem = facts.pop("problem", "")
        if problem:
            self.board.say_once(problem)
        self.console_screen.show_head("", facts.pop("branch", ""), facts.pop("model", ""))
        if facts:
            self.console_screen.query_one(Machine).learn(facts)

    def on_tracked(self, message: messages.Tracked) -> None:
        """Know what `@` may complete to."""
        self.board.tracked(message.paths)

    def on_work_queued(self) -> None:
        """Show what waits in line."""
        self._show_work()

    def on_work_started(self) -> None:
        """Show what is being done."""
        self._show_work()

    def on_work_ended(self, message: messages.WorkEnded) -> None:
        """Say why it ended where that was not its own end."""
        self._show_work()
        if isinstance(message.error, Cancelled):
            self.say("Stopped.")
        elif message.error is not None:
            self.say(str(message.error))

    def on_reply_grew(self, message: messages.ReplyGrew) -> None:
        """Show more of the answer."""
        conversation = self.console_screen.conversation
        if self._live is None:
            self._live = conversation.begin("mai")
        conversation.grow(self._live, message.text, is_live=not message.is_whole)
        if not message.is_whole:
            return
        self._live = None
        last = message.last
        if last is not None and last.answer_tokens:
            rate = last.answer_tokens / max(0.1, message.seconds)
            total = last.prompt_tokens + last.answer_tokens
            self.console_screen.show_meter(f"{total} tokens · {rate:.0f}/s")

    def on_answered(self, message: messages.Answered) -> None:
        """Show a command's answer."""
        self.say(message.text)

    def on_opened(self, message: messages.Opened) -> None:
        """Open a proposal, or bring the screen that shows it up to date."""
        from mai.console.screens.proposal import ProposalScreen

        for screen in self.screen_stack:
            if isinstance(screen, ProposalScreen) and screen.proposal.id == message.proposal.id:
                screen.show(message.proposal, message.diff, message.story)
                return
        if not message.is_update and not isinstance(
            self.screen, ModalScreen
        ):  # a question stays on top
            self.push_screen(ProposalScreen(message.proposal, message.diff, message.story))

    def _show_work(self) -> None:
        self.console_screen.show_work(self.desk.current, self.desk.queued)
