"""Take a landed proposal back, as a proposal of its own: tried, shown, approved like any."""

from __future__ import annotations

from mai.errors import Conflict, UsageError
from mai.pipeline.propose import record
from mai.pipeline.services import Services
from mai.proposal import Proposal, State


def take_back(landed: Proposal, services: Services, proposal_id: str) -> Proposal:
    """Propose the reverse of what `landed` did to its branch, merged with what came after it.

    Raises:
        UsageError: it has not landed, was taken back before, or lies on another branch.
        Conflict: later commits touched the same lines.
    """
    if landed.state is State.ROLLED_BACK:
        raise UsageError(f"{landed.short_id} was taken back before.")
    if landed.state is not State.LANDED or landed.landed is None:
        raise UsageError(f"{landed.short_id} has not landed; it is {landed.state}.")
    repo = services.repo
    branch = repo.branch()
    tip = repo.tip(branch)
    if not repo.is_ancestor(landed.landed.commit, tip):
        raise UsageError(
            f"{landed.short_id} landed on {landed.landed.branch}; {branch} does not contain it."
        )
    tree = repo.revert_tree(landed.landed.commit, tip)
    if tree is None:
        raise Conflict(
            f"Later commits changed the same lines as {landed.short_id}; take it back by hand."
        )
    files = repo.changes(tip, tree)
    if not files:
        raise Conflict(f"Nothing of {landed.short_id} is left on {branch}.")
    return record(
        services,
        proposal_id,
        title=f"Take back: {landed.title}",
        why=f"Takes back {landed.id}, which landed as {landed.landed.commit[:12]}.",
        author="rollback (mai)",
        branch=branch,
        base=tip,
        tree=tree,
        files=files,
        rolls_back=landed.id,
    )
