"""Trees in memory and one call that scores the step from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from mai.proposal import FileChange, Level, RiskReport
from mai.risk import Change, FileReport, Policy, score_change, score_paths
from tests.snapshots import MemorySnapshot

CORPORA = Path(__file__).parent / "corpora"
Content = str | bytes
Tree = Mapping[str, Content]
Score = Callable[..., RiskReport]
ScoreSource = Callable[[str], FileReport]


def as_bytes(tree: Tree) -> dict[str, bytes]:
    return {
        path: content.encode() if isinstance(content, str) else content
        for path, content in tree.items()
    }


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
        before, after = as_bytes(base), as_bytes(head)
        changes = tuple(files) if files is not None else changes_between(before, after)
        change = Change(MemorySnapshot(before), MemorySnapshot(after), changes)
        return score_change(change, policy or Policy(), is_own_repo=is_own_repo)

    return run


@pytest.fixture
def score_source(tmp_path: Path) -> ScoreSource:
    """Score one program as if wholly new."""

    def run(source: str) -> FileReport:
        path = tmp_path / "program.py"
        path.write_text(source)
        (report,) = score_paths([path], Policy())
        return report

    return run


def rules(report: RiskReport | FileReport, at_least: Level = Level.LOW) -> set[str]:
    return {finding.rule for finding in report.findings if finding.level >= at_least}


def corpus(name: str) -> list[tuple[str, str]]:
    """Read `corpora/<name>.txt`: programs, each under a line `### <title>`."""
    text = (CORPORA / f"{name}.txt").read_text("utf-8")
    pairs = (part.partition("\n") for part in text.split("### ")[1:])
    return [(title, source) for title, _, source in pairs]
