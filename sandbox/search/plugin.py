"""The pytest plugin that collects once and then does what the search asks, fork by fork.

What it reports goes the same way as a trial's outcomes and is believed as much: it says which edits
are worth a real trial, and nothing lands by it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Generator, Sequence
from os import write
from typing import Any

import pytest
from _pytest.assertion import util
from _pytest.runner import runtestprotocol

from sandbox.reporter import as_json, identify
from sandbox.search.answers import describe
from sandbox.search.compare import compare
from sandbox.search.measure import measure
from sandbox.search.trying import try_all

_MODES: dict[str, Callable[[Searcher, Sequence[pytest.Item]], None]] = {
    "measure": measure,
    "try": try_all,
    "compare": compare,
}


class Phases:
    """How the phases of one test went, and what was raised."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.raised: BaseException | None = None

    @property
    def outcome(self) -> str:
        """Return passed, skipped or failed."""
        values = list(self.outcomes.values())
        if values == ["passed"] * 3:
            return "passed"
        return "failed" if "failed" in values or not values else "skipped"

    @property
    def error(self) -> str:
        """Return the type and the message of what was raised, on one line."""
        return describe(self.raised)


class Searcher:
    """Collects the tests and hands them to the mode that was asked for."""

    def __init__(self, job: dict[str, Any], report_fd: int) -> None:
        self._report_fd = report_fd
        self._prefix = job["nonce"].encode() + b" "
        self._import_paths, self._plugins = job["import_paths"], job["plugins"]
        self.job, self.spec, self.root = job, job["search"], job["root"]
        self.phases = Phases()

    def send(self, *record: Any) -> None:
        """Send one record to the supervisor."""
        view = memoryview(self._prefix + as_json(record).encode() + b"\n")
        while view:
            view = view[write(self._report_fd, view) :]

    def run(self, item: pytest.Item, following: pytest.Item | None) -> Phases:
        """Run one test in this process."""
        self.phases = Phases()
        runtestprotocol(item, log=False, nextitem=following)
        return self.phases

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> None:
        """Let the tree be imported from here on."""
        if sys.path[: len(self._import_paths)] != self._import_paths:
            sys.path[:0] = self._import_paths
        for name in self._plugins:
            early_config.pluginmanager.import_plugin(name)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        """Note how a phase ended."""
        result = yield
        outcome = result.get_result().outcome
        raised = call.excinfo.value if call.excinfo else None
        if raised is not None and outcome == "passed":
            outcome = "failed"
        self.phases.outcomes[call.when] = outcome
        self.phases.raised = self.phases.raised or raised

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do what was asked in place of running the tests."""
        util.assertrepr_compare = _compared  # type: ignore[assignment]  # a long diff takes long
        for item in session.items:
            item.repr_failure = lambda *_, **__: ""  # type: ignore[method-assign]
        gc.collect()
        items = session.items
        self.send("collected", [identify(item.nodeid) for item in items])
        _MODES[self.spec["mode"]](self, items)
        self.send("done")
        return True


def _compared(config: object, op: str, left: object, right: object, **_: object) -> list[str]:  # noqa: ARG001 - pytest's signature
    """Return in one line what an assertion compared."""
    from _pytest._io.saferepr import saferepr  # noqa: PLC0415 - there by now

    return [f"{saferepr(left, 60)} {op} {saferepr(right, 60)}"]


def run_search(job: dict[str, Any], report_fd: int) -> None:
    """Collect and search as the job says."""
    pytest.main([*job["arguments"], *job["paths"]], plugins=[Searcher(job, report_fd)])
