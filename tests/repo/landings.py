"""What the tests of landing share: a change made into a plan, and what git says of the tree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from mai.jobs import NewFile
from mai.repo import LandingPlan, Repo, prepare
from mai.repo.signing import Signing
from tests.gitrepo import GitRepo

MAI = ("Mai (scripted)", "mai@localhost")
AT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
LINK = 0o120000
SCRIPT = 0o100755


def plan_of(
    repo: Repo,
    changes: Mapping[str, NewFile | None],
    *,
    proposal_id: str = "abcdef012345",
    branch: str = "main",
    signing: Signing | None = None,
) -> LandingPlan:
    """Plan to land `changes` on the branch's tip."""
    tip = repo.tip(branch)
    return prepare(
        repo,
        proposal_id=proposal_id,
        branch=branch,
        tip=tip,
        tree=repo.write_tree(tip, changes),
        message=f"Land it\n\nMai-Proposal: {proposal_id}",
        author=MAI,
        at=AT,
        signing=signing,
    )


def is_clean(theirs: GitRepo) -> bool:
    """Whether index and files are the commit's, down to what git remembers of the files."""
    # diff-files believes what the index says was last seen, and looks no further.
    quiet = theirs.git("diff-files") == "" and theirs.git("diff-index", "--cached", "HEAD") == ""
    return quiet and theirs.git("status", "--porcelain", "--ignored") == ""


def has_no_leftovers(theirs: GitRepo, repo: Repo) -> bool:
    """Whether no lock and no temporary file is left anywhere."""
    strays = [*theirs.root.rglob("*.lock"), *theirs.root.rglob("*mai-landing*")]
    return not strays and not list(repo.private.glob("tmp-*"))
