"""What each slash command does in the console. The names are those of `mai.console.commands`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from mai.console import answers
from mai.console.commands import Call, read_answer, read_line, read_rounds
from mai.console.messages import Answered, Answering, Opened, PlanMade, ReplyGrew
from mai.console.work import Job
from mai.errors import Cancelled, UsageError, WrongDigest
from mai.events import Cancel
from mai.text import one_line
from mai.tui.talk import Talk

if TYPE_CHECKING:
    from mai.agent.task import Plan, Steering
    from mai.console.app import MaiApp
    from mai.core import Core
    from mai.proposal import Proposal

_COALESCE_S = 0.1


class Handlers:
    """Carries out what is typed. Lives on the screen's thread; what blocks becomes a job."""

    def __init__(self, app: MaiApp, core: Core) -> None:
        self._app = app
        self._core = core
        self._talk = Talk()
        self._steering: Steering | None = None
        self._opened: Proposal | None = None
        self._judging = threading.Lock()

    def take(self, text: str) -> None:
        """Carry out one line: a command, or something said.

        Raises:
            UsageError: there is no such command, or it lacks something.
        """
        call = read_line(text)
        if call is None:
            said = text[1:] if text.startswith("//") else text
            self._app.desk.give(Job("answer", lambda cancel: self._reply(said, cancel)))
            return
        handler: Callable[[Call], None] = getattr(self, call.command.handler)
        handler(call)

    def open(self, proposal_id: str, *, is_update: bool = False) -> None:
        """Read a proposal as it is now and open it, or bring a screen that shows it up to date."""
        self._look("show", lambda: self._open(proposal_id, is_update=is_update))

    # --- what only looks ---------------------------------------------------------------------

    def do_help(self, _: Call) -> None:
        """Open the help."""
        self._app.action_help()

    def do_pending(self, _: Call) -> None:
        """Say what waits."""
        self._look("pending", lambda: self._say(answers.pending_text(self._core)))

    def do_show(self, call: Call) -> None:
        """Open a proposal."""
        self._look("show", lambda: self._open(answers.the_one(self._core, call.rest).id))

    def do_history(self, _: Call) -> None:
        """Say what landed."""
        self._look("history", lambda: self._say(answers.history_text(self._core)))

    def do_doctor(self, _: Call) -> None:
        """Say what is installed, reachable or missing."""
        self._look("doctor", lambda: self._say(answers.doctor_text(self._core)))

    def do_model(self, _: Call) -> None:
        """Say what thinks."""
        self._look("model", lambda: self._say(answers.model_text(self._core)))

    def do_clear(self, _: Call) -> None:
        """Forget the conversation, on the screen and before the model."""
        self._talk = Talk()
        self._app.clear()

    def do_quit(self, _: Call) -> None:
        """Leave."""
        self._app.leave()

    # --- what is answered --------------------------------------------------------------------

    def do_approve(self, call: Call) -> None:
        """Ask for the yes."""
        prefix, digest = read_answer(call.rest)
        self._answer(prefix, is_yes=True, digest=digest)

    def do_reject(self, call: Call) -> None:
        """Say no, with the reason given or asked for."""
        prefix, reason = read_answer(call.rest)
        if reason:
            self._look("reject", lambda: self._app.reject(self._core.get(prefix).id, reason))
        else:
            self._answer(prefix, is_yes=False)

    # --- what is work ------------------------------------------------------------------------

    def do_improve(self, call: Call) -> None:
        """Look for improvements and propose them."""
        rounds, pattern = read_rounds(call.rest)

        def improve(cancel: Cancel) -> None:
            made = sum(1 for _ in self._core.improve(rounds, pattern, cancel))
            if not made:
                self._say("I found nothing to improve here.")

        self._app.desk.give(Job("improve", improve))

    def do_change(self, call: Call) -> None:
        """Carry out a task."""
        self._app.desk.give(Job("change", lambda cancel: self._change(call.rest, cancel)))

    def do_steer(self, call: Call) -> None:
        """Have something before the model from the next stage on."""
        if self._steering is None:
            raise UsageError("No change is under way; /change begins one.")
        self._steering.say(call.rest)
        self._app.say("It hears that before its next step.")

    def do_submit(self, call: Call) -> None:
        """Put a patch through the gate."""
        path = Path(call.rest).expanduser()

        def submit(cancel: Cancel) -> None:
            from mai.core import Submission

            try:
                data = path.read_bytes()
            except OSError as error:
                raise UsageError(f"{call.rest} cannot be read: {error.strerror}.") from error
            self._core.submit(Submission(data), cancel)

        self._app.desk.give(Job("submit", submit))

    def do_rollback(self, call: Call) -> None:
        """Propose to take a landed change back."""
        self._app.desk.give(Job("rollback", lambda cancel: self._rollback(call.rest, cancel)))

    # --- in threads --------------------------------------------------------------------------

    def _look(self, label: str, action: Callable[[], object]) -> None:
        self._app.desk.at_once(Job(label, lambda _: _nothing(action())))

    def _say(self, text: str) -> None:
        self._app.post_message(Answered(text))

    def _change(self, task: str, cancel: Cancel) -> None:
        from mai.agent.task import Steering

        self._steering = steering = Steering()
        try:
            self._core.change(
                task,
                cancel,
                approve_plan=lambda plan: self._agreed(plan, cancel),
                steering=steering,
            )
        finally:
            self._steering = None

    def _agreed(self, plan: Plan, cancel: Cancel) -> Plan | None:
        """Wait for the person's word on a plan; a stop is a no."""
        answers_given: SimpleQueue[Plan | None] = SimpleQueue()
        cancel.on_set(lambda: answers_given.put(None))
        if not self._app.post_message(PlanMade(plan, answers_given.put)):
            return None
        return answers_given.get()

    def _rollback(self, prefix: str, cancel: Cancel) -> None:
        self._core.rollback(prefix, cancel)

    def _open(self, proposal_id: str, *, is_update: bool = False) -> None:
        proposal = self._core.get(proposal_id)
        diff, story = self._core.diff(proposal), self._core.story(proposal)
        self._app.post_message(Opened(proposal, diff, story, is_update=is_update))
        if not is_update and self._core.outdated([proposal]):
            self._judge_again(proposal)

    def _judge_again(self, proposal: Proposal) -> None:
        """Judge an outdated proposal again because a person looks at it; the screen follows.

        One at a time: while one is judged, only what was opened last waits for its turn.
        """
        self._opened = proposal
        while self._opened is not None and self._judging.acquire(blocking=False):
            try:
                due, self._opened = self._opened, None
                if due is not None:
                    self._core.refresh(due.id)
            finally:
                self._judging.release()

    def _answer(self, prefix: str, *, is_yes: bool, digest: str = "") -> None:
        def ask() -> None:
            proposal = answers.the_one(self._core, prefix)
            if not proposal.digest.startswith(f"sha256:{digest.removeprefix('sha256:')}"):
                raise WrongDigest(f"{one_line(digest, 20)} is not what {proposal.short_id} shows.")
            self._app.post_message(Answering(proposal, is_yes=is_yes))

        self._look("answer", ask)

    def _reply(self, text: str, cancel: Cancel) -> None:
        """Stream an answer, ten times a second: every piece by itself would be all the work."""
        from mai.providers.thinking import without_thinking

        pieces: list[str] = []
        started_s = told_s = time.monotonic()
        last = None
        try:
            for delta in self._talk.reply(self._core, text, cancel):
                pieces.append(delta.text)
                last = delta if delta.is_last else last
                if time.monotonic() - told_s > _COALESCE_S:
                    told_s = time.monotonic()
                    self._app.post_message(ReplyGrew(without_thinking("".join(pieces))))
        except Cancelled:
            pieces.append("\n\n*Stopped.*")
            raise
        finally:
            seconds = time.monotonic() - started_s
            whole = without_thinking("".join(pieces))
            self._app.post_message(ReplyGrew(whole, last, seconds, is_whole=True))


def _nothing(_: object) -> None:
    """Take a value and give none."""
