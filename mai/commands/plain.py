"""`mai --plain`: the conversation line by line, for pipes and screen readers; `mai ask`: one turn.

No colours, no boxes, nothing redrawn. `mai.commands.approval` says whether a yes may be given, and
how.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mai.cli.planning import ask_plan
from mai.commands.approval import confirm, who
from mai.commands.options import turn_off
from mai.commands.output import is_terminal, line
from mai.commands.session import cancellable, say_which_repo
from mai.commands.show import card, print_card
from mai.console import answers
from mai.console.commands import Call, read_answer, read_line, read_rounds
from mai.errors import MaiError, NoModel, UsageError
from mai.events import Cancel, Event, ProposalChanged, Said, StageFinished
from mai.proposal import State
from mai.text import plain
from mai.tui.talk import Talk
from mai.words import label

if TYPE_CHECKING:
    from mai.core import Core

_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})[ ]*([^`\r\n]*)")


def converse(repo: Path | None) -> None:
    """Talk on standard input and output until the input ends or somebody says `/quit`.

    Raises:
        MaiError: there is no repo to work on, or the database cannot be used.
    """
    from mai.core import Core

    turn_off("colour")
    with Core.open(repo, tells_stderr=False) as core:
        core.events.subscribe(_tell)
        say_which_repo(core, repo)
        core.keep_warm()
        where = f"{label(core.repo.root.name)}, branch {label(core.repo.branch())}"
        line(f"Mai, on {where}. /help lists the commands.")
        core.resume()
        line(answers.pending_text(core))
        plainly = _Plain(core)
        for text in _lines():
            if not plainly.take(text):
                break


def one_turn(core: Core, text: str) -> Iterator[str]:
    """Yield the answer to `text` in pieces.

    Raises:
        NoModel: no model thinks here, so there is no answer.
        ProviderError: the model or its server failed.
    """
    if core.provider().name == "reflex":
        from mai.providers.reflex import NO_MODEL

        raise NoModel(NO_MODEL)
    yield from _reply(Talk(), core, text, Cancel())


class _Plain:
    """Carries out one line after the other. The handlers are those of `mai.console.commands`."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._talk = Talk()
        self._is_over = False

    def take(self, text: str) -> bool:
        """Carry out a line, say what went wrong if something did; return whether to go on."""
        try:
            call = read_line(text)
            if call is None:
                self._say(text[1:] if text.startswith("//") else text)
            else:
                handler: Callable[[Call], None] = getattr(self, call.command.handler)
                handler(call)
        except MaiError as error:
            line(str(error))
        sys.stdout.flush()
        return not self._is_over

    def _say(self, text: str) -> None:
        with cancellable() as cancel:
            try:
                for piece in _reply(self._talk, self._core, text, cancel):
                    sys.stdout.write(piece)
                    sys.stdout.flush()
            finally:
                line()

    def do_help(self, _: Call) -> None:
        line(answers.help_text())

    def do_improve(self, call: Call) -> None:
        rounds, pattern = read_rounds(call.rest)
        with cancellable() as cancel:
            if not sum(1 for _ in self._core.improve(rounds, pattern, cancel)):
                line("I found nothing to improve here.")

    def do_change(self, call: Call) -> None:
        with cancellable() as cancel:
            self._core.change(call.rest, cancel, approve_plan=ask_plan if is_terminal() else None)

    def do_steer(self, _: Call) -> None:
        raise UsageError("Here one thing is done after the other; nothing is under way.")

    def do_submit(self, call: Call) -> None:
        from mai.core import Submission

        try:
            data = Path(call.rest).expanduser().read_bytes()
        except OSError as error:
            raise UsageError(f"{call.rest} cannot be read: {error.strerror}.") from error
        with cancellable() as cancel:
            self._core.submit(Submission(data), cancel)

    def do_pending(self, _: Call) -> None:
        line(answers.pending_text(self._core))

    def do_show(self, call: Call) -> None:
        proposal = answers.the_one(self._core, call.rest)
        is_outdated = proposal.id in self._core.outdated([proposal])
        diff = self._core.diff(proposal)
        print_card(proposal, diff, is_outdated=is_outdated, most=None)

    def do_approve(self, call: Call) -> None:
        prefix, digest = read_answer(call.rest)
        proposal = answers.the_one(self._core, prefix)
        agreed = confirm(self._core, proposal, digest or None)
        self._core.approve(proposal.id, agreed.digest, by=agreed.by)

    def do_reject(self, call: Call) -> None:
        prefix, reason = read_answer(call.rest)
        self._core.reject(answers.the_one(self._core, prefix).id, reason, by=who())

    def do_history(self, _: Call) -> None:
        line(answers.history_text(self._core))

    def do_rollback(self, call: Call) -> None:
        with cancellable() as cancel:
            self._core.rollback(call.rest, cancel)

    def do_doctor(self, _: Call) -> None:
        line(answers.doctor_text(self._core))

    def do_model(self, _: Call) -> None:
        line(answers.model_text(self._core))

    def do_clear(self, _: Call) -> None:
        self._talk = Talk()
        line("I have forgotten this conversation.")

    def do_quit(self, _: Call) -> None:
        self._is_over = True


def _tell(event: Event) -> None:
    """Say what happens as sentences, a line each."""
    match event:
        case Said(text):
            line(text)
        case StageFinished(_, stage, passed, seconds) if stage != "approve":  # that only asks
            line(f"{stage}: {'done' if passed else 'stopped'} after {seconds:.1f} s.")
        case ProposalChanged(proposal) if proposal.state is State.PENDING:
            name = proposal.short_id
            line(card(proposal))
            line(f"{answers.outcome(proposal)} /show {name}, /approve {name} or /reject {name}.")
        case ProposalChanged(proposal) if proposal.state.is_end:
            line(answers.outcome(proposal))
    sys.stdout.flush()


def _reply(talk: Talk, core: Core, text: str, cancel: Cancel) -> Iterator[str]:
    """Yield an answer in pieces, without what the model thought aloud or a terminal would obey."""
    from mai.providers.thinking import without_thinking

    whole, shown = "", 0
    for delta in talk.reply(core, text, cancel):
        whole += delta.text
        answer = without_thinking(whole)
        yield plain(answer[shown:])
        shown = max(shown, len(answer))


def _lines() -> Iterator[str]:
    """Yield each message that is typed, pasted or piped in; empty ones are left out.

    At a terminal a pasted block is one message. In a pipe a line is one, except that a fenced block
    goes with the line that opens it.
    """
    typed = _typed_lines() if sys.stdin.isatty() else _piped_messages(sys.stdin)
    for text in typed:
        if text.strip():
            yield text.strip()


def _typed_lines() -> Iterator[str]:
    with contextlib.suppress(ImportError):
        import readline  # `input` edits and remembers lines once it is there

        # The terminal then marks where a paste begins and ends, and `input` returns it whole.
        readline.parse_and_bind("set enable-bracketed-paste on")
    with contextlib.suppress(EOFError):
        while True:
            yield input("› ")
    line()


def _piped_messages(lines: Iterable[str]) -> Iterator[str]:
    block: list[str] = []
    fence = ""
    for raw in lines:
        opened = _FENCE.match(raw)
        if fence:
            block.append(raw)
            if opened and opened[1].startswith(fence) and not opened[2]:
                yield "".join(block)
                block, fence = [], ""
        elif opened:
            block, fence = [raw], opened[1]
        else:
            yield raw
    # A fence that never closes hides no line: each is a message, as it would be without it.
    yield from block
