"""The console as a program: opens the core, takes what is typed, asks for answers, leaves cleanly.

Protected core: it decides which proposal a yes is asked for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen

from mai.console import messages
from mai.console.commands import COMMANDS
from mai.console.inbox_app import InboxApp
from mai.console.widgets.proposals import ProposalList
from mai.console.work import Job
from mai.errors import MaiError, UsageError
from mai.events import Cancel, Event
from mai.tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from mai.console.proposal_answers import ProposalAnswers
    from mai.console.watch import Watcher
    from mai.core import Core
    from mai.surfaces.host import Host
    from mai.tui.surroundings import Tell

#: How long leaving waits for what was answered from a phone a moment ago.
_LANDING_GRACE_S = 30.0
_FINISHING = "running the other tests"


class MaiApp(InboxApp):
    """Mai at the terminal, on the repo around `directory`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q,ctrl+c", "quit", "Leave", show=False),
        Binding("f1", "help", "Help", show=False),
    ]

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__()
        self.fault: MaiError | None = None
        self._directory = directory
        self._core: Core | None = None
        self._watcher: Watcher | None = None
        self._host: Host | None = None
        self._answers: ProposalAnswers | None = None
        self._early: list[str] = []
        self._is_finishing = False

    # --- beginning and end -------------------------------------------------------------------

    def on_mount(self) -> None:
        """Open the core behind the first paint."""
        self.call_after_refresh(threading.Thread(target=self._open_core, daemon=True).start)

    async def on_unmount(self) -> None:
        """Let go of everything, where the end came some other way than by `leave`."""
        await asyncio.to_thread(self._close)

    async def finish(self) -> None:
        """Stop what runs, then end: while threads still tell of it, there is a screen to tell."""
        if not self._is_finishing:
            self._is_finishing = True
            self.console_screen.show_work("leaving", ())
            await asyncio.to_thread(self._close)
            self.exit()

    def on_core_opened(self, event: messages.CoreOpened) -> None:
        """Begin: what was left unfinished first."""
        from mai.console.handlers import Handlers
        from mai.console.proposal_answers import ProposalAnswers
        from mai.console.watch import Watcher
        from mai.surfaces.host import Host
        from mai.tui import surroundings

        core = self._core = event.core
        core.events.subscribe(self._heard)
        self._handlers = Handlers(self, core)
        self._answers = ProposalAnswers(self, core)
        self.board.begin(event.proposals)
        self.console_screen.show_head(core.repo.root.name, "", "")
        self._watcher = Watcher(core, self.post_message)
        self._watcher.start()
        core.keep_warm()
        self.desk.at_once(Job("catching up", partial(_catch_up, core), holds_up=True))
        for look in (
            surroundings.look_at_repo,
            surroundings.look_at_model,
            surroundings.look_at_sandbox,
        ):
            self.desk.at_once(Job("looking around", partial(_look_around, look, core, self)))
        self._host = Host(core, keeps_inbox=False)
        self._host.start()
        early, self._early = self._early, []
        for text in early:
            self._take(text)

    def on_core_failed(self, event: messages.CoreFailed) -> None:
        """Leave; whoever started the console says why."""
        self.fault = event.error
        self.exit()

    def leave(self) -> None:
        """Leave, after asking where work would be lost."""
        from mai.console.screens.question import SureScreen

        if not self.desk.holds_up:
            self.run_worker(self.finish())
            return
        question = Content.assemble(
            f"I still work ({', '.join(self.desk.holds_up)}).\n\n",
            ("y", "bold"),
            " stops it and leaves; a proposal that is being judged is withdrawn.\n",
            ("Esc", "bold"),
            " stays.",
        )

        def answered(is_yes: bool | None) -> None:
            if is_yes:
                self.run_worker(self.finish())

        self.push_screen(SureScreen(question), answered)

    async def action_quit(self) -> None:
        """Leave."""
        self.leave()

    def action_help(self) -> None:
        """Show the keys and commands."""
        from mai.tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Put the slash commands into the palette, before Textual's own."""
        for command in COMMANDS:
            begin = partial(self._begin, f"/{command.name}", needs_more=command.needs > 0)
            yield SystemCommand(f"/{command.name}", command.help, begin)
        yield from (one for one in super().get_system_commands(screen) if one.title == "Theme")

    # --- what is typed -----------------------------------------------------------------------

    def on_prompt_submitted(self, event: Prompt.Submitted) -> None:
        """Carry out what was typed, or keep it until there is a core."""
        self.console_screen.conversation.say("you", event.text)
        self.console_screen.conversation.follow()
        self.board.spoken_to()
        if self._handlers is None:
            self._early.append(event.text)
        else:
            self._take(event.text)

    def on_proposal_list_chosen(self, event: ProposalList.Chosen) -> None:
        """Open the proposal."""
        self.open_proposal(event.proposal.id)

    def on_stopped(self) -> None:
        """Stop the work."""
        if self.desk.stop():
            self.desk.drop_queued()

    # --- proposals ---------------------------------------------------------------------------

    def reject(self, proposal_id: str, reason: str) -> None:
        """Say no. Blocks: for a thread. Raises what `Core.reject` raises."""
        if self._answers is not None:
            self._answers.reject(proposal_id, reason)

    def on_answering(self, event: messages.Answering) -> None:
        """Ask for the yes, or for the reason of the no, to exactly the proposal shown."""
        if self._answers is not None:
            self._answers.ask(event.proposal, is_yes=event.is_yes)

    def on_plan_made(self, event: messages.PlanMade) -> None:
        """Show a plan, and give the answer to whoever waits for it."""
        from mai.tui.screens.plan import PlanScreen

        self.push_screen(PlanScreen(event.plan), event.answer)

    def on_care_needed(self) -> None:
        """Catch up with what others did, unless that is being done."""
        from mai.tui import surroundings

        core = self._core
        if core is not None and "catching up" not in self.desk.running:
            self.desk.at_once(Job("catching up", partial(_catch_up, core), holds_up=True))
            look = partial(_look_around, surroundings.look_at_repo, core, self)
            self.desk.at_once(Job("looking around", look))
        if core is not None and _FINISHING not in self.desk.running:
            self.desk.at_once(Job(_FINISHING, partial(_finish_tests, core)))

    # --- inside ------------------------------------------------------------------------------

    def _open_core(self) -> None:
        try:
            from mai.console.watch import ENDED_MOST
            from mai.core import Core

            core = Core.open(self._directory, tells_stderr=False)
            proposals = core.inbox.recent(ENDED_MOST)
        except MaiError as error:
            self.post_message(messages.CoreFailed(error))
        except Exception as error:  # noqa: BLE001 - a fault must end the console with a sentence
            from mai.console.work import as_sentence

            self.post_message(messages.CoreFailed(as_sentence(error)))
        else:
            if not self.post_message(messages.CoreOpened(core, proposals)):
                core.close()

    def _heard(self, event: Event) -> None:
        self.post_message(messages.Happened(event))

    def _fatal_error(self) -> None:
        """Leave with a sentence where Textual would print a traceback, local variables and all."""
        from mai.console.work import as_sentence

        error = self._exception
        self.fault = self.fault or as_sentence(error or RuntimeError("The screen failed."))
        self._close_messages_no_wait()

    def _close(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
        host, self._host = self._host, None
        if host is not None:
            host.stop(_LANDING_GRACE_S)
        self.desk.close()
        core, self._core = self._core, None
        if core is not None:
            core.close()

    def _take(self, text: str) -> None:
        try:
            if self._handlers is not None:
                self._handlers.take(text)
        except UsageError as error:
            self.say(str(error))

    def _begin(self, text: str, *, needs_more: bool) -> None:
        """Carry out a command chosen from the palette, or put it into the prompt to be finished."""
        if needs_more:
            prompt = self.console_screen.query_one(Prompt)
            prompt.put(f"{text} ")
            prompt.focus()
        else:
            self._take(text)


def _catch_up(core: Core, cancel: Cancel) -> None:
    core.resume(cancel)
    core.look_ahead(cancel)


def _finish_tests(core: Core, cancel: Cancel) -> None:
    with suppress(MaiError):  # the yes that waits for them says what is wrong
        core.finish_tests(cancel)


def _look_around(look: Callable[[Core, Tell], None], core: Core, app: MaiApp, _: Cancel) -> None:
    look(core, app.post_message)


def open_app(repo: Path | None) -> None:
    """Open the console on the repo around `repo`, or around the current folder.

    Raises:
        MaiError: there is no repo to work on, or the database cannot be used.
    """
    app = MaiApp(repo)
    app.run()
    if app.fault is not None:
        raise app.fault
