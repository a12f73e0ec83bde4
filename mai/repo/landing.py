"""Making a tried and approved tree the next commit of a branch, once, whatever happens.

`prepare` makes the commit and returns a plan that holds its very bytes. The caller writes the plan
down, and then calls `execute`, which may be killed at any instant and called again: the same plan
makes the same commit, so a second call finds what the first one did and does only the rest.

    prepared → index locked → branch moved → files written → index written

The branch moves only while the index is locked and every touched path is clean; if one is not, or
the branch is somebody else's at the moment, the commit lands beside, on a branch `mai-<id>`.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from mai import crash
from mai.errors import Conflict, EditError, GitError, RepoBusy
from mai.proposal import Json, Landing
from mai.repo import trees
from mai.repo.diffs import PathChange, path_changes
from mai.repo.objects import SUBMODULE, check_oid
from mai.repo.refs import Person, check_branch
from mai.repo.repository import Repo
from mai.repo.signing import Signing, sign
from mai.repo.work_tree.checkout import Checkout
from mai.repo.work_tree.journal import Journal
from mai.repo.work_tree.obstacles import obstacle
from mai.text import one_line

_ID = re.compile(r"[0-9a-z]{4,64}", re.ASCII)
_MOST_BESIDE = 9


@dataclass(frozen=True, slots=True)
class LandingPlan:
    """Everything a landing needs. `raw` is the commit's text, from which its id follows.

    `branch` has no `refs/heads/`; `old_tip`, `commit` and `tree` are full ids; `at` is ISO 8601 in
    UTC.
    """

    proposal_id: str
    branch: str
    old_tip: str
    commit: str
    tree: str
    raw: str
    at: str

    def as_json(self) -> Json:
        """Return the plan as the ledger keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Json) -> LandingPlan:
        """Read a plan back.

        Raises:
            GitError: it is none, or its parts do not belong together.
        """
        names = [field.name for field in fields(cls)]
        if sorted(value) != sorted(names) or not all(isinstance(v, str) for v in value.values()):
            raise GitError("The plan of a landing cannot be read.")
        plan = cls(**value)
        raw = plan.raw.encode("utf-8", "replace")
        check_branch(plan.branch)
        check_oid(plan.commit)
        is_sound = trees.tree_of(raw) == plan.tree and trees.parent_of(raw) == plan.old_tip
        if not is_sound or not _ID.fullmatch(plan.proposal_id):
            raise GitError("The plan of a landing contradicts itself.")
        return plan


def prepare(
    repo: Repo,
    *,
    proposal_id: str,
    branch: str,
    tip: str,
    tree: str,
    message: str,
    author: Person,
    at: datetime,
    signing: Signing | None = None,
) -> LandingPlan:
    """Make the commit of `tree` on `tip`, on no branch yet, and return the plan that lands it.

    `author` is name and address; the committer is the user; both dates are `at`, which is aware.
    With `signing` the user's key signs it.

    Raises:
        EditError: the tree is the tip's already, or changes a submodule.
        RepoBusy: the key cannot sign at the moment.
        GitError: an object is missing or cannot be written.
    """
    if not _ID.fullmatch(proposal_id):
        raise GitError(f"{one_line(proposal_id)} is not the id of a proposal.")
    check_branch(branch)
    changes = list(path_changes(repo.store.git, repo.tree(tip), repo.tree(tree)))
    if not changes:
        raise EditError(f"There is nothing to land: {one_line(branch)} has all of it already.")
    for change in changes:
        if SUBMODULE in {entry.mode for entry in (change.old, change.new) if entry}:
            raise EditError(f"{one_line(change.path)} is a submodule, which Mai leaves alone.")
    text = trees.CommitText(tree, (tip,), message, author, repo.identity(), at)
    raw = sign(repo.store, text, signing) if signing else text.raw()
    (commit,) = trees.store(repo.store, "commit", [raw])
    # On the disk of the user's repository before the plan is written down anywhere.
    repo.enter(commit)
    stamp = at.astimezone(UTC).isoformat(timespec="seconds")
    return LandingPlan(proposal_id, branch, tip, commit, tree, raw.decode(), stamp)


def execute(repo: Repo, plan: LandingPlan) -> Landing:
    """Land the plan, or finish what an interrupted call began, and say where it landed.

    Raises:
        Conflict: the branch moved, or is gone; nothing was changed.
        RepoBusy: another git holds the index or the branch, or another Mai is landing. Call again.
        UnsuitableRepo: the repository has become another one, or one that Mai does not write to.
        GitError: git, or the disk, refused. Where the branch has moved already, a later call
            finishes the work tree.
    """
    with repo.landing_lock():
        repo.current_place()
        crash.point("landing:prepared")
        journal = Journal(repo.private / "landing.json", repo.git_dir)
        journal.clean_up()
        _bring_commit(repo, plan)
        beside = _found_beside(repo, plan)
        if beside:
            return Landing(plan.commit, beside, plan.at, is_beside=True)
        if _has_landed(repo, plan):
            return _landed(plan, _finish(repo, plan, journal))
        reason = repo.refs.in_the_way(plan.branch)
        if reason is None and repo.refs.checked_out() != plan.branch:
            _move(repo, plan)
            return _landed(plan)
        if reason is None:
            outcome = _land_here(repo, plan, journal)
            if isinstance(outcome, Landing):
                return outcome
            reason = outcome
        return _land_beside(repo, plan, reason)


def _bring_commit(repo: Repo, plan: LandingPlan) -> None:
    """See that the user's repository has the very commit that was planned.

    Nothing there refers to it yet, so a `git gc` may have taken what `prepare` put there.
    """
    if not repo.has(plan.commit):
        (commit,) = trees.store(repo.store, "commit", [plan.raw.encode()])
        if commit != plan.commit or not repo.has(plan.tree):
            raise GitError("The planned commit cannot be made again: parts of it are gone.")
    repo.enter(plan.commit)


def _has_landed(repo: Repo, plan: LandingPlan) -> bool:
    tip = repo.refs.value(f"refs/heads/{plan.branch}")
    if tip is None:
        raise Conflict(f"The branch {one_line(plan.branch)} is gone.")
    # The reflog remembers a landing that the person has reset away since.
    if repo.is_ancestor(plan.commit, tip) or repo.refs.log_knows(plan.branch, plan.commit):
        return True
    if tip != plan.old_tip:
        raise Conflict(f"The branch {one_line(plan.branch)} moved before the change could land.")
    return False


def _move(repo: Repo, plan: LandingPlan) -> None:
    repo.refs.move(
        f"refs/heads/{plan.branch}",
        plan.commit,
        plan.old_tip,
        f"mai: land {plan.proposal_id}",
        repo.identity(),
    )
    crash.point("landing:ref-moved")


def _landed(plan: LandingPlan, note: str = "") -> Landing:
    return Landing(plan.commit, plan.branch, plan.at, note=note)


def _land_here(repo: Repo, plan: LandingPlan, journal: Journal) -> Landing | str:
    """Land on the branch that is checked out; or return why its work tree cannot take it."""
    with journal.index_locked(plan.commit):
        crash.point("landing:index-locked")
        if repo.refs.checked_out() != plan.branch:
            raise RepoBusy("The work tree went to another branch just now; try again.")
        checkout = _checkout(repo, plan, _changes(repo, plan))
        reason = obstacle(checkout)
        if reason:
            return reason
        _move(repo, plan)
        note = checkout.update()
        journal.finish(plan.commit)
    return _landed(plan, note)


def _finish(repo: Repo, plan: LandingPlan, journal: Journal) -> str:
    """Finish the work tree of a landing that was cut off after the branch moved."""
    if journal.is_finished(plan.commit) or repo.refs.checked_out() != plan.branch:
        return ""
    tip = repo.snapshot(repo.tip(plan.branch))
    # What later commits have made of a path is theirs.
    changes = [c for c in _changes(repo, plan) if tip.entry(c.path) == c.new]
    with journal.index_locked(plan.commit):
        note = _checkout(repo, plan, changes).update()
        journal.finish(plan.commit)
    return note


def _changes(repo: Repo, plan: LandingPlan) -> list[PathChange]:
    return list(path_changes(repo.store.git, plan.old_tip, plan.commit))


def _checkout(repo: Repo, plan: LandingPlan, changes: list[PathChange]) -> Checkout:
    snapshots = repo.snapshot(plan.old_tip), repo.snapshot(plan.commit)
    return Checkout(repo.current_place(), repo.store, repo.objects, changes, snapshots)


def _names_beside(plan: LandingPlan) -> list[str]:
    more = [f"mai-{plan.proposal_id}-{number}" for number in range(2, _MOST_BESIDE + 1)]
    return [f"mai-{plan.proposal_id}", *more]


def _found_beside(repo: Repo, plan: LandingPlan) -> str | None:
    """Return the branch beside on which the commit landed earlier."""
    for name in _names_beside(plan):
        value = repo.refs.value(f"refs/heads/{name}")
        if value is None:
            return None
        if value == plan.commit or repo.refs.log_knows(name, plan.commit):
            return name
    return None


def _land_beside(repo: Repo, plan: LandingPlan, reason: str) -> Landing:
    for name in _names_beside(plan):
        ref = f"refs/heads/{name}"
        if repo.refs.value(ref) is None:
            message = f"mai: land {plan.proposal_id}"
            repo.refs.move(ref, plan.commit, None, message, repo.identity())
            crash.point("landing:ref-moved")
            note = f"on {name} instead of {plan.branch}: {reason}"
            return Landing(plan.commit, name, plan.at, is_beside=True, note=note)
    raise Conflict(f"Every branch from mai-{plan.proposal_id} on is taken; rename some of them.")
