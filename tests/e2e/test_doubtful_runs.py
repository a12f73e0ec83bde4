"""Runs that prove nothing by themselves: run once more, not remembered, or undecided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mai.core import Core, Submission
from mai.errors import Undecided
from mai.events import Cancel
from mai.jobs import Job, RunResult
from mai.proposal import Verdict
from mai.sandbox.records import Listener
from mai.sandbox.trial import DockerSandbox
from tests.surfaces.serving import core_of
from tests.workspace import BREAK, COMMENT, Workspace

pytestmark = pytest.mark.docker
OOM = {"limit": Verdict.OOM, "message": "It ran out of memory.", "doubt": "So it did."}
LATE = {"limit": Verdict.TIMEOUT, "message": "It did not end in time."}
KILLED = {"doubt": "The process under test was killed."}
DENIED = {"doubt": "pytest says otherwise.", "is_contradictory": True}


@pytest.mark.parametrize(
    ("patch", "runs", "expected"),
    [
        (COMMENT, {}, ("pass", 2)),
        (COMMENT, {1: OOM}, ("pass", 2)),
        (COMMENT, {1: OOM, 2: OOM}, ("oom", 1)),
        (COMMENT, {0: OOM, 1: OOM}, ("pass", 2)),
        (COMMENT, {0: KILLED, 1: KILLED}, ("pass", 1)),
        (COMMENT, {0: DENIED}, ("pass", 2)),
        (COMMENT, {0: DENIED, 1: DENIED}, ("Two runs contradict themselves", 0)),
        (COMMENT, {1: DENIED, 2: DENIED}, ("Two runs contradict themselves", 1)),
        (BREAK, {2: LATE}, ("ended early: It did not end in time", 2)),
        (BREAK, {3: LATE}, ("ended early: It did not end in time", 2)),
    ],
    ids=[
        "sound",
        "oom-once",
        "oom-twice",
        "base-oom-twice",
        "base-killed-twice",
        "base-denied-once",
        "base-denied-twice",
        "head-denied-twice",
        "confirming-head-late",
        "confirming-base-late",
    ],
)
def test_only_what_is_whole_decides_and_is_remembered(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    patch: str,
    runs: Mapping[int, Mapping[str, object]],
    expected: tuple[str, int],
) -> None:
    """The real runs are made; of those in `runs` the sandbox says something else.

    Expected is a verdict or what an undecided trial says, and how many runs are remembered.
    """
    real, number = DockerSandbox.run, iter(range(100))

    def run(
        self: DockerSandbox,
        job: Job,
        cancel: Cancel | None = None,
        listener: Listener | None = None,
    ) -> RunResult:
        result = real(self, job, cancel, listener)
        if job.command is not None:
            return result  # the sandbox asks which Python it has
        return replace(result, **runs.get(next(number), {}))  # type: ignore[arg-type]

    monkeypatch.setattr(DockerSandbox, "run", run)
    with core_of(workspace) as core:
        said, kept = expected
        assert said in _outcome(core, patch)
        cached = core.settings.data_dir / "cache" / "trials"
        assert len(list(cached.glob("*.json"))) == kept


def _outcome(core: Core, patch: str) -> str:
    try:
        proposal = core.submit(Submission(patch, "A change", "To see."))
    except Undecided as error:
        return error.sentence
    assert proposal.trial is not None
    return proposal.trial.verdict
