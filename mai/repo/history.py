"""How commits relate, merging trees, and what earlier landings left in the history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mai.repo.private import Private
from mai.repo.trees import CommitText, store

_MAI = ("Mai", "mai@localhost")
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class LandedCommit:
    """A commit with Mai's trailers. A trailer given twice keeps its last value."""

    commit: str
    trailers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommitStory:
    """What a commit says of itself; `at` is when it was committed, ISO 8601."""

    title: str
    author: str
    at: str


def story(private: Private, commit: str) -> CommitStory:
    """Return what `commit` says of itself."""
    answer = private.git.run(
        "rev-list",
        "--max-count=1",
        "--no-commit-header",
        "--format=%s%x00%an%x00%cI",
        commit,
        "--",
    )
    title, author, at = answer.output.decode("utf-8", "replace").rstrip("\n").split("\0")
    return CommitStory(title, author, at)


def is_ancestor(private: Private, ancestor: str, commit: str) -> bool:
    """Whether `ancestor` is `commit` or came before it."""
    answer = private.git.run("merge-base", "--is-ancestor", ancestor, commit, accepted=(0, 1))
    return answer.status == 0


def merge_base(private: Private, one: str, other: str) -> str | None:
    """Return the best common ancestor, None where the histories share nothing."""
    answer = private.git.run("merge-base", one, other, accepted=(0, 1))
    return answer.text or None


def merge_trees(private: Private, base: str, ours: str, theirs: str) -> str | None:
    """Return the tree that has both sides' changes since `base`, None where they conflict.

    Computed in Mai's own repository: merge drivers, attributes and settings do not exist there.
    """
    if theirs in (base, ours):
        return ours
    if ours == base:
        return theirs
    # `merge-tree` finds the base by itself (git 2.38 has no --merge-base), so give it a history.
    root = store(private, "commit", [_text(base).raw()])[0]
    sides = store(private, "commit", [_text(ours, root).raw(), _text(theirs, root).raw()])
    answer = private.git.run(
        "-c",
        "merge.directoryRenames=false",  # it would put a file where neither side put it
        "merge-tree",
        "--write-tree",
        "--no-messages",
        *sides,
        accepted=(0, 1),
    )
    return answer.text if answer.status == 0 else None


def _text(tree: str, *parents: str) -> CommitText:
    return CommitText(tree, parents, "side", _MAI, _MAI, _EPOCH)


def landed(private: Private, tip: str, limit: int) -> list[LandedCommit]:
    """Return the newest `limit` commits up to `tip` that carry Mai's trailers, newest first."""
    return _landed(private, tip, "--grep=^Mai-Proposal: ", limit)


def lately_landed(private: Private, tip: str, depth: int) -> list[LandedCommit]:
    """Return those of the newest `depth` commits that carry Mai's trailers, newest first.

    However long the history is, this takes a moment.
    """
    return _landed(private, tip, "--topo-order", depth)


def _landed(private: Private, tip: str, how: str, limit: int) -> list[LandedCommit]:
    answer = private.git.run(
        "rev-list",
        f"--max-count={int(limit)}",
        how,
        "--no-commit-header",
        "--format=%H%x00%(trailers:only=true,unfold=true)%x00%x01",
        tip,
        "--",
    )
    commits = []
    for record in answer.output.decode("utf-8", "replace").split("\0\x01\n")[:-1]:
        commit, _, block = record.partition("\0")
        pairs = (line.partition(": ") for line in block.splitlines())
        trailers = {name: value.strip() for name, colon, value in pairs if colon}
        if "Mai-Proposal" in trailers:
            commits.append(LandedCommit(commit, trailers))
    return commits
