"""Code that wants all there is: it fails, others go on, the host does not notice."""

from __future__ import annotations

import os
from dataclasses import replace

import psutil
import pytest

from mai.jobs import Limits, TestOutcome
from mai.proposal import Verdict
from tests.sandboxes import Trial, outcome_of

pytestmark = pytest.mark.docker
AFTER = "\ndef test_zz_after(): pass\n"


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


CROWDS = {
    "zombies": "    while True:\n        if os.fork() == 0: os._exit(0)\n",
    "orphans": (
        "    for _ in range(100):\n"
        "        if os.fork() == 0:\n"
        "            if os.fork() == 0: os._exit(0)\n"
        "            os._exit(0)\n"
        "        os.wait()\n"
        "    assert 0\n"
    ),
    "threads": (
        "    import threading\n"
        "    while True: threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    ),
    "files": "    kept = []\n    while True: kept.append(open('/dev/null'))\n",
    "sockets": "    import socket\n    kept = []\n    while True: kept.append(socket.socket())\n",
    "pipes": "    kept = []\n    while True: kept.append(os.pipe())\n",
    "recursion": (
        "    import sys; sys.setrecursionlimit(10**9)\n"
        "    def down(n): return repr([n, down(n + 1)])\n"
        "    down(0)\n"
    ),
    "shared-memory": (
        "    with open('/dev/shm/x', 'wb') as f:\n"
        "        try:\n"
        "            while True: f.write(b'x' * (1 << 20))\n"
        "        finally: os.unlink('/dev/shm/x')\n"
    ),
    "locked-memory": (
        "    import ctypes, mmap\n"
        "    kept = []\n"
        "    while True:\n"
        "        kept.append(mmap.mmap(-1, 1 << 24))\n"
        "        ctypes.CDLL(None).mlockall(3)\n"
        "        kept[-1].write(b'x' * (1 << 24))\n"
    ),
    "deep-folders": (
        "    try:\n"
        "        for _ in range(10**6): os.mkdir('d'); os.chdir('d')\n"
        "    finally: os.chdir('/repo')\n"
        "    assert 0\n"
    ),
    "links": (
        "    for n in range(1000): os.symlink(f'l{n + 1}', f'l{n}')\n"
        "    os.symlink('l0', 'l1000'); open('l0')\n"
    ),
    "stopped": "    os.kill(-1, 19); os.kill(os.getpid(), 19)\n",  # SIGSTOP, of all and of itself
    "tree-removed": "    import shutil; shutil.rmtree('/repo', ignore_errors=True); assert 0\n",
    "tree-locked": "    os.chmod('/repo', 0); assert 0\n",
}


@pytest.mark.parametrize("kind", CROWDS)
def test_wanting_all_there_is_of_something_fails_that_test(
    trial: Trial, limits: Limits, kind: str
) -> None:
    body = "def test_0(): pass\n" + f"import os\ndef test_bomb():\n{CROWDS[kind]}"
    result = trial({"test_a.py": body}, limits=replace(limits, test_s=1))
    bomb = outcome_of(result, "test_bomb")
    assert bomb is not TestOutcome.PASSED
    assert bomb is not None or result.limit is not Verdict.PASS


def test_a_flood_of_tests_ends_the_run(trial: Trial, limits: Limits) -> None:
    body = "import pytest\n@pytest.mark.parametrize('n', range(200_000))\ndef test_x(n): pass\n"
    result = trial({"test_a.py": body}, limits=replace(limits, cpu_s=2))
    assert result.limit is not Verdict.PASS
    assert not result.outcomes or TestOutcome.FAILED not in result.outcomes.values()
