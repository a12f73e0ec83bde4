"""Code that never ends, in every way of not ending, costs one test and not the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mai.jobs import Limits, TestOutcome
from mai.proposal import Verdict
from tests.sandboxes import Trial, outcome_of

pytestmark = pytest.mark.docker
AFTER = "\ndef test_zz_after(): pass\n"
LOOP = "def test_loop():\n    while True: pass\n"


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
    result = trial(tree, limits=replace(limits, test_s=0.5))
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
