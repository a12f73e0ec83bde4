"""Put a proposal before a person, bound to the digest of exactly what they see."""

from __future__ import annotations

from datetime import timedelta

from mai.digest import Shown
from mai.events import Cancel
from mai.pipeline.services import Outcome, Services
from mai.proposal import Level, Proposal, Verdict


def ask(proposal: Proposal, services: Services, cancel: Cancel) -> Outcome:
    """Make the proposal pending. Judged again after its branch moved, it keeps its deadline."""
    diff = services.repo.diff(proposal.tip, proposal.tree)
    expires_at = proposal.expires_at
    if expires_at is None:
        hours = timedelta(hours=services.settings.expiry_hours)
        expires_at = (services.clock.now() + hours).isoformat(timespec="seconds")
    return Outcome(
        "pending", {"digest": Shown.of(proposal, diff).digest(), "expires_at": expires_at}
    )


def may_land_alone(proposal: Proposal, services: Services) -> bool:
    """Whether the user lets this one land without being asked: LOW, tried, not Mai's own code."""
    return (
        services.settings.auto_land_low
        and proposal.level is Level.LOW
        and proposal.trial is not None
        and proposal.trial.verdict is Verdict.PASS
        and proposal.rolls_back is None
        and not services.is_own_repo(proposal.tip)
    )
