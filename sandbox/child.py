"""The process that code under test runs in: pytest with a reporter in it, or a command.

Started ahead of the job, so that pytest is imported and has run once by the time a tree arrives. It
keeps no module of Mai's: whatever the tree calls `sandbox` or `pytest.py` stays the tree's.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import site
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from sandbox.own import imported_elsewhere, prefer

_OVER = "over"
#: A tree may have a file of this name to be taken for the test runner; it could
#: report any outcome, so the reporter marks such a tree as untested.
_RUNNER = frozenset({"pytest", "_pytest"})
if sys.argv[3] == _OVER:
    prefer(*json.loads(sys.argv[4]))
for _place in filter(None, [os.environ.get("PYTHONPATH")]):
    site.addsitedir(_place)  # the packages that the repo needs may start something with Python

import pytest  # noqa: E402 - what it needs may be the tree's own

from sandbox.reporter import Reporter  # noqa: E402 - it imports pytest
from sandbox.search.plugin import run_search  # noqa: E402 - likewise
from sandbox.warming import warm_up  # noqa: E402 - likewise

_HOME = str(Path(__file__).parent.parent)
_QUIETED = ("PytestConfigWarning", "PytestUnknownMarkWarning", "PytestAssertRewriteWarning")


def confine(job: dict[str, Any]) -> None:
    """Take on the limits that hold for a process, below those of the container."""
    for name, value in job["rlimits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    # The supervisor should get a processor and keep its memory when code under test wants it all.
    os.nice(5)
    Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


def run_pytest(job: dict[str, Any], report_fd: int, control_fd: int) -> None:
    """Run pytest as the job says and report its exit code last of all."""
    reporter = Reporter(job, report_fd, control_fd)
    os.set_blocking(control_fd, False)
    signal.signal(signal.SIGXCPU, reporter.interrupt)
    quiet = [f"-Wignore::pytest.{name}" for name in _QUIETED]
    plugins = [reporter, reporter.canaries]
    exit_code = pytest.main([*job["arguments"], *quiet, *job["paths"]], plugins=plugins)
    reporter.send("exit", int(exit_code), reporter.counted)


def _become_nobody() -> None:
    """Leave the tree every name but pytest's, and `multiprocessing` nothing to import again."""
    del sys.path[0], sys.argv[1:]
    for name in [name for name in sys.modules if name.partition(".")[0] == "sandbox"]:
        del sys.modules[name]
    sys.modules["__main__"] = ModuleType("__main__")


def _start_over(job: bytes, descriptors: list[str], preferred: list[list[str]]) -> None:
    """Become a fresh process that has the job already and imports some modules from the tree."""
    with tempfile.TemporaryFile() as waiting:
        waiting.write(job)
        waiting.seek(0)
        os.dup2(waiting.fileno(), 0)
    os.chdir(_HOME)
    words = ["-s", "-m", "sandbox.child", *descriptors, _OVER, json.dumps(preferred)]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - itself


def main() -> None:
    """Get ready, wait for the job, carry it out."""
    descriptors, state = sys.argv[1:3], sys.argv[3]
    report_fd, control_fd = map(int, descriptors)
    _become_nobody()
    if state == "first":  # later ones start with a job waiting, and where code under test has been
        warm_up()
    if state != _OVER:
        os.write(report_fd, b"ready\n")
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    job = json.loads(line)
    places = job["import_paths"]
    is_fresh = state != _OVER and not job["argv"]
    own = imported_elsewhere(job["root"], places) if is_fresh else []
    if others := [name for name in own if name not in _RUNNER]:
        confine(job)  # from here on it imports code of the tree's
        _start_over(line, descriptors, [others, places])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(job["root"])
    if state != _OVER:
        confine(job)
    os.set_inheritable(report_fd, False)  # noqa: FBT003 - the standard library's signature
    os.set_inheritable(control_fd, False)  # noqa: FBT003 - likewise
    # Not before: a `sitecustomize` of the tree's must not be there when this process starts.
    given = (*places, os.environ.get("PYTHONPATH"))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, given))
    if job["argv"]:
        try:
            os.execvp(job["argv"][0], job["argv"])  # noqa: S606 - the command is the job
        except OSError as error:
            sys.stderr.write(f"{job['argv'][0]}: {error.strerror}\n")
            os._exit(127)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        if job.get("search"):
            run_search(job, report_fd)
        else:
            run_pytest(job, report_fd, control_fd)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads and exit handlers of the tests must not keep a finished run from ending.
        os._exit(0)


if __name__ == "__main__":
    main()
