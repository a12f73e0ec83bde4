"""What tells the supervisor, from within pytest, which test runs and how each one ended.

Reports are lines on a pipe: a number used once, a space, a JSON list. The supervisor believes no
line without the number. Code under test shares this process, so the number stops accidents and
look-alikes, not code that goes looking for it; that is what the risk scorer and the reviewer are
for. What the container isolates does not rest on it.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Generator
from json.encoder import encode_basestring_ascii as quoted
from os import getpid, read, write
from pathlib import Path
from typing import Any

import pytest

from sandbox.canaries import Canaries
from sandbox.own import imported_elsewhere

_LONGEST_ID = 1000
# Not EAGAIN: sockets say it too. Processes that were refused are counted by the container itself.
_CAUSES = {errno.ENOMEM: "oom", errno.ENOSPC: "disk", errno.EDQUOT: "disk", errno.EFBIG: "disk"}
#: No limit that could be raised, and yet not what a test is about.
_CAUSES |= {errno.EMFILE: "error", errno.ENFILE: "error", errno.EIO: "error"}


class TimeUp(BaseException):
    """Raised inside a test that used up its time. No `except Exception` swallows it."""


class Reporter:
    """Tells the supervisor what starts and how it ends, and stops a test that takes too long."""

    def __init__(self, job: dict[str, Any], report_fd: int, control_fd: int) -> None:
        self._report_fd, self._control_fd = report_fd, control_fd
        self._prefix = job["nonce"].encode() + b" "
        self._only, self._done = frozenset(job["only"]), frozenset(job["done"])
        self._files = {name: place for place, name in enumerate(job["part"]["files"])}
        self._is_rest = job["part"]["is_rest"]
        self._root, self._import_paths = job["root"], job["import_paths"]
        self._plugins: list[str] = job["plugins"]
        self.canaries = Canaries(job["canaries"])
        self._pid = getpid()
        self._sequence = self._running = 0
        self._is_sending = self._was_interrupted = False
        self._phases: dict[str, str] = {}
        self._has_failed_report = False
        self._cause = ""
        #: What pytest itself counted, by what it calls each kind, in pairs.
        self.counted: list[list[str | int]] = []

    # --- talking to the supervisor

    def send(self, *record: Any) -> None:
        """Send one record, unless this is a process that a test forked."""
        if getpid() != self._pid:
            return
        self._is_sending = True
        view = memoryview(self._prefix + as_json(record).encode() + b"\n")
        while view:
            view = view[write(self._report_fd, view) :]
        self._is_sending = False

    def _start(self, kind: str, name: str) -> None:
        self._sequence += 1
        self._running, self._was_interrupted = self._sequence, False
        self.send(kind, self._sequence, name)

    def interrupt(self, *_: object) -> None:
        """Handle the supervisor's signal: raise in the test it is meant for, if that still runs."""
        try:
            wanted = read(self._control_fd, 4096).split()
        except BlockingIOError:
            return
        if not self._is_sending and str(self._running).encode() in wanted:
            self._was_interrupted = True
            raise TimeUp("this took longer than a test may take here")

    # --- collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> None:
        """Let the tree be imported from here on: what it says is installed is no plugin."""
        sys.path[:0] = self._import_paths
        for name in self._plugins:  # those that the repo's own options name
            early_config.pluginmanager.import_plugin(name)
        self._check_origins()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, None]:
        """Take pytest's own counts, those of its last line."""
        yield
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        kinds = getattr(terminal, "stats", {})
        self.counted = [[str(kind), len(reports)] for kind, reports in kinds.items()]
        self._check_origins()

    def _check_origins(self) -> None:
        """Say which of the tree's own modules were not imported from the tree."""
        if found := imported_elsewhere(self._root, self._import_paths):
            self.send("elsewhere", found[0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out other parts' files, and those that could not be collected before."""
        try:
            path = str(collection_path.relative_to(self._root).as_posix())
        except ValueError:
            return None
        is_elsewhere = (path in self._files) is self._is_rest and collection_path.is_file()
        return True if is_elsewhere or identify(path) in self._done else None

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """Say which file is being imported."""
        if isinstance(collector, (pytest.File, pytest.Class)):
            self._start("collecting", identify(collector.nodeid.split("::")[0]))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, Any, None]:
        """Note which limit an import ran into."""
        result = yield
        call = None if result.excinfo else getattr(result.get_result(), "call", None)
        raised = call.excinfo.value if call is not None and call.excinfo else None
        self._cause = cause_of(raised)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Say how the import went."""
        name = identify(report.nodeid.split("::")[0] or ".")
        if report.failed:
            outcome = "timeout" if self._was_interrupted else "error"
            self.send("outcome", name, outcome, self._cause)
        elif report.skipped:
            self.send("outcome", name, "skipped", "")
        if self._running:
            self._running = 0
            self.send("collected-file", name)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, Any, None]:
        """Keep what was asked for and is not done yet, after every other plugin had its say."""
        yield
        total = len(items)
        if self._only:
            items[:] = [item for item in items if identify(item.nodeid) in self._only]
        if not self._is_rest:  # the nearest to the change come first
            items.sort(key=lambda item: self._files.get(item.nodeid.partition("::")[0], 0))
        wanted = [identify(item.nodeid) for item in items]
        items[:] = [item for item in items if identify(item.nodeid) not in self._done]
        planted = [identify(node_id) for node_id in self.canaries.plant(items)]
        self.send("collected", total, wanted, planted)

    # --- tests

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Say that a test starts and how it ended."""
        self._phases, self._has_failed_report, self._cause = {}, False, ""
        name = identify(item.nodeid)
        self._start("test", name)
        result = yield
        self._running = 0
        # Only what is meant to end the whole session comes through here: a test's doing.
        outcome = self._outcome() if result.excinfo is None else "crash"
        self.send("outcome", name, outcome, self._cause)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        """Note how a phase ended. What was raised outweighs what other plugins made of it."""
        result = yield
        report = result.get_result()
        if call.when == "setup":
            self._phases = {}  # a plugin that runs a test again starts over
        raised = call.excinfo.value if call.excinfo else None
        outcome = report.outcome
        if isinstance(raised, TimeUp):
            outcome = "timeout"
        elif raised is not None and outcome == "passed":
            outcome = "failed"
        if raised is not None:
            self._cause = self._cause or cause_of(raised)
        self._phases[call.when] = outcome

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note failures that other plugins add, such as those of subtests."""
        self._has_failed_report |= report.failed

    def _outcome(self) -> str:
        phases = self._phases
        # The first that holds. Whatever is not known to have gone well is an error.
        answers = {
            "timeout": self._was_interrupted or "timeout" in phases.values(),
            "error": phases.get("setup") != "passed" and "skipped" not in phases.values(),
            "failed": phases.get("call") == "failed",
            " error": phases.get("teardown") == "failed",
            " failed": self._has_failed_report,
            "skipped": "skipped" in phases.values(),
            "passed": set(phases) == {"setup", "call", "teardown"},
        }
        return next((answer.strip() for answer, holds in answers.items() if holds), "error")


def as_json(value: Any) -> str:
    """Return text, numbers and lists of them as JSON.

    The json module's own encoder is Python that code under test may replace; like the functions of
    `os` here, what this rests on was bound before any of it was there.
    """
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return int.__repr__(value)
    return "[" + ", ".join([as_json(one) for one in value]) + "]"


def identify(node_id: str) -> str:
    """Return pytest's node id as printable text of bounded length, the same for equal ids."""
    text = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
        for c in node_id
    )
    return text if len(text) <= _LONGEST_ID else f"{text[:_LONGEST_ID]}…{len(text)}"


def cause_of(raised: BaseException | None) -> str:
    """Return which limit of the container an error speaks of: oom, disk, pids, error or nothing.

    `error` stands for what no setting raises, such as too many open files.
    """
    for _ in range(10):
        if isinstance(raised, MemoryError):
            return "oom"
        if isinstance(raised, OSError) and raised.errno in _CAUSES:
            return _CAUSES[raised.errno]
        if isinstance(raised, RuntimeError) and "start new thread" in str(raised):
            return "pids"
        if raised is None:
            break
        raised = raised.__cause__ or raised.__context__
    return ""
