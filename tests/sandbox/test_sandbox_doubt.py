"""What a run says of itself that cannot be so, and whose copy of a package it has tested."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from mai.jobs import TestOutcome
from mai.proposal import Verdict
from tests.sandboxes import Tree, Trial

pytestmark = pytest.mark.docker
PASSES = "def test_x(): pass\ndef test_y(): pass\n"
FAILS = "def test_x(): assert 0\ndef test_y(): pass\n"
EXIT = "def pytest_sessionfinish(session): session.exitstatus = {}\n"
COUNTS = (
    "def pytest_sessionfinish(session):\n"
    "    stats = session.config.pluginmanager.get_plugin('terminalreporter').stats\n"
    "    {}\n"
)
FORGED = """\
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    for plugin in session.config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "Reporter":
            planted = {one.nodeid for one in plugin.canaries._planted}
            send = plugin.send

            def forge(kind, *rest):
                if kind == "outcome" and rest[0] not in planted:
                    rest = (rest[0], "passed", "")
                send(kind, *rest)

            plugin.send = forge
"""


@pytest.mark.parametrize(
    ("tests", "conftest", "words"),
    [
        (PASSES, EXIT.format(1), "exit code 1, but 0 tests"),
        (FAILS, EXIT.format(0), "exit code 0, but 1 tests"),
        (PASSES, EXIT.format(5), "exit code 5, but 0 tests"),
        (FAILS, FORGED, "exit code 1, but 0 tests"),
        (PASSES, COUNTS.format("stats['passed'] *= 2"), "counts 4 tests that passed"),
        (PASSES, COUNTS.format("del stats['passed'][0]"), "counts 1 tests that passed"),
        (PASSES, COUNTS.format("stats['failed'] = [stats['passed'].pop()]"), "and 1 that failed"),
        (FAILS, COUNTS.format("stats['passed'] += stats.pop('failed')"), "and 0 that failed"),
    ],
)
def test_what_pytest_itself_denies_is_doubted(
    trial: Trial, tests: str, conftest: str, words: str
) -> None:
    result = trial({"test_a.py": tests, "conftest.py": conftest})
    assert words in result.doubt
    assert result.is_contradictory
    assert not result.is_whole


ODD = """\
import unittest
import pytest

@pytest.fixture
def leaky():
    yield
    assert 0

def test_tear_down(leaky): pass
def test_both(leaky): assert 0
@pytest.mark.xfail
def test_xfail(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.skip
def test_skip(leaky): pass
def test_subtests(subtests):
    for n in range(3):
        with subtests.test(n=n):
            assert n
class Test(unittest.TestCase):
    def test_good(self):
        for n in range(3):
            with self.subTest(n=n): pass
    def test_bad(self):
        for n in range(3):
            with self.subTest(n=n): self.assertEqual(n, 1)
    @unittest.expectedFailure
    def test_expected(self): self.fail()
"""


@pytest.mark.parametrize(
    "tree",
    [
        {"test_a.py": ODD, "test_b.py": "import nowhere\n"},
        {"test_a.py": "import pytest\npytest.skip('no', allow_module_level=True)\n"},
        {"test_a.py": "def test_a(): raise SystemExit(0)\ndef test_b(): import os; os._exit(0)\n"},
        {"test_a.py": "import pytest\ndef test_a(): pytest.exit('enough', returncode=0)\n"},
        {"test_a.py": "x = 1\n"},
        {
            "test_a.py": PASSES,
            "conftest.py": "def pytest_report_teststatus(report):\n"
            "    if report.when == 'call': return 'fine', 'f', 'FINE'\n",
        },
    ],
    ids=["odd", "module-skip", "exits", "pytest-exit", "none", "own-kinds"],
)
def test_whatever_tests_do_is_no_contradiction(trial: Trial, tree: Tree) -> None:
    assert trial(tree).doubt == ""


OWN = "from pathlib import Path\nimport {0}\nfile = Path({0}.__file__)\n"
LIES_HERE = "def test_x(): assert file.is_relative_to('/repo')\n"


@pytest.mark.parametrize(
    ("name", "place"),
    [("iniconfig", ""), ("pluggy", "src/"), ("packaging", "packages/one/src/")],
)
def test_a_package_that_pytest_needs_itself_is_tested_as_the_tree_has_it(
    trial: Trial, name: str, place: str
) -> None:
    sources = Path(str(import_module(name).__file__)).parent
    tree = {
        f"{place}{name}/{path.relative_to(sources)}": path.read_text()
        for path in sources.rglob("*.py")
    }
    tree[f"{place}{name}/__init__.py"] += "\nANSWER = 41\n"
    answer = f"def test_answer(): assert {name}.ANSWER == 42\n"
    tree["test_a.py"] = f"{OWN.format(name)}{LIES_HERE}{answer}"
    if place.startswith("packages"):
        tree["packages/one/pyproject.toml"] = f"[project]\nname = '{name}'\n"
    result = trial(tree)
    assert (result.limit, result.message) == (Verdict.PASS, "")
    assert result.outcomes == {
        "test_a.py::test_x": TestOutcome.PASSED,
        "test_a.py::test_answer": TestOutcome.FAILED,
    }


@pytest.mark.parametrize("broken", ["1 / 0\n", "", "def __getattr__(name): return None\n"])
def test_a_broken_package_that_pytest_needs_never_passes(trial: Trial, broken: str) -> None:
    result = trial({"pluggy/__init__.py": broken, "test_a.py": "def test_x(): pass\n"})
    assert result.limit is Verdict.ERROR
    assert not result.outcomes


def test_an_installed_copy_that_cannot_be_left_out_is_said(trial: Trial) -> None:
    result = trial(
        {
            "src/late/__init__.py": "",
            "conftest.py": "import sys\nfrom types import ModuleType\nlate = ModuleType('late')\n"
            "late.__file__ = '/opt/deps/late/__init__.py'\nsys.modules['late'] = late\n",
            "test_a.py": "def test_x(): pass\n",
        }
    )
    assert result.limit is Verdict.ERROR
    assert result.message.startswith("The repo's own late was not tested")


def test_what_the_sandbox_lacks_is_told_of_each_test(trial: Trial) -> None:
    raising = "raise OSError(errno.{}, 'so')"
    result = trial(
        {
            "test_a.py": "import errno\n"
            f"def test_files(): {raising.format('EMFILE')}\n"
            f"def test_disk(): {raising.format('ENOSPC')}\n"
            f"def test_own(): {raising.format('ENOENT')}\n",
            "test_b.py": f"import errno\n{raising.format('ENFILE')}\n",
            "test_c.py": "import resource\ndef test_x():\n"
            "    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 4096\n",
        }
    )
    assert result.limited == {
        "test_a.py::test_files": Verdict.ERROR,
        "test_a.py::test_disk": Verdict.DISK,
        "test_b.py": Verdict.ERROR,
    }
    assert result.outcomes["test_c.py::test_x"] is TestOutcome.PASSED
    assert result.hits == {Verdict.DISK}
