"""Read back from the branch what a ledger lost: that a proposal landed is written in its commit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mai.errors import GitError, LedgerLost
from mai.pipeline.services import Services
from mai.proposal import Proposal, State
from mai.repo.history import LandedCommit
from mai.words import title_line

_MOST = 10_000
_ID = re.compile(r"[0-9a-f]{12}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_AUTHOR = re.compile(r"Mai \((.*)\)")


def require_landed(services: Services) -> None:
    """Refuse to go on where the branch shows a landing of this ledger that it has no entry of.

    The branch is the second witness: where the first one was put back together with the ledger,
    such as with a copy of the whole folder, only the commits since then tell.

    Raises:
        LedgerLost: a person must restore the ledger, or accept that.
    """
    repo = services.repo
    for commit in repo.lately_landed(repo.branch()):
        head, proposal_id = commit.trailers.get("Mai-Ledger", ""), commit.trailers["Mai-Proposal"]
        # What another Mai landed, elsewhere or in another work tree, this ledger never knew.
        if services.inbox.knows(proposal_id) and services.ledger.lacks(head):
            raise LedgerLost(
                f"Commit {commit.commit[:12]} was landed by a ledger that went on further than "
                "this one. So nothing is answered or landed: `mai restore` lists the backups, "
                "`mai audit accept` goes on without what is lost."
            )


def recover(services: Services) -> list[Proposal]:
    """Record every landing that the branch shows and the ledger has no entry of.

    A proposal that the ledger does not know counts only where this repository keeps its commit and
    the branch's reflog has the landing: it may have been landed elsewhere, or in another work tree.
    """
    repo, inbox = services.repo, services.inbox
    branch = repo.branch()
    known = inbox.states()
    kept = repo.refs.kept()
    found: list[Proposal] = []
    on_branch = [(branch, one) for one in reversed(repo.landed_trailers(branch, _MOST))]
    for name, commit in on_branch + _beside(known, kept, services):
        proposal_id = commit.trailers["Mai-Proposal"]
        if not _is_complete(commit.trailers):
            continue
        if proposal_id not in known:
            if proposal_id not in kept or not repo.refs.log_knows(
                name, commit.commit, "mai: land "
            ):
                continue
            proposed = _proposed(commit, kept[proposal_id], branch, services)
        elif known[proposal_id].is_end:
            continue
        else:
            proposed = None
        landed = _landed(commit, name, services) | {"is_beside": name != branch}
        proposal = inbox.recover(proposal_id, proposed, landed)
        known[proposal_id] = proposal.state
        found.append(proposal)
    return [inbox.get(proposal.id) for proposal in found]  # one may have taken another back


def _beside(
    known: Mapping[str, State], kept: Mapping[str, str], services: Services
) -> list[tuple[str, LandedCommit]]:
    """Return what landed on a branch of its own: the branch's name and the commit."""
    waiting = [proposal_id for proposal_id, state in known.items() if not state.is_end]
    found = []
    for proposal_id in [*waiting, *(kept.keys() - known.keys())]:
        name = f"mai-{proposal_id}"
        if _ID.fullmatch(proposal_id) and services.repo.refs.value(f"refs/heads/{name}"):
            commits = services.repo.landed_trailers(name, 1)
            if commits and commits[0].trailers["Mai-Proposal"] == proposal_id:
                found.append((name, commits[0]))
    return found


def _is_complete(trailers: Mapping[str, str]) -> bool:
    digest, proposal_id = trailers.get("Mai-Digest", ""), trailers["Mai-Proposal"]
    is_named = bool(_ID.fullmatch(proposal_id) and _DIGEST.fullmatch(digest))
    return is_named and "Mai-Ledger" in trailers and "Approved-by" in trailers


def _landed(commit: LandedCommit, branch: str, services: Services) -> dict[str, Any]:
    return {
        "commit": commit.commit,
        "branch": branch,
        "digest": commit.trailers["Mai-Digest"],
        "by": commit.trailers["Approved-by"].rpartition(" at ")[0] or "unknown",
        "at": services.repo.story(commit.commit).at,
    }


def _proposed(commit: LandedCommit, kept: str, branch: str, services: Services) -> dict[str, Any]:
    """Return a first entry as `propose` wrote it, from the commit that it kept."""
    repo = services.repo
    base, tree, story = repo.parent(kept), repo.tree(kept), repo.story(kept)
    if base is None:
        raise GitError(f"The commit {kept} that keeps a proposal has no parent.")
    author = _AUTHOR.fullmatch(story.author)
    rolls_back = commit.trailers.get("Mai-Rolls-Back", "")
    return {
        "id": commit.trailers["Mai-Proposal"],
        "title": title_line(story.title) or "A change without a title",
        "why": "",
        "branch": branch,
        "base": base,
        "commit": kept,
        "tree": tree,
        "author": author[1] if author else story.author,
        "files": [asdict(change) for change in repo.changes(base, tree)],
        "rolls_back": rolls_back if _ID.fullmatch(rolls_back) else None,
    }
