"""Who may say yes in a terminal or without one, and to what.

This module can bring a landing about, so it is part of the protected core: Mai cannot change it.
"""

from __future__ import annotations

import getpass
import hmac
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mai.commands.output import ask, is_terminal, note
from mai.errors import ApprovalRefused, Declined
from mai.proposal import Level, Proposal, State

if TYPE_CHECKING:
    from mai.core import Core
    from mai.settings import Settings

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Agreed:
    """A yes, and to which digest it was given."""

    by: str
    digest: str


def who() -> str:
    """Return `terminal:<login>`."""
    try:
        return f"terminal:{getpass.getuser()}"
    except (KeyError, OSError):
        return "terminal:unknown"


def confirm(core: Core, proposal: Proposal, digest: str | None) -> Agreed:
    """Get a yes from the person at the terminal, or from a headless caller who may give one.

    With a terminal and no digest the proposal is shown as it is on its branch's tip now, and the
    person confirms; HIGH asks for the first six digits of its digest instead of a `y`.

    Raises:
        ApprovalRefused: no terminal and not allowed without one, or a wrong PIN.
        Declined: the person said no at the prompt; the proposal still waits.
    """
    if not is_terminal():
        require_headless(core.settings, proposal.level)
        if digest is None:
            raise ApprovalRefused("Without a terminal the digest is required: --digest PREFIX.")
        check_pin(core.settings)
        return Agreed(f"headless:{who().partition(':')[2]}", digest)
    if digest is None or proposal.level >= Level.HIGH:
        proposal = core.refresh(proposal.id)
        digest = digest or proposal.digest
        if proposal.state is not State.PENDING:
            return Agreed(who(), digest)  # nothing to ask: the inbox says what became of it
        _ask(core, proposal)
    check_pin(core.settings)
    return Agreed(who(), digest)


def require_headless(settings: Settings, level: Level) -> None:
    """Refuse a yes without a terminal unless the environment allows it and the level is low."""
    if not settings.headless_approval:
        raise ApprovalRefused(
            "There is no terminal to ask at. Approve in one, or set MAI_HEADLESS_APPROVAL=1."
        )
    if level >= Level.HIGH:
        raise ApprovalRefused(f"{level} needs a person at a terminal or on Discord.")


def check_pin(settings: Settings) -> None:
    """Ask for the PIN where one is set: hidden at a terminal, else one line of standard input."""
    if settings.approval_pin is None:
        return
    given = getpass.getpass("PIN: ") if is_terminal() else sys.stdin.readline().rstrip("\r\n")
    wanted = settings.approval_pin.get_secret_value()
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise ApprovalRefused("That is not the PIN. Nothing was approved.")


def _ask(core: Core, proposal: Proposal) -> None:
    from mai.commands.show import print_card

    print_card(proposal, core.diff(proposal), to=note)
    if proposal.level >= Level.HIGH:
        wanted = proposal.digest.removeprefix("sha256:")[:_DIGITS]
        note(f"\n◆ This is {proposal.level}. Type {wanted} to land it, anything else to leave it.")
        is_yes = ask("› ") == wanted
    else:
        is_yes = ask("\nLand it? [y/N] ").lower() in {"y", "yes"}
    if not is_yes:
        raise Declined("Nothing was approved; it still waits for you.", code="not-approved")
