"""The yes: what is landed is the digest on this screen. Protected core.

LOW and MEDIUM take one more key, not the first one again, after a rest; HIGH takes the first digits
of the digest, typed; a PIN, where the user set one, is asked for in every case. BLOCKED has no yes.
"""

from __future__ import annotations

import getpass
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from mai.console.proposal_words import (
    counts,
    level,
    on_screen,
    review_line,
    risk_line,
    short_digest,
    trial_line,
)
from mai.console.screens.question import Question
from mai.proposal import Level, Proposal, State
from mai.words import by, label, quoted_title, said

if TYPE_CHECKING:
    from mai.core import Core
    from mai.events import Cancel
    from mai.settings import Settings

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Yes:
    """A person's yes, to exactly what `digest` stands for."""

    proposal_id: str
    digest: str
    by: str


def who() -> str:
    """Return `terminal:<login>`."""
    try:
        return f"terminal:{getpass.getuser()}"
    except (KeyError, OSError):
        return "terminal:unknown"


def refusal(proposal: Proposal) -> str:
    """Return why there is nothing to say yes to, empty where there is."""
    if proposal.level is Level.BLOCKED:
        return f"{proposal.short_id} is BLOCKED. Only your own editor makes that change."
    if proposal.state is not State.PENDING or not proposal.digest:
        state = str(proposal.state).replace("_", " ")
        return f"{proposal.short_id} does not wait for an answer; it is {state}."
    return ""


def carry_out(core: Core, yes: Yes, cancel: Cancel) -> Proposal:
    """Say the yes to the core and land what it stands for. Raises what `Core.approve` raises."""
    return core.approve(yes.proposal_id, yes.digest, yes.by, cancel)


def facts(proposal: Proposal) -> Content:
    """Return what a yes would stand for: Mai's facts, and the title in quotation marks below them.

    The words of others are on the proposal's page, behind the question.
    """
    signing = proposal.signing
    lines = [
        Content.assemble(
            level(proposal),
            f" · {proposal.short_id} · digest ",
            (short_digest(proposal), "bold"),
        ),
        Content(""),
        Content.assemble(
            ("What   ", "$muted"),
            f"{counts(proposal)}, on {label(proposal.branch, 40)}, {by(proposal.author)}",
        ),
        Content.assemble(("Risk   ", "$muted"), risk_line(proposal)),
        Content.assemble(("Trial  ", "$muted"), trial_line(proposal)),
        Content.assemble(("Review ", "$muted"), review_line(proposal)),
        *([Content.assemble(("Sign   ", "$muted"), said(signing))] if signing else []),
        Content.assemble(("Title  ", "$muted"), on_screen(quoted_title(proposal.title))),
        Content(""),
    ]
    return Content("\n").join(lines)


class ApprovalScreen(Question[Yes | None]):
    """Asks for the yes. Ends with it, or with None where the person left it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "Land it", show=False),
        Binding("escape,n,q", "leave", "Leave it", show=False),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012 - as Textual has it

    def __init__(self, proposal: Proposal, settings: Settings) -> None:
        super().__init__()
        self.proposal = proposal
        self._pin = settings.approval_pin
        self._is_high = proposal.level >= Level.HIGH

    def compose(self) -> ComposeResult:
        """Show what the yes would stand for, and the one thing to do."""
        with VerticalScroll(id="approval", classes="card"):
            yield Static(facts(self.proposal), id="approval-card")
            if self._is_high:
                yield Input(
                    id="digits", placeholder=f"the first {_DIGITS} digits", max_length=_DIGITS
                )
            if self._pin is not None:
                yield Input(id="pin", password=True, placeholder="PIN")
            yield Static("", id="approval-problem")
            yield Static(self._what_to_do(), id="approval-keys")

    def on_mount(self) -> None:
        """Put the cursor where something must be typed."""
        for field in self.query(Input):
            field.focus()
            break

    def action_agree(self) -> None:
        """Say yes, where one key is enough."""
        if self._is_high or self._pin is not None:
            return
        if self.is_meant():
            self._agree()
        else:
            self._problem("That came in a row with other keys. Press y once more.")

    def action_leave(self) -> None:
        """Leave it; it still waits."""
        self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Check what was typed; the yes needs all of it."""
        event.stop()
        if self._is_high:
            wanted = self.proposal.digest.removeprefix("sha256:")[:_DIGITS]
            typed = self.query_one("#digits", Input).value.strip().lower()
            if len(wanted) != _DIGITS or not hmac.compare_digest(typed.encode(), wanted.encode()):
                self._refuse("Those are not its digits.", "#digits")
                return
        if self._pin is not None:
            given = self.query_one("#pin", Input)
            if not given.value and event.input is not given:
                given.focus()
                return
            wanted_pin = self._pin.get_secret_value()
            if not hmac.compare_digest(given.value.encode(), wanted_pin.encode()):
                self._refuse("That is not the PIN.", "#pin")
                return
        self._agree()

    def _agree(self) -> None:
        if not refusal(self.proposal):
            self.dismiss(Yes(self.proposal.id, self.proposal.digest, who()))

    def _refuse(self, sentence: str, selector: str) -> None:
        self._problem(sentence)
        field = self.query_one(selector, Input)
        field.value = ""
        field.focus()

    def _problem(self, sentence: str) -> None:
        self.query_one("#approval-problem", Static).update(Content.styled(sentence, "$error"))

    def _what_to_do(self) -> Content:
        leave = ("   Esc", "bold"), " leaves it"
        if self._is_high:
            digits = self.proposal.digest.removeprefix("sha256:")[:_DIGITS]
            return Content.assemble("Type ", (digits, "bold"), " and Enter to land it.", *leave)
        if self._pin is not None:
            return Content.assemble("Type the PIN and Enter to land it.", *leave)
        return Content.assemble(("y", "bold"), " lands it", *leave)
