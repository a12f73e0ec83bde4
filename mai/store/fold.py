"""What a proposal is: the fold of its entries, by a table of small functions.

`ALLOWED` says from which states an event may happen; `_STEPS` says what it does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from mai.errors import StoreCorrupt
from mai.proposal import (
    Approval,
    Fault,
    FileChange,
    Json,
    Landing,
    Proposal,
    ReviewReport,
    RiskReport,
    State,
    TrialReport,
)
from mai.store.codec import decode
from mai.store.ledger import Entry

_JUDGING = frozenset({State.PROPOSED, State.CHECKED, State.ASSESSED, State.TRIED, State.REVIEWED})
_UNANSWERED = _JUDGING | {State.PENDING}
_OPEN = _UNANSWERED | {State.APPROVED}

#: From which states each event may happen. `proposed` starts a proposal; `noted` goes anywhere.
ALLOWED: Mapping[str, frozenset[State]] = {
    "proposed": frozenset(),
    "checked": frozenset({State.PROPOSED}),
    "assessed": frozenset({State.CHECKED}),
    "tried": frozenset({State.ASSESSED}),
    "reviewed": frozenset({State.TRIED}),
    # Once more where the digest that was asked about covers less than what is shown now.
    "pending": frozenset({State.REVIEWED, State.PENDING}),
    "moved": _OPEN,
    "approved": frozenset({State.PENDING}),
    "completed": frozenset({State.PENDING, State.APPROVED}),
    "landing": frozenset({State.APPROVED}),
    "landed": frozenset({State.APPROVED}),
    # A ledger that lost its end reads back from the branch what had landed since.
    "recovered": _OPEN,
    # What goes wrong may do so until the branch has moved, after a yes too.
    "blocked": _OPEN,
    "failed": _OPEN,
    "conflicted": _OPEN,
    # An answer is final: after a yes, a no or a clock comes too late.
    "extended": _UNANSWERED,
    "rejected": _UNANSWERED,
    "expired": _UNANSWERED,
    "withdrawn": _UNANSWERED,
    "rolled_back": frozenset({State.LANDED}),
    # A no counts at once; why, a person may say after it.
    "reasoned": frozenset({State.REJECTED}),
    "noted": frozenset(State),
}


class Misfit(ValueError):
    """An event that its proposal's state does not allow, or whose data is not what it needs."""


def is_allowed(proposal: Proposal | None, kind: str) -> bool:
    """Whether `kind` may happen to `proposal` now, None being one that nothing was said of yet."""
    if proposal is None:
        return kind == "proposed"
    return proposal.state in ALLOWED.get(kind, frozenset())


def fold(entries: Iterable[Entry]) -> Proposal:
    """Return what one proposal's `entries`, in order, make of it.

    Raises:
        StoreCorrupt: they tell no story that Mai could have written.
    """
    proposal: Proposal | None = None
    for entry in entries:
        proposal = retold(proposal, entry)
    if proposal is None:
        raise StoreCorrupt("The ledger has no entries of this proposal.")
    return proposal


def retold(proposal: Proposal | None, entry: Entry) -> Proposal:
    """Return `step(proposal, entry)` for an entry that is in the ledger already.

    Raises:
        StoreCorrupt: it does not fit what came before it.
    """
    try:
        return step(proposal, entry)
    except Misfit as error:
        raise StoreCorrupt(
            f"Entry {entry.number} of the ledger cannot be: {error}; `mai audit verify` says more."
        ) from error


def step(proposal: Proposal | None, entry: Entry) -> Proposal:
    """Return `proposal` after `entry`.

    Raises:
        Misfit: the state does not allow it, or its data is not what the event needs.
    """
    if not is_allowed(proposal, entry.kind):
        stands = proposal.state if proposal else "not there yet"
        raise Misfit(f"`{entry.kind}` cannot happen to a proposal that is {stands}")
    try:
        return _proposed(entry) if proposal is None else _STEPS[entry.kind](proposal, entry)
    except Misfit:
        raise
    except KeyError as error:
        raise Misfit(f"`{entry.kind}` lacks {error}") from error
    except ValueError as error:
        raise Misfit(f"`{entry.kind}` has data of the wrong shape") from error


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_GIVEN = ("id", "title", "why", "branch", "base", "commit", "tree", "author", "files")


# --- the steps -------------------------------------------------------------------------------


def _proposed(entry: Entry) -> Proposal:
    data = entry.data
    if data["id"] != entry.proposal:
        raise Misfit("`proposed` names another proposal")
    given = {name: data[name] for name in _GIVEN}
    derived = {"tip": data["base"], "state": State.PROPOSED, "created_at": entry.at}
    return decode(Proposal, given | derived | {"rolls_back": data.get("rolls_back")})


def _checked(proposal: Proposal, _entry: Entry) -> Proposal:
    return replace(proposal, state=State.CHECKED)


def _assessed(proposal: Proposal, entry: Entry) -> Proposal:
    return replace(proposal, state=State.ASSESSED, risk=decode(RiskReport, entry.data["risk"]))


def _tried(proposal: Proposal, entry: Entry) -> Proposal:
    return replace(
        proposal,
        state=State.TRIED,
        trial=decode(TrialReport, entry.data["trial"]),
        risk=decode(RiskReport, entry.data["risk"]),
    )


def _reviewed(proposal: Proposal, entry: Entry) -> Proposal:
    review = decode(ReviewReport, entry.data["review"])
    return replace(proposal, state=State.REVIEWED, review=review)


def _pending(proposal: Proposal, entry: Entry) -> Proposal:
    digest = decode(str, entry.data["digest"])
    if not _DIGEST.fullmatch(digest):
        raise Misfit("`pending` has a digest that is none")
    kept = proposal.approval if proposal.approval and proposal.approval.digest == digest else None
    return replace(
        proposal,
        state=State.PENDING,
        digest=digest,
        expires_at=moment(decode(str, entry.data["expires_at"])).isoformat(),
        approval=kept,
        signing=decode(str, entry.data.get("signing", "")),
    )


def _extended(proposal: Proposal, entry: Entry) -> Proposal:
    expires_at = moment(decode(str, entry.data["expires_at"])).isoformat()
    return replace(proposal, expires_at=expires_at)


def _moved(proposal: Proposal, entry: Entry) -> Proposal:
    # Digest, expiry and a yes stay: judged again to the same digest, the card and the yes are good.
    return replace(
        proposal,
        state=State.PROPOSED,
        tip=decode(str, entry.data["tip"]),
        tree=decode(str, entry.data["tree"]),
        files=decode(tuple[FileChange, ...], entry.data["files"]),
        risk=None,
        trial=None,
        rest=None,
        review=None,
    )


def _completed(proposal: Proposal, entry: Entry) -> Proposal:
    """Add what the tests showed that the trial left for later. They may still fail the change."""
    if decode(str, entry.data["tree"]) != proposal.tree or not proposal.owes_tests:
        raise Misfit("`completed` is about tests that are not due")
    report = decode(TrialReport, entry.data["rest"])
    if report.verdict.lets_through:
        return replace(proposal, rest=report)
    error = Fault(decode(str, entry.data["code"]), decode(str, entry.data["message"]))
    trial = decode(TrialReport, entry.data["trial"])
    return replace(proposal, state=State.FAILED, trial=trial, rest=report, error=error)


def _approved(proposal: Proposal, entry: Entry) -> Proposal:
    digest = decode(str, entry.data["digest"])
    if not digest or digest != proposal.digest:
        raise Misfit("`approved` is bound to another digest than the proposal's")
    approval = Approval(decode(str, entry.data["by"]), entry.at, digest)
    return replace(proposal, state=State.APPROVED, approval=approval)


def _landed(proposal: Proposal, entry: Entry) -> Proposal:
    if proposal.owes_tests:
        raise Misfit("`landed` comes before all of its tests ran")
    landed = Landing(
        commit=decode(str, entry.data["commit"]),
        branch=decode(str, entry.data["branch"]),
        at=entry.at,
        is_beside=decode(bool, entry.data.get("is_beside", False)),
        note=_optional(entry.data, "note") or "",
    )
    return replace(proposal, state=State.LANDED, landed=landed)


def _recovered(proposal: Proposal, entry: Entry) -> Proposal:
    digest = decode(str, entry.data["digest"])
    if not _DIGEST.fullmatch(digest):
        raise Misfit("`recovered` has a digest that is none")
    at = moment(decode(str, entry.data["at"])).isoformat()
    landed = Landing(
        commit=decode(str, entry.data["commit"]),
        branch=decode(str, entry.data["branch"]),
        at=at,
        is_beside=decode(bool, entry.data.get("is_beside", False)),
        note="read back from the branch",
    )
    return replace(
        proposal,
        state=State.LANDED,
        digest=digest,
        approval=Approval(decode(str, entry.data["by"]), at, digest),
        landed=landed,
    )


def _ended(proposal: Proposal, entry: Entry) -> Proposal:
    message = _optional(entry.data, "message") or ""
    # What blocked it or failed it is part of the story: the report comes with the end.
    risk, trial = entry.data.get("risk"), entry.data.get("trial")
    return replace(
        proposal,
        state=State(entry.kind),
        risk=proposal.risk if risk is None else decode(RiskReport, risk),
        trial=proposal.trial if trial is None else decode(TrialReport, trial),
        error=Fault(_optional(entry.data, "code") or entry.kind, message),
        reason=_optional(entry.data, "reason") or "",
    )


def _rolled_back(proposal: Proposal, entry: Entry) -> Proposal:
    by_proposal = decode(str, entry.data["by_proposal"])
    return replace(proposal, state=State.ROLLED_BACK, reason=f"rolled back by {by_proposal}")


def _reasoned(proposal: Proposal, entry: Entry) -> Proposal:
    return replace(proposal, reason=decode(str, entry.data["reason"]))


def _unchanged(proposal: Proposal, _entry: Entry) -> Proposal:
    return proposal


def _landing(proposal: Proposal, entry: Entry) -> Proposal:
    decode(dict[str, object], entry.data["plan"])
    return proposal


_STEPS: Mapping[str, Callable[[Proposal, Entry], Proposal]] = {
    "checked": _checked,
    "assessed": _assessed,
    "tried": _tried,
    "reviewed": _reviewed,
    "pending": _pending,
    "moved": _moved,
    "extended": _extended,
    "approved": _approved,
    "completed": _completed,
    "landing": _landing,
    "landed": _landed,
    "recovered": _recovered,
    "blocked": _ended,
    "failed": _ended,
    "rejected": _ended,
    "expired": _ended,
    "conflicted": _ended,
    "withdrawn": _ended,
    "rolled_back": _rolled_back,
    "reasoned": _reasoned,
    "noted": _unchanged,
}


def moment(text: str) -> datetime:
    """Return the ISO 8601 time `text`.

    Raises:
        ValueError: it is none, or does not say in which zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)


def _optional(data: Json, name: str) -> str | None:
    value = data.get(name)
    return None if value is None else decode(str, value)
