"""Trees in memory and one call that scores the step from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from mai.proposal import FileChange, RiskReport
from mai.risk import Change, Policy, score_change

Content = str | bytes
Tree = Mapping[str, Content]


@dataclass
class MemoryTree:
    """A `Snapshot` whose files are given."""

    files: Tree
    commit: str = "0" * 40
    reads: list[str] = field(default_factory=list)

    def paths(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, path: str) -> bytes | None:
        self.reads.append(path)
        content = self.files.get(path)
        return content.encode() if isinstance(content, str) else content


def changes_between(base: Tree, head: Tree) -> tuple[FileChange, ...]:
    changes = []
    for path in sorted({*base, *head}):
        if path not in head:
            changes.append(FileChange(path, "deleted", old_mode="100644"))
        elif path not in base:
            changes.append(FileChange(path, "added", new_mode="100644"))
        elif base[path] != head[path]:
            changes.append(FileChange(path, "modified", old_mode="100644", new_mode="100644"))
    return tuple(changes)


Score = Callable[..., RiskReport]


@pytest.fixture
def score() -> Score:
    """Score the step from `base` to `head`, both `{path: content}`."""

    def run(
        base: Tree,
        head: Tree,
        *,
        files: Sequence[FileChange] | None = None,
        policy: Policy | None = None,
        is_own_repo: bool = False,
    ) -> RiskReport:
        changes = tuple(files) if files is not None else changes_between(base, head)
        change = Change(MemoryTree(base), MemoryTree(head), changes)
        return score_change(change, policy or Policy(), is_own_repo=is_own_repo)

    return run
