"""Whether files solve a task: its hidden tests decide, in the real sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from bench.solving.tasks import Task
from mai.errors import MaiError
from mai.jobs import Job, Part, TestOutcome, TreeFile
from mai.proposal import Level
from mai.sandbox.limits import limits_for
from mai.sandbox.trial import DockerSandbox
from mai.settings import Settings

_FILE = 0o100644


class Judge:
    """Runs tests in containers; use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._box = DockerSandbox(settings)
        self._limits = limits_for(Level.MEDIUM, settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._box.close()

    def solves(self, task: Task, changed: Mapping[str, str]) -> bool:
        """Return whether `task.files` with `changed` solve the task.

        Tests that are given for a bug are put back as they were. Where tests are to be written,
        those must pass, and at least one must fail for each mutant.
        """
        if not changed:
            return False
        files = {**task.files, **changed}
        if task.kind == "bug":
            files |= {path: task.files[path] for path in task.visible_tests}
        if not task.mutants:
            tests = [*task.hidden, *(task.visible_tests if task.kind == "bug" else ())]
            return self._passes({**files, **task.hidden}, tests)
        given = {path: text for path, text in task.files.items() if path not in task.targets}
        files = {**files, **given}  # the code under test is not theirs to change
        tests = list(task.targets)
        if not all(path in files for path in tests) or not self._passes(files, tests):
            return False
        return not any(self._passes(mutant.applied(files), tests) for mutant in task.mutants)

    def _passes(self, files: Mapping[str, str], tests: list[str]) -> bool:
        tree = [TreeFile(path, _FILE, text.encode()) for path, text in files.items()]
        job = Job(tree, self._limits, part=Part(tuple(tests), is_rest=False))
        try:
            ran = self._box.run(job)
        except MaiError:
            return False
        outcomes = ran.outcomes
        ran_all = all(any(name.startswith(test) for name in outcomes) for test in tests)
        return ran_all and all(one is TestOutcome.PASSED for one in outcomes.values())
