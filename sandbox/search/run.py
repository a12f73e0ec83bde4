"""A run that searches: the supervisor's side, which collects what the forks report."""

from __future__ import annotations

from typing import Any

from sandbox.pytest_run import ARGUMENTS, TestRun
from sandbox.runs import Stop

_QUIET = ("-pno:cacheprovider", "-pno:faulthandler")


class SearchRun(TestRun):
    """Hands the search to the child and keeps its reports, whatever becomes of it."""

    __test__ = False
    judges_by_tests = False  # a real trial does

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._is_done = False

    def perform(self) -> None:
        """Search until the child says that it is done."""
        self.pump(self._arguments())
        if not self._is_done:
            raise Stop("error", f"The search ended early: {self.last_words()}")

    def exit_code(self) -> int | None:
        """Return the child's own."""
        return self.child.exit_code

    def receive(self, record: list[Any]) -> None:
        """Keep one report."""
        self._is_done |= record[0] == "done"
        self.reports.append(record)

    def watch(self, cpu_s: float, idle_s: float) -> None:
        """Leave deadlines to the search: only the whole run's limits hold here."""

    def _arguments(self) -> dict[str, Any]:
        spec = self.job["search"]
        paths = list(dict.fromkeys(spec["paths"]))
        return {
            "arguments": [*ARGUMENTS, *_QUIET, *self._options],
            "paths": paths,
            "plugins": self._plugins,
            "search": spec,
        }
