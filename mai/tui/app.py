"""The console as a program: opens the core, routes what happens, asks for answers, leaves cleanly.

Protected core: it decides which proposal a yes is asked for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen

from mai.errors import Cancelled, MaiError, StaleDigest, UsageError
from mai.events import Cancel, Event, ProposalChanged, Said, StageFinished, StageStarted
from mai.proposal import Proposal, State
from mai.tui import messages
from mai.tui.commands import COMMANDS
from mai.tui.completion import Known
from mai.tui.look import DARK, DEFAULTS, LIGHT
from mai.tui.proposal_news import end_line, step_line, waiting_line
from mai.tui.proposal_words import Progress
from mai.tui.screens.console import ConsoleScreen
from mai.tui.widgets.machine import Machine
from mai.tui.widgets.prompt import Prompt
from mai.tui.widgets.proposals import ProposalList
from mai.tui.work import Desk, Job

if TYPE_CHECKING:
    from mai.core import Core
    from mai.tui.handlers import Handlers
    from mai.tui.screens.approval import Yes
    from mai.tui.surroundings import Tell
    from mai.tui.watch import Watcher
    from mai.tui.widgets.conversation import Block

#: A proposal nobody answered for so long is mentioned once more.
_ASK_AGAIN_S = 300.0


class MaiApp(App[None]):
    """Mai at the terminal, on the repo around `directory`."""

    CSS_PATH = Path(__file__).with_name("mai.tcss")
    TITLE = "mai"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q,ctrl+c", "quit", "Leave", show=False),
        Binding("f1", "help", "Help", show=False),
    ]

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name
        self.fault: MaiError | None = None
        self.desk = Desk(self.post_message)
        self.console_screen = ConsoleScreen()
        self._directory = directory
        self._core: Core | None = None
        self._handlers: Handlers | None = None
        self._watcher: Watcher | None = None
        self._proposals: dict[str, Proposal] = {}
        self._progress: dict[str, Progress] = {}
        self._told: set[tuple[str, ...]] = set()
        self._said: set[str] = set()
        self._waiting_since_s: dict[str, float] = {}
        self._live: Block | None = None
        self._paths: tuple[str, ...] = ()
        self._early: list[str] = []
        self._is_finishing = False

    # --- beginning and end -------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        """Begin with the console."""
        return self.console_screen

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give other themes the colours that Mai's styles name."""
        return DEFAULTS

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
            await asyncio.to_thread(self._close)
            self.exit()

    def on_core_opened(self, event: messages.CoreOpened) -> None:
        """Begin: what was left unfinished first."""
        from mai.tui import surroundings
        from mai.tui.handlers import Handlers
        from mai.tui.watch import Watcher

        core = self._core = event.core
        core.events.subscribe(self._heard)
        self._handlers = Handlers(self, core)
        waiting = core.inbox.pending()
        self._told |= {_key(proposal) for proposal in core.inbox.all()}
        self.on_listed(messages.Listed(core.inbox.all()))
        self.console_screen.show_head(core.repo.root.name, "", "")
        if waiting:
            self.say(waiting_line(len(waiting)))
        self._watcher = Watcher(core, self.post_message)
        self._watcher.start()
        core.keep_warm()
        self.desk.at_once(Job("catching up", core.resume, holds_up=True))
        for look in (
            surroundings.look_at_repo,
            surroundings.look_at_model,
            surroundings.look_at_sandbox,
        ):
            self.desk.at_once(Job("looking around", partial(_look_around, look, core, self)))
        early, self._early = self._early, []
        for text in early:
            self._take(text)

    def on_core_failed(self, event: messages.CoreFailed) -> None:
        """Leave; whoever started the console says why."""
        self.fault = event.error
        self.exit()

    def leave(self) -> None:
        """Leave, after asking where work would be lost."""
        from mai.tui.screens.question import SureScreen

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
        self._said.clear()
        if self._handlers is None:
            self._early.append(event.text)
        else:
            self._take(event.text)

    def on_proposal_list_chosen(self, event: ProposalList.Chosen) -> None:
        """Open the proposal."""
        if self._handlers is not None:
            self._handlers.open(event.proposal.id)

    def on_stopped(self) -> None:
        """Stop the work."""
        if self.desk.stop():
            self.desk.drop_queued()

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

    # --- answers -----------------------------------------------------------------------------

    def on_answering(self, event: messages.Answering) -> None:
        """Ask for the yes, or for the reason of the no, to exactly the proposal shown."""
        from mai.tui.screens.approval import ApprovalScreen, refusal
        from mai.tui.screens.question import LineScreen

        proposal, core = event.proposal, self._core
        if core is None or isinstance(self.screen, ApprovalScreen | LineScreen):
            return
        if event.is_yes:
            if sentence := refusal(proposal):
                self.say(sentence)
            else:
                self.push_screen(ApprovalScreen(proposal, core.settings), self._agreed)
        elif proposal.state.is_end:
            self.say(f"{proposal.short_id} has come to its end; it is {proposal.state}.")
        else:
            question = Content.assemble("Why not ", (proposal.title, "bold"), "?\n")
            screen = LineScreen(
                question, "a reason, kept and learnt from; Enter refuses, Esc leaves"
            )
            self.push_screen(screen, partial(self._refused, proposal.id))

    def reject(self, proposal_id: str, reason: str) -> None:
        """Say no. Blocks: for a thread. Raises what `Core.reject` raises."""
        from mai.tui.screens.approval import who

        if self._core is not None:
            self._core.reject(proposal_id, reason, who())

    def _agreed(self, yes: Yes | None) -> None:
        if yes is not None:
            self.desk.at_once(Job("land", partial(self._land, yes), holds_up=True))

    def _refused(self, proposal_id: str, reason: str | None) -> None:
        if reason is not None:
            self.desk.at_once(Job("reject", lambda _: self.reject(proposal_id, reason)))

    def _land(self, yes: Yes, _: Cancel) -> None:
        """Carry out a yes. It is not the work that Esc or leaving stops: half a yes is none."""
        from mai.tui.screens.approval import carry_out

        if self._core is None or self._handlers is None:
            return
        try:
            carry_out(self._core, yes, Cancel())
        except StaleDigest:
            self._handlers.open(yes.proposal_id)
            raise

    # --- what happens ------------------------------------------------------------------------

    def on_happened(self, message: messages.Happened) -> None:
        """Show an event of the core's."""
        match message.event:
            case StageStarted(proposal_id, stage):
                progress = self._progress.setdefault(proposal_id, Progress())
                progress.stage, progress.started_s = stage, time.monotonic()
                self._show_proposals()
            case StageFinished(proposal_id, stage, _, seconds):
                progress = self._progress.setdefault(proposal_id, Progress())
                progress.stage = ""
                progress.seconds[stage] = seconds
            case ProposalChanged(proposal):
                self._proposals = {proposal.id: proposal, **self._proposals}
                self._proposals[proposal.id] = proposal
                self._show_proposals()
                self._narrate(proposal)
            case Said(text):
                if text not in self._said:
                    self._said.add(text)
                    self.say(text)

    def on_listed(self, message: messages.Listed) -> None:
        """Take over the inbox as the database has it."""
        self._proposals = {proposal.id: proposal for proposal in message.proposals}
        self._show_proposals()
        for proposal in reversed(message.proposals):
            if end_line(proposal) is not None:
                self._narrate(proposal)

    def on_measured(self, message: messages.Measured) -> None:
        """Show the load; every two seconds is also often enough to ask again."""
        self.console_screen.query_one(Machine).measure(message.sample)
        now_s = time.monotonic()
        for proposal in self._proposals.values():
            if proposal.state is not State.PENDING:
                self._waiting_since_s.pop(proposal.id, None)
            elif now_s - self._waiting_since_s.setdefault(proposal.id, now_s) > _ASK_AGAIN_S:
                self._waiting_since_s[proposal.id] = float("inf")
                self.say(f"{proposal.short_id} still waits for you.")
                self.bell()

    def on_learnt(self, message: messages.Learnt) -> None:
        """Show what was found out."""
        facts = dict(message.facts)
        problem = facts.pop("problem", "")
        if problem and problem not in self._said:
            self._said.add(problem)
            self.say(problem)
        self.console_screen.show_head("", facts.pop("branch", ""), facts.pop("model", ""))
        if facts:
            self.console_screen.query_one(Machine).learn(facts)

    def on_tracked(self, message: messages.Tracked) -> None:
        """Know what `@` may complete to."""
        self._paths = tuple(message.paths)
        self._show_known()

    def on_care_needed(self) -> None:
        """Catch up with what others did, unless that is being done."""
        from mai.tui import surroundings

        core = self._core
        if core is not None and "catching up" not in self.desk.running:
            self.desk.at_once(Job("catching up", core.resume, holds_up=True))
            look = partial(_look_around, surroundings.look_at_repo, core, self)
            self.desk.at_once(Job("looking around", look))

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
        from mai.tui.screens.proposal import ProposalScreen

        for screen in self.screen_stack:
            if isinstance(screen, ProposalScreen) and screen.proposal.id == message.proposal.id:
                screen.show(message.proposal, message.diff, message.story)
                return
        if not message.is_update:
            self.push_screen(ProposalScreen(message.proposal, message.diff, message.story))

    # --- inside ------------------------------------------------------------------------------

    def _open_core(self) -> None:
        try:
            from mai.core import Core
            from mai.system.logs import configure

            core = Core.open(self._directory)
            configure(core.settings, tells_stderr=False)
        except MaiError as error:
            self.post_message(messages.CoreFailed(error))
        except Exception as error:  # noqa: BLE001 - a fault must end the console with a sentence
            from mai.tui.work import as_sentence

            self.post_message(messages.CoreFailed(as_sentence(error)))
        else:
            if not self.post_message(messages.CoreOpened(core)):
                core.close()

    def _heard(self, event: Event) -> None:
        self.post_message(messages.Happened(event))

    def _fatal_error(self) -> None:
        """Leave with a sentence where Textual would print a traceback, local variables and all."""
        from mai.tui.work import as_sentence

        error = self._exception
        self.fault = self.fault or as_sentence(error or RuntimeError("The screen failed."))
        self._close_messages_no_wait()

    def _close(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
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

    def _narrate(self, proposal: Proposal) -> None:
        """Say once what became of a proposal, whichever way it was heard."""
        if _key(proposal) in self._told:
            return
        self._told.add(_key(proposal))
        line = end_line(proposal)
        if line is None:
            step = step_line(proposal, self._progress.get(proposal.id))
            if step is not None:
                self.console_screen.conversation.note(step)
        else:
            self.console_screen.conversation.note(line, sign="")
            if proposal.state is State.PENDING:
                self.bell()
        if self._handlers is not None and self._shows(proposal.id):
            self._handlers.open(proposal.id, is_update=True)

    def _shows(self, proposal_id: str) -> bool:
        from mai.tui.screens.proposal import ProposalScreen

        return any(
            isinstance(screen, ProposalScreen) and screen.proposal.id == proposal_id
            for screen in self.screen_stack
        )

    def _show_proposals(self) -> None:
        self.console_screen.show_proposals(tuple(self._proposals.values()), self._progress)
        self._show_known()

    def _show_known(self) -> None:
        proposals = self._proposals.values()
        self.console_screen.query_one(Prompt).known = Known(
            self._paths,
            tuple((one.id, one.title) for one in proposals if one.state is State.PENDING),
            tuple((one.id, one.title) for one in proposals if one.state is State.LANDED),
            tuple((one.id, one.title) for one in proposals),
        )

    def _show_work(self) -> None:
        self.console_screen.show_work(self.desk.current, self.desk.queued)


def _look_around(look: Callable[[Core, Tell], None], core: Core, app: MaiApp, _: Cancel) -> None:
    look(core, app.post_message)


def _key(proposal: Proposal) -> tuple[str, ...]:
    return proposal.id, proposal.state, proposal.digest, proposal.tip


def open_app(repo: Path | None) -> None:
    """Open the console on the repo around `repo`, or around the current folder.

    Raises:
        MaiError: there is no repo to work on, or the database cannot be used.
    """
    app = MaiApp(repo)
    app.run()
    if app.fault is not None:
        raise app.fault
