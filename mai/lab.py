"""Runs chosen tests of one commit in the sandbox, with or without some files changed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from mai.events import Cancel
from mai.jobs import Job, NewFile, Part, RunResult, TreeFile
from mai.pipeline.services import Services
from mai.proposal import Level
from mai.sandbox.limits import tightened

#: What one test may take here, in seconds: a task is tried many times, and loops are common.
TEST_S = 5.0


class Lab:
    """One commit and what its tests run in; nothing that it runs is a verdict of the gate."""

    def __init__(self, services: Services, tip: str, cancel: Cancel) -> None:
        self._services = services
        self._tip = tip
        self._cancel = cancel

    def run(self, tests: Sequence[str], changes: Mapping[str, NewFile | None]) -> RunResult:
        """Run the test files that `tests` name, by file or id, over the commit with `changes`.

        Where the repo has a command of its own for its tests, that runs instead.

        Raises:
            NoEngine, Undecided: they could not be run.
            Cancelled: somebody asked to stop.
        """
        services = self._services
        sandbox, policy = services.sandbox(), services.policy(self._tip)
        command = policy.test_command
        words = shlex.split(command) if isinstance(command, str) else command
        snapshot = services.repo.snapshot(self._tip)
        prepared = sandbox.prepare(snapshot.read, snapshot.paths())
        limits = tightened(sandbox.limits_for(Level.LOW), policy.limits)
        files = tuple(dict.fromkeys(test.partition("::")[0] for test in tests))
        job = Job(
            _changed(services.repo.tree_files(self._tip), changes),
            replace(limits, test_s=min(limits.test_s, TEST_S)),
            tuple(words) if words else None,
            junit=policy.test_report,
            image=prepared.image,
            part=Part() if words else Part(files, is_rest=False),
            is_followed=True,
        )
        return sandbox.run(job, self._cancel)


def _changed(
    files: Iterator[TreeFile], changes: Mapping[str, NewFile | None]
) -> Iterator[TreeFile]:
    for file in files:
        if file.path not in changes:
            yield file
    for path, new in changes.items():
        if new is not None:
            yield TreeFile(path, new.mode, new.data)
