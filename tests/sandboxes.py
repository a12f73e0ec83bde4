"""The real sandbox for tests: a tree in, what its tests did out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from mai.events import Cancel
from mai.jobs import Job, Limits, RunResult, TestOutcome, TreeFile
from mai.proposal import Level
from mai.sandbox.limits import limits_for
from mai.sandbox.trial import DockerSandbox
from mai.settings import load

Tree = Mapping[str, str]
Trial = Callable[..., RunResult]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[DockerSandbox]:
    box = DockerSandbox(load())
    yield box
    box.close()


@pytest.fixture(scope="session")
def limits() -> Limits:
    return limits_for(Level.MEDIUM, load())


@pytest.fixture(scope="session")
def trial(sandbox: DockerSandbox, limits: Limits) -> Trial:
    """Run a tree given as paths and texts; a text that begins with `->` makes a link."""

    def run(tree: Tree, cancel: Cancel | None = None, **job: object) -> RunResult:
        given = {"limits": limits, **job}
        return sandbox.run(Job(files=files_of(tree), **given), cancel)  # type: ignore[arg-type]

    return run


def files_of(tree: Tree) -> list[TreeFile]:
    return [
        TreeFile(path, 0o120000, text[2:].encode())
        if text.startswith("->")
        else TreeFile(path, 0o100644, text.encode())
        for path, text in tree.items()
    ]


def outcome_of(result: RunResult, name: str) -> TestOutcome | None:
    """Return how the test `name` of `test_a.py` ended, None where it was not reported."""
    return result.outcomes.get(f"test_a.py::{name}")
