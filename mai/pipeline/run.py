"""The one place that knows the order: runs what is due, writes the ledger, tells the screens.

A proposal's state says which stage is due, so resuming after a crash is the same loop as the first
run. A stage may be run twice (a crash between its work and its ledger row); none has an effect on
the user's repository except `land`, which is made to be finished rather than repeated.
"""

from __future__ import annotations

import time
from dataclasses import asdict

from mai import crash
from mai.errors import (
    Cancelled,
    Conflict,
    GitError,
    MaiError,
    NoEngine,
    ProviderError,
    SettingsError,
    StoreError,
    Undecided,
    UnsuitableRepo,
)
from mai.events import Cancel, ProposalChanged, Said, StageFinished, StageStarted
from mai.pipeline.approve import ask, may_land_alone
from mai.pipeline.assess import assess
from mai.pipeline.check import check
from mai.pipeline.land import land
from mai.pipeline.rest import finish_tests
from mai.pipeline.review import review
from mai.pipeline.services import Outcome, Services, Stage
from mai.pipeline.trial import trial
from mai.proposal import Proposal, State
from mai.system.logs import get, record_fault
from mai.text import one_line

STAGES: dict[State, tuple[str, Stage]] = {
    State.PROPOSED: ("check", check),
    State.CHECKED: ("assess", assess),
    State.ASSESSED: ("trial", trial),
    State.TRIED: ("review", review),
    State.REVIEWED: ("approve", ask),
    State.APPROVED: ("land", land),
}

#: What says nothing of the proposal: the machine, the repo or a person can change it, and then the
#: stage is run again. Whatever else a stage raises, it would raise each time, and that is an end.
_PASSING = (
    Cancelled,
    Conflict,
    GitError,
    NoEngine,
    ProviderError,
    SettingsError,
    StoreError,
    Undecided,
    UnsuitableRepo,
    MemoryError,
    OSError,
)
#: A branch that moves under every attempt to land is somebody else's to stop.
_MOST_MOVES = 5
_BY_SETTING = "setting:auto-land-low"


def run(proposal: Proposal, services: Services, cancel: Cancel) -> Proposal:
    """Run every stage that is due until `proposal` waits for a person or has ended.

    Raises:
        Cancelled: `cancel` was set; the proposal is withdrawn.
        NoEngine: tests are due and there is no sandbox; the proposal stays where it is.
    """
    moves = 0
    services.repo.keep(proposal.ref, proposal.commit)
    while proposal.state in STAGES:
        name, stage = STAGES[proposal.state]
        if proposal.state is State.APPROVED and proposal.owes_tests:
            proposal = finish_tests(proposal, services, cancel)
            continue
        try:
            proposal = _step(name, stage, proposal, services, cancel)
        except Cancelled as stopped:
            _note(services, services.inbox.withdraw(proposal.id, by="person"))
            raise Cancelled(f"Stopped at {name}; nothing landed.", stage=name) from stopped
        except Conflict:
            moves += 1
            if name != "land" or moves > _MOST_MOVES:
                raise
            proposal = _move(proposal, services)
        if name == "approve" and proposal.approval and proposal.approval.by == _BY_SETTING:
            services.events.publish(Said(f"I land {proposal.short_id} by myself: it is LOW."))
    return proposal


def follow(proposal: Proposal, services: Services, cancel: Cancel) -> Proposal:
    """Bring a proposal onto its branch's tip and judge it again, if the branch moved.

    The same digest afterwards means the same diff, risk and outcome: a yes to it stays good.
    Another one is a new question.

    Raises:
        SettingsError: the tip's `mai.toml` cannot be used; the proposal waits as it was.
    """
    moved = _move(proposal, services)
    return run(moved, services, cancel) if moved.state in STAGES else moved


def _move(proposal: Proposal, services: Services) -> Proposal:
    """Put a proposal on its branch's tip, to be judged there; return it as it is if that is so."""
    repo = services.repo
    try:
        tip = repo.tip(proposal.branch)
    except UnsuitableRepo:
        return _conflicted(proposal, services, f"The branch {proposal.branch} is gone.")
    if tip == proposal.tip:
        return proposal
    # Merging after the user reset the base away would silently bring the dropped commit back.
    if not repo.is_ancestor(proposal.base, tip):
        return _conflicted(
            proposal, services, f"{proposal.branch} no longer contains the commit this was made on."
        )
    tree = repo.merge(base=proposal.base, ours=tip, theirs=proposal.commit)
    if tree is None:
        return _conflicted(
            proposal, services, f"It does not merge with what {proposal.branch} is now."
        )
    files = repo.changes(tip, tree)
    if not files:
        return _conflicted(proposal, services, f"{proposal.branch} already has this change.")
    services.policy(tip)  # one that cannot be used must not leave it half judged on this tip
    moved = {"tip": tip, "tree": tree, "files": [asdict(change) for change in files]}
    proposal = services.inbox.record(proposal.id, "moved", moved)
    _note(services, proposal)
    return proposal


def _step(
    name: str, stage: Stage, proposal: Proposal, services: Services, cancel: Cancel
) -> Proposal:
    if cancel.is_set:
        raise Cancelled
    services.events.publish(StageStarted(proposal.id, name))
    started = time.monotonic()
    outcome: Outcome | None = None
    try:
        outcome = _ran(name, stage, proposal, services, cancel)
        crash.point(f"{name}:done")
        proposal = _record(proposal, outcome, services)
        crash.point(f"{name}:recorded")
    finally:
        passed = outcome is not None and outcome.error is None
        seconds = time.monotonic() - started
        services.events.publish(StageFinished(proposal.id, name, passed, seconds))
        get("pipeline").info(
            "stage ended",
            proposal=proposal.id,
            stage=name,
            outcome=outcome.kind if outcome else None,
            seconds=round(seconds, 3),
        )
    if proposal.state is State.LANDED and proposal.rolls_back:
        _note(services, services.inbox.get(proposal.rolls_back))
    _note(services, proposal)
    return proposal


def _ran(
    name: str, stage: Stage, proposal: Proposal, services: Services, cancel: Cancel
) -> Outcome:
    """Run a stage; what would fail the same way each time ends the proposal with the reason.

    Not so once there is a yes: a landing is finished or said, never given up.
    """
    try:
        return stage(proposal, services, cancel)
    except _PASSING:
        raise
    except Exception as error:
        if proposal.state is State.APPROVED:
            raise
        if isinstance(error, MaiError):
            return Outcome.stopped("failed", error)
        record_fault(error)
        what = f"{type(error).__name__}: {one_line(str(error), 200)}"
        sentence = f"A fault of mine at {name}; the log has the details. {what}"
        return Outcome.stopped("failed", MaiError(sentence))


def _record(proposal: Proposal, outcome: Outcome, services: Services) -> Proposal:
    """Write down what a stage found, and in the same step a yes that needs nobody's answer.

    That is a yes which a person gave to the same digest before the branch moved, or the user's
    setting. A crash in between would leave it waiting, as if nobody had said it.
    """
    lands_alone = outcome.kind == "pending" and may_land_alone(proposal, services)
    with services.ledger.database.transaction():
        after = services.inbox.record(proposal.id, outcome.kind, outcome.data)
        if after.state is not State.PENDING or not (after.approval or lands_alone):
            return after
        by = after.approval.by if after.approval else _BY_SETTING
        return services.inbox.record(after.id, "approved", {"by": by, "digest": after.digest})


def _conflicted(proposal: Proposal, services: Services, sentence: str) -> Proposal:
    error = Conflict(sentence)
    data = {"code": error.code, "message": sentence}
    proposal = services.inbox.record(proposal.id, "conflicted", data)
    _note(services, proposal)
    return proposal


def _note(services: Services, proposal: Proposal) -> None:
    services.events.publish(ProposalChanged(proposal))
