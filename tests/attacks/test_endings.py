"""Code that ends what runs it: never a pass, and no other test's failure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mai.jobs import Limits, TestOutcome
from mai.proposal import Verdict
from tests.sandboxes import Trial

pytestmark = pytest.mark.docker
AFTER = "\ndef test_zz_after(): pass\n"


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
        {"conftest.py": "import signal, os; os.kill(os.getpid(), signal.SIGSTOP)\n"},
    ],
    ids=[
        "conftest",
        "conftest-sys",
        "modifyitems",
        "finish",
        "start",
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
