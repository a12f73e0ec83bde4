"""Keeping up: finish what a dead process left, close what expired, follow a branch that moved.

A process holds the claim of the proposal it works on, and the kernel drops it with the process. So
a proposal that is due and can be claimed has no process working on it.

Following a branch is lazy. A landing makes every other proposal outdated, and judging all of them
again would cost a trial each, most of them for nothing: the next landing outdates them again. So a
proposal is judged again when a person opens it, answers it or asks for `--refresh`; ahead of that,
only the one that is likeliest to be approved next. A yes always judges its own proposal first.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta

from mai.errors import Conflict, MaiError, NoEngine, RepoBusy
from mai.events import Cancel, ProposalChanged, Said
from mai.pipeline.approve import ask_again, is_current
from mai.pipeline.services import Services
from mai.proposal import Opinion, Proposal, State, Verdict
from mai.system.logs import record_fault

_CLAIM_WAIT_S = 120.0
_POLL_S = 0.05
_NAMES_MOST = 5
_Tips = dict[str, str | None]


def resume(
    services: Services,
    cancel: Cancel,
    *,
    follow_branch: bool,
    skip: frozenset[str] = frozenset(),
) -> list[Proposal]:
    """Bring every proposal that nobody works on as far as it can go; return what changed.

    What a living process works on is left to it. One that cannot go on is said, not raised; that
    there is no sandbox is said once, however many wait for one. Following a branch stops while a
    yes is carried out: it judges its own proposal, and moves the branch under all the others again.
    """
    changed = [*expire(services), *services.inbox.finish_rollbacks()]
    tips: _Tips = {}
    stuck: list[str] = []
    missing: NoEngine | None = None
    waiting = likeliest_first(services.inbox.pending() if follow_branch else ())
    for proposal in [*services.inbox.working(), *waiting]:
        if cancel.is_set or proposal.id in skip:
            continue
        follows = follow_branch and not services.answering
        if not _is_due(proposal, services, tips, follow_branch=follows):
            continue
        if missing is not None and proposal.state is not State.APPROVED:
            stuck.append(proposal.short_id)
            continue
        with contextlib.suppress(RepoBusy), services.repo.claim(proposal.id):
            fresh = services.inbox.get(proposal.id)
            if fresh.state.is_working:
                sentence = f"I go on with {fresh.short_id} where it was left."
                services.events.publish(Said(sentence))
            try:
                changed.append(_brought_on(fresh, services, cancel))
            except NoEngine as error:
                missing = error
                stuck.append(fresh.short_id)
            except MaiError as error:
                sentence = f"{fresh.short_id}: {error.sentence}"
                services.events.publish(Said(sentence, is_problem=True))
            except Exception as error:  # noqa: BLE001 - one that waits must not stop every command
                where = record_fault(error)
                sentence = f"{fresh.short_id}: a fault of mine; the details are in {where}."
                services.events.publish(Said(sentence, is_problem=True))
            tips.clear()  # what was brought on may have landed
    if missing is not None:
        services.events.publish(Said(_waiting(stuck, missing), is_problem=True))
    return changed


def _waiting(stuck: list[str], missing: NoEngine) -> str:
    names = ", ".join(stuck[:_NAMES_MOST]) + (", …" if len(stuck) > _NAMES_MOST else "")
    verb = "waits" if len(stuck) == 1 else "wait"
    return f"{names} {verb} for a sandbox to be tried in. {missing.sentence}"


def outdated(proposals: Iterable[Proposal], services: Services) -> list[Proposal]:
    """Return those of `proposals` that wait for an answer although their branch moved."""
    tips: _Tips = {}
    return [
        proposal
        for proposal in proposals
        if proposal.state is State.PENDING and _is_due(proposal, services, tips, follow_branch=True)
    ]


def likeliest_first(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Return `proposals` by how likely a person is to approve them next, by what is known of them.

    A lower level comes first, then a trial that passed, then a review without objections; among
    equals the one that expires first.
    """

    def rank(proposal: Proposal) -> tuple[int, bool, bool, str]:
        passed = proposal.trial is not None and proposal.trial.verdict is Verdict.PASS
        objects = proposal.review is not None and proposal.review.verdict is Opinion.OBJECT
        return (proposal.level.rank, not passed, objects, proposal.expires_at or "")

    return sorted(proposals, key=rank)


def look_ahead(services: Services, cancel: Cancel, tried: set[tuple[str, str]]) -> Proposal | None:
    """Judge the likeliest proposal again where none that waits is up to date with its branch.

    `tried` holds what was looked ahead to in this process, so that a branch that moved costs one
    trial here, not one for every proposal that does not get through.

    Raises:
        MaiError: it could not be judged again; it waits as it was.
    """
    tips: _Tips = {}
    waiting = services.inbox.pending()
    late = [one for one in waiting if _is_due(one, services, tips, follow_branch=True)]
    late_ids = {proposal.id for proposal in late}
    fresh_branches = {one.branch for one in waiting if one.id not in late_ids}
    for proposal in likeliest_first(late):
        tip = tips[proposal.branch]
        key = (proposal.branch, tip or proposal.id)  # a branch that is gone costs no trial
        if proposal.branch in fresh_branches or key in tried:
            continue
        if cancel.is_set or services.answering:
            return None
        tried.add(key)
        with contextlib.suppress(RepoBusy), services.repo.claim(proposal.id):
            judged = _brought_on(services.inbox.get(proposal.id), services, cancel)
            if tip is not None:
                return judged
    return None


def refresh(proposal_id: str, services: Services, cancel: Cancel) -> Proposal:
    """Return one proposal as it stands on its branch's tip now, judged again if need be.

    Where the ledger's end is missing it is returned as the ledger has it.
    """
    expire(services)
    proposal = services.inbox.get(proposal_id)
    if services.ledger.loss():
        return proposal
    if _is_due(proposal, services, {}, follow_branch=True):
        with claimed(proposal.id, services) as fresh:
            proposal = _brought_on(fresh, services, cancel)
    if not is_current(proposal, services):
        with claimed(proposal.id, services) as fresh:
            proposal = ask_again(fresh, services)
    return proposal


def expire(services: Services) -> list[Proposal]:
    """Close what nobody answered in time. A clock that was set expires nothing, and is said."""
    settle_clock(services)
    expired = services.inbox.expire_due()
    for proposal in expired:
        services.events.publish(ProposalChanged(proposal))
    return expired


def settle_clock(services: Services) -> None:
    """Move the deadlines with a clock that was set, and say so."""
    if jump := services.inbox.settle_clock():
        services.events.publish(Said(_jumped(jump), is_problem=True))


def _jumped(jump: timedelta) -> str:
    way, hours = ("ahead", "back")[jump < timedelta(0)], abs(jump) / timedelta(hours=1)
    return (
        f"The clock of this machine jumped {way} by {hours:.1f} h, or the machine was off so long; "
        "the deadlines of what waits moved with it."
    )


@contextlib.contextmanager
def claimed(proposal_id: str, services: Services) -> Iterator[Proposal]:
    """Hold a proposal, waiting for another process that works on it; yield it as it is then.

    Raises:
        Conflict: the other process kept it for two minutes.
    """
    deadline = time.monotonic() + _CLAIM_WAIT_S
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(services.repo.claim(proposal_id))
                break
            except RepoBusy as error:
                if time.monotonic() > deadline:
                    raise Conflict(f"Another Mai still works on {proposal_id[:4]}.") from error
                time.sleep(_POLL_S)
        yield services.inbox.get(proposal_id)


def _brought_on(proposal: Proposal, services: Services, cancel: Cancel) -> Proposal:
    from mai.pipeline.run import follow, run

    if proposal.state.is_working:
        return run(proposal, services, cancel)
    if proposal.state is State.PENDING:
        return follow(proposal, services, cancel)
    return proposal


def _is_due(proposal: Proposal, services: Services, tips: _Tips, *, follow_branch: bool) -> bool:
    if proposal.state.is_working:
        return True
    if proposal.state is not State.PENDING or not follow_branch:
        return False
    if proposal.branch not in tips:  # one look at a branch, however many wait for it
        try:
            tips[proposal.branch] = services.repo.tip(proposal.branch)
        except MaiError:
            tips[proposal.branch] = None
    return tips[proposal.branch] != proposal.tip
