"""What stands in the way of an answer: a digest that was not shown, a state that is past it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mai.errors import (
    AlreadyAnswered,
    Blocked,
    Conflict,
    Declined,
    MaiError,
    StaleDigest,
    WrongDigest,
)
from mai.proposal import Proposal, State
from mai.store.ledger import Entry
from mai.text import one_line

_ASIDES = frozenset({"noted", "reasoned"})
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")


def checked_digest(proposal: Proposal, digest: str, entries: Sequence[Entry]) -> str:
    """Return the proposal's digest if `digest`, which may be cut short, stands for it.

    Raises:
        WrongDigest: it is no digest, or was never this proposal's.
        StaleDigest: it was once, says one of the proposal's `entries`.
    """
    match = _DIGEST.fullmatch(digest.strip().lower())
    if not match:
        raise WrongDigest("A digest is `sha256:` and at least six hexadecimal digits.")
    wanted = "sha256:" + match[1]
    if proposal.digest.startswith(wanted):
        return proposal.digest
    earlier = [str(entry.data["digest"]) for entry in entries if entry.kind == "pending"]
    if any(old.startswith(wanted) for old in earlier):
        raise StaleDigest(
            f"What proposal {proposal.short_id} would land has changed since: look at it again."
        )
    raise WrongDigest(f"That is not the digest of proposal {proposal.short_id}.")


def refusal(proposal: Proposal, entries: Sequence[Entry]) -> MaiError:
    """Return why nothing more can be said about `proposal`: who ended it, how and when."""
    name, state = f"Proposal {proposal.short_id}", proposal.state
    end = next((entry for entry in reversed(entries) if entry.kind not in _ASIDES), entries[-1])
    who = f" by {one_line(str(end.data['by']), 80)}" if end.data.get("by") else ""
    error: MaiError
    match state:
        case State.APPROVED | State.LANDED | State.ROLLED_BACK:
            yes = proposal.approval
            said = f" by {one_line(yes.by, 80)} at {yes.at}" if yes else ""
            how = state.value.replace("_", " ")
            error = AlreadyAnswered(f"{name} is {how} already: it was approved{said}.")
        case State.REJECTED | State.EXPIRED | State.WITHDRAWN:
            verb = "expired" if state is State.EXPIRED else f"was {state}"
            error = Declined(f"{name} {verb}{who} at {end.at}.", state.value)
        case State.BLOCKED:
            error = Blocked(f"{name} is blocked; no answer overrides that.")
        case State.CONFLICTED:
            error = Conflict(f"{name} no longer fits its branch since {end.at}.")
        case State.FAILED:
            error = Conflict(f"{name} failed at {end.at}; there is nothing left to answer.")
        case State.PENDING:
            error = Conflict(f"{name} waits for an answer; only that can happen to it now.")
        case _:
            error = Conflict(f"{name} is being judged (it is {state}): try again when it waits.")
    return error
