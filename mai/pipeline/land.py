"""Make an approved proposal a commit on its branch, exactly once, whatever happens meanwhile."""

from __future__ import annotations

from typing import Any

from mai import crash
from mai.errors import Conflict, RepoBusy
from mai.events import Cancel
from mai.pipeline.message import commit_message
from mai.pipeline.services import Outcome, Services
from mai.proposal import Landing, Proposal
from mai.repo.landing import LandingPlan, execute, prepare
from mai.repo.repository import Repo
from mai.repo.signing import SIGNED, Signing


def land(proposal: Proposal, services: Services, cancel: Cancel) -> Outcome:
    """Land `proposal`. A landing that a crash interrupted is finished, not begun again.

    Raises:
        Conflict: the branch moved since it was judged; the caller judges it again.
        RepoBusy: another git process holds the index; nothing was changed.
    """
    try:
        landing = _executed(proposal, services)
    except RepoBusy as error:
        sentence = str(error).partition("; try again")[0].removesuffix(".")
        raise RepoBusy(f"{sentence}. The yes is kept: Mai's next start lands it.") from error
    crash.point("land:executed")
    return Outcome("landed", _landed(landing))


def _executed(proposal: Proposal, services: Services) -> Landing:
    repo = services.repo
    with repo.landing_lock():
        services.ledger.require_end()  # a plan that is in it may have been carried out long ago
        plan = _interrupted(proposal, services)
        if plan is None:
            if repo.tip(proposal.branch) != proposal.tip:
                raise Conflict(f"The branch {proposal.branch} moved while this was landing.")
            plan = prepare(
                repo,
                proposal_id=proposal.id,
                branch=proposal.branch,
                tip=proposal.tip,
                tree=proposal.tree,
                message=commit_message(proposal, services.ledger.head()),
                author=(f"Mai ({_model(proposal)})", "mai@localhost"),
                at=services.clock.now(),
                signing=_signing(proposal, repo),
            )
            services.inbox.record(proposal.id, "landing", {"plan": plan.as_json()})
            crash.point("land:planned")
        return execute(repo, plan)


def _signing(proposal: Proposal, repo: Repo) -> Signing | None:
    """Return how to sign the commit, None where it is to have no signature.

    A change that lands by itself, because a setting says so, bears no person's signature.

    Raises:
        RepoBusy: the person was told that it would be signed, and now it cannot be.
    """
    if proposal.approval is None or proposal.approval.by.startswith("setting:"):
        return None
    now = repo.signing()
    if now is not None and not now.problem:
        return now
    if proposal.signing.startswith(SIGNED):
        problem = now.problem if now else "commit.gpgsign is off now"
        raise RepoBusy(f"The commit was to be signed, and cannot be: {problem}.")
    return None


def _interrupted(proposal: Proposal, services: Services) -> LandingPlan | None:
    """Return the plan of a landing that had begun for the tip the proposal stands on."""
    plan: LandingPlan | None = None
    for entry in services.ledger.entries(proposal.id):
        if entry.kind == "landing":
            plan = LandingPlan.from_json(entry.data["plan"])
        elif entry.kind == "moved":
            plan = None
    return plan


def _landed(landing: Landing) -> dict[str, Any]:
    return {
        "commit": landing.commit,
        "branch": landing.branch,
        "is_beside": landing.is_beside,
        "note": landing.note,
    }


def _model(proposal: Proposal) -> str:
    return proposal.author.partition(" (")[0]
