"""Put a proposal before a person, bound to the digest of exactly what they see."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from mai.digest import Shown
from mai.events import Cancel, ProposalChanged
from mai.pipeline.services import Outcome, Services
from mai.proposal import Level, Opinion, Proposal, State, Verdict


def ask(proposal: Proposal, services: Services, cancel: Cancel) -> Outcome:
    """Make the proposal pending. Judged again after its branch moved, it keeps its deadline."""
    expires_at = proposal.expires_at
    if expires_at is None:
        hours = timedelta(hours=services.settings.expiry_hours)
        expires_at = (services.clock.now() + hours).isoformat(timespec="seconds")
    return Outcome("pending", {**_asked(proposal, services), "expires_at": expires_at})


def shown(proposal: Proposal, services: Services) -> Shown:
    """Return everything a person is shown of `proposal` before a yes."""
    diff = services.repo.diff(proposal.tip, proposal.tree)
    signing = services.repo.signing()
    proposal = replace(proposal, signing=signing.sentence if signing else "")
    return Shown.of(proposal, diff, services.repo.root.name)


def _asked(proposal: Proposal, services: Services) -> dict[str, str]:
    asked = shown(proposal, services)
    return {"digest": asked.digest(), "signing": asked.signing}


def is_current(proposal: Proposal, services: Services) -> bool:
    """Return whether the digest of what waits covers all that is shown of it.

    It does not where an earlier Mai, whose digest covered less, asked the question.
    """
    is_asked = proposal.state is State.PENDING
    return not is_asked or proposal.digest == shown(proposal, services).digest()


def ask_again(proposal: Proposal, services: Services) -> Proposal:
    """Ask with a digest of all that is shown, where the one on record covers less.

    A yes to the earlier digest is void. The deadline stays.
    """
    if is_current(proposal, services):
        return proposal
    data = {**_asked(proposal, services), "expires_at": proposal.expires_at}
    proposal = services.inbox.record(proposal.id, "pending", data)
    services.events.publish(ProposalChanged(proposal))
    return proposal


def may_land_alone(proposal: Proposal, services: Services) -> bool:
    """Whether the user lets this one land without being asked.

    It is LOW, was tried, is not Mai's own code, and the reviewer does not object.
    """
    objects = proposal.review is not None and proposal.review.verdict is Opinion.OBJECT
    return (
        services.settings.auto_land_low
        and not objects
        and proposal.level is Level.LOW
        and proposal.trial is not None
        and proposal.trial.verdict is Verdict.PASS
        and proposal.rolls_back is None
        and not services.is_own_repo(proposal.tip)
    )
