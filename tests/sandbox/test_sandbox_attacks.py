"""What code under test may try. None of it harms the host, passes, or keeps others from running."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from mai.proposal import Verdict
from mai.protocols import Limits, RunResult, TestOutcome

pytestmark = pytest.mark.docker
Trial = Callable[..., RunResult]
AFTER = "\ndef test_zz_after(): pass\n"
LOOP = "def test_loop():\n    while True: pass\n"


def outcome_of(result: RunResult, name: str) -> TestOutcome | None:
    return result.outcomes.get(f"test_a.py::{name}")


# --- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "    while True: pass\n",
        "    while True:\n        try:\n            while True: pass\n        except: pass\n",
        "    sum(range(10**14))\n",
        "    import re; re.match(r'(a+)+$', 'a' * 60 + 'b')\n",
        "    import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n    while True: pass\n",
        "    import os\n    for _ in range(3): os.fork()\n    while True: pass\n",
    ],
    ids=["plain", "swallows-everything", "in-c", "regex", "ignores-signals", "in-children"],
)
def test_a_loop_is_one_tests_failure(trial: Trial, limits: Limits, body: str) -> None:
    result = trial(
        {"test_a.py": f"def test_loop():\n{body}{AFTER}"}, limits=replace(limits, test_s=1)
    )
    assert result.outcomes == {
        "test_a.py::test_loop": TestOutcome.TIMEOUT,
        "test_a.py::test_zz_after": TestOutcome.PASSED,
    }
    assert result.limit is Verdict.PASS
    assert Verdict.TIMEOUT in result.hits


def test_a_loop_shows_where_it_was(trial: Trial, limits: Limits) -> None:
    result = trial({"test_a.py": LOOP}, limits=replace(limits, test_s=0.5))
    assert "test_a.py:2: in test_loop" in result.output
    assert "longer than a test may take" in result.output


def test_a_test_that_sleeps_for_ever_is_stopped(trial: Trial, limits: Limits) -> None:
    body = "import threading\ndef test_dead(): threading.Event().wait()\n"
    result = trial({"test_a.py": body + AFTER}, limits=replace(limits, test_s=1))
    assert outcome_of(result, "test_dead") is TestOutcome.TIMEOUT
    assert outcome_of(result, "test_zz_after") is TestOutcome.PASSED
    assert result.cpu_s < 5


def test_many_loops_do_not_eat_the_run(trial: Trial, limits: Limits) -> None:
    tree = {f"test_{n}.py": LOOP for n in range(10)} | {"test_a.py": AFTER}
    result = trial(tree, limits=replace(limits, test_s=2))
    assert result.limit is Verdict.PASS
    assert len(result.outcomes) == 11
    assert sum(outcome is TestOutcome.TIMEOUT for outcome in result.outcomes.values()) == 10
    assert outcome_of(result, "test_zz_after") is TestOutcome.PASSED


def test_a_loop_while_a_file_is_imported_is_that_files_failure(
    trial: Trial, limits: Limits
) -> None:
    tree = {"test_a.py": "while True: pass\n", "test_b.py": "def test_x(): pass\n"}
    result = trial(tree, limits=replace(limits, test_s=1))
    assert result.outcomes == {
        "test_a.py": TestOutcome.TIMEOUT,
        "test_b.py::test_x": TestOutcome.PASSED,
    }


def test_a_run_that_uses_up_its_processor_time_is_a_timeout(trial: Trial, limits: Limits) -> None:
    body = "import time\ndef test_first(): pass\ndef test_busy():\n    while True: pass\n"
    result = trial({"test_a.py": body}, limits=replace(limits, cpu_s=2, test_s=60))
    assert result.limit is Verdict.TIMEOUT
    assert outcome_of(result, "test_first") is TestOutcome.PASSED
    assert outcome_of(result, "test_busy") is TestOutcome.TIMEOUT


def test_a_run_that_sleeps_past_its_ceiling_is_a_timeout(trial: Trial, limits: Limits) -> None:
    result = trial(
        {},
        limits=replace(limits, wall_s=2),
        command=("sleep", "99"),
    )
    assert result.limit is Verdict.TIMEOUT


# --- endings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "    import os; os._exit(0)\n",
        "    import os; os.kill(os.getpid(), 9)\n",
        "    import ctypes; ctypes.string_at(0)\n",
        "    import os; os.abort()\n",
        "    import pytest; pytest.exit('done', 0)\n",
        "    raise KeyboardInterrupt\n",
    ],
    ids=["exit", "kill", "segfault", "abort", "pytest-exit", "interrupt"],
)
def test_a_test_that_ends_its_process_fails_alone(trial: Trial, body: str) -> None:
    result = trial({"test_a.py": f"def test_0(): pass\ndef test_end():\n{body}{AFTER}"})
    assert result.outcomes == {
        "test_a.py::test_0": TestOutcome.PASSED,
        "test_a.py::test_end": TestOutcome.CRASH,
        "test_a.py::test_zz_after": TestOutcome.PASSED,
    }


@pytest.mark.parametrize(
    "tree",
    [
        {"conftest.py": "import os; os._exit(0)\n"},
        {"conftest.py": "import sys; sys.exit(0)\n"},
        {"conftest.py": "def pytest_collection_modifyitems(): import os; os._exit(0)\n"},
        {"conftest.py": "def pytest_sessionfinish(): import os; os._exit(0)\n"},
        {"conftest.py": "def pytest_sessionstart(): import pytest; pytest.exit('x', 0)\n"},
        {"test_0.py": "import os; os._exit(0)\n"},
        {"conftest.py": "import signal, os; os.kill(os.getpid(), signal.SIGSTOP)\n"},
    ],
    ids=[
        "conftest",
        "conftest-sys",
        "modifyitems",
        "finish",
        "start",
        "import",
        "stop",
    ],
)
def test_a_run_without_a_finished_report_is_never_a_pass(
    trial: Trial, limits: Limits, tree: dict[str, str]
) -> None:
    tree = {**tree, "test_a.py": "def test_x(): pass\n"}
    result = trial(tree, limits=replace(limits, wall_s=4))
    assert result.limit in {Verdict.ERROR, Verdict.TIMEOUT}
    assert result.message


# --- lies ------------------------------------------------------------------------------------


def test_looking_like_a_report_changes_nothing(trial: Trial) -> None:
    body = """\
import os, json, sys
def test_lies():
    line = b'0' * 32 + b' ["outcome", "test_a.py::test_lies", "passed", ""]\\n'
    record = b'0' * 16 + b'R' + (2).to_bytes(4, 'big') + b'{}'
    for data in (line, record, b'ready\\n', b'1 passed\\n'):
        for fd in (1, 2):
            os.write(fd, data)
    for path in ('/repo/report.xml', '/repo/junit.xml', '/tmp/report.xml'):
        open(path, 'w').write('<testsuite tests="1" failures="0"><testcase name="x"/></testsuite>')
    assert 0
"""
    result = trial({"test_a.py": body + AFTER})
    assert result.outcomes == {
        "test_a.py::test_lies": TestOutcome.FAILED,
        "test_a.py::test_zz_after": TestOutcome.PASSED,
    }


def test_writing_to_every_open_file_ends_the_run_in_an_error(trial: Trial) -> None:
    body = """\
import os
def test_lies():
    for fd in range(3, 64):
        try:
            os.write(fd, b'["outcome", "test_a.py::test_lies", "passed", ""]\\n')
        except OSError:
            pass
    assert 0
"""
    result = trial({"test_a.py": body})
    assert result.limit is Verdict.ERROR
    assert outcome_of(result, "test_lies") is not TestOutcome.PASSED


def test_a_plugin_that_rewrites_outcomes_is_not_believed(trial: Trial) -> None:
    conftest = """\
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    result = yield
    result.get_result().outcome = "passed"
"""
    result = trial({"conftest.py": conftest, "test_a.py": "def test_x(): assert 0\n"})
    assert result.outcomes == {"test_a.py::test_x": TestOutcome.FAILED}


def test_a_plugin_that_runs_nothing_passes_nothing(trial: Trial) -> None:
    conftest = "def pytest_runtest_protocol(item): return True\n"
    result = trial({"conftest.py": conftest, "test_a.py": "def test_x(): assert 0\n"})
    assert result.outcomes == {"test_a.py::test_x": TestOutcome.ERROR}


def test_the_supervisor_cannot_be_read_written_or_stopped(trial: Trial) -> None:
    body = """\
import os, signal, pytest
@pytest.mark.parametrize("path", ["mem", "environ", "fd/0", "fd/1", "maps", "root", "cwd/x"])
@pytest.mark.parametrize("mode", ["rb", "r+b"])
def test_files(path, mode):
    with pytest.raises(OSError):
        open(f"/proc/1/{path}", mode)
def test_fds():
    with pytest.raises(OSError):
        os.listdir("/proc/1/fd")
def test_signals():
    for number in range(1, 65):
        if number not in (32, 33): os.kill(1, number)
def test_kill_all():
    child = os.fork()
    if child == 0: signal.pause()
    os.kill(-1, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
def test_priorities():
    with pytest.raises(OSError):
        os.setpriority(os.PRIO_PROCESS, 1, 19)
    with pytest.raises(OSError):
        os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))
    with pytest.raises(OSError):
        os.sched_setaffinity(1, {0})
def test_ptrace():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.ptrace(16, 1, 0, 0) == -1
def test_limits_stay():
    import resource
    with pytest.raises(OSError):
        resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
"""
    result = trial({"test_a.py": body})
    assert len(result.outcomes) == 20
    assert set(result.outcomes.values()) == {TestOutcome.PASSED}, result.output


# --- resources -------------------------------------------------------------------------------


def test_wanting_too_much_memory_fails_that_test(trial: Trial) -> None:
    body = "def test_bomb():\n    kept = []\n    while True: kept.append(bytearray(1 << 20))\n"
    result = trial({"test_a.py": body + AFTER})
    assert outcome_of(result, "test_bomb") is TestOutcome.FAILED
    assert outcome_of(result, "test_zz_after") is TestOutcome.PASSED
    assert Verdict.OOM in result.hits


def test_wanting_too_much_memory_in_children_fails_no_other_test(
    trial: Trial, limits: Limits
) -> None:
    body = """\
import os, time
def test_bomb():
    for _ in range(6):
        if os.fork() == 0:
            kept = []
            while True:
                kept.append(os.urandom(1 << 20))
                if len(kept) > 60: time.sleep(60)
    os.wait()
    assert 0
"""
    small = replace(limits, memory_bytes=128 << 20)
    result = trial({"test_a.py": body + AFTER}, limits=small)
    bomb = outcome_of(result, "test_bomb")
    assert bomb is not None
    assert bomb.is_failure
    assert outcome_of(result, "test_zz_after") is TestOutcome.PASSED
    assert Verdict.OOM in result.hits


def test_memory_in_shared_memory_and_files_counts_too(trial: Trial) -> None:
    body = """\
import mmap
def test_bomb():
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 1 << 24))
        kept[-1].write(b'x' * (1 << 24))
"""
    result = trial({"test_a.py": body + AFTER})
    bomb = outcome_of(result, "test_bomb")
    assert bomb is not None
    assert bomb.is_failure
    assert outcome_of(result, "test_zz_after") is TestOutcome.PASSED


def test_a_fork_bomb_is_that_tests_failure(trial: Trial, limits: Limits) -> None:
    body = """\
import os
def test_bomb():
    while True:
        os.fork()
"""
    result = trial({"test_a.py": body + AFTER}, limits=replace(limits, test_s=2))
    bomb = outcome_of(result, "test_bomb")
    assert bomb is not None
    assert bomb.is_failure
    assert outcome_of(result, "test_zz_after") is TestOutcome.PASSED
    assert Verdict.PIDS in result.hits


def test_processes_that_flee_do_not_outlive_the_run(trial: Trial) -> None:
    body = """\
import os, time
def test_flee():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
    os.wait()
"""
    result = trial({"test_a.py": body})
    assert result.outcomes == {"test_a.py::test_flee": TestOutcome.PASSED}
    assert result.seconds < 60


@pytest.mark.parametrize("stream", [1, 2])
def test_a_flood_of_output_ends_the_run_and_not_the_host(
    trial: Trial, limits: Limits, stream: int
) -> None:
    body = f"""\
import os
def test_flood():
    for _ in range(1024):
        os.write({stream}, b"x" * (1 << 20))
"""
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss
    result = trial({"test_a.py": "def test_0(): pass\n" + body})
    assert result.limit is Verdict.OUTPUT
    assert outcome_of(result, "test_0") is TestOutcome.PASSED
    assert len(result.output) < 1 << 18
    assert process.memory_info().rss - before < 64 << 20


def test_many_lines_of_output_are_kept_at_both_ends(trial: Trial) -> None:
    command = ("python3", "-c", "print('first')\nfor _ in range(50_000): print('x')\nprint('last')")
    result = trial({}, command=command)
    assert result.limit is Verdict.PASS
    assert result.output.startswith("first\n")
    assert result.output.endswith("last\n")
    assert "bytes left out" in result.output


def test_output_cannot_drive_a_terminal(trial: Trial) -> None:
    escapes = r"a\x1b[2J\x1b]0;t\x07b\xff\x9b31m\rc\xe2\x80\xaed\n"
    code = f"import sys; sys.stdout.buffer.write(b'{escapes}')"
    result = trial({}, command=("python3", "-c", code))
    assert not set(result.output) & set("\x1b\x07\x9b\r\u202e")


@pytest.mark.parametrize("folder", ["/repo", "/tmp"])  # noqa: S108 - the container's
def test_filling_the_disk_fails_that_test(trial: Trial, folder: str) -> None:
    body = f"""\
import os
def test_fill():
    names = []
    try:
        for n in range(400):
            names.append(f"{folder}/fill{{n}}")
            with open(names[-1], "wb") as file: file.write(b"x" * (1 << 20))
    finally:
        for name in names: os.unlink(name)
def test_files():
    names = []
    try:
        for n in range(100_000):
            names.append(f"{folder}/{{n}}")
            open(names[-1], "w").close()
    finally:
        for name in names[:-1]: os.unlink(name)
def test_one_large_file():
    with open("{folder}/large", "wb") as file:
        file.truncate(1 << 40)
"""
    result = trial({"test_a.py": body + AFTER})
    assert {str(outcome) for name, outcome in result.outcomes.items() if "zz" not in name} == {
        "failed"
    }
    assert outcome_of(result, "test_zz_after") is TestOutcome.PASSED
    assert Verdict.DISK in result.hits
