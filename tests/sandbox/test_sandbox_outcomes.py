"""How tests end, and how repos are laid out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mai.jobs import Limits, RunResult, TestOutcome
from mai.proposal import Verdict

pytestmark = pytest.mark.docker
Trial = Callable[..., RunResult]

KINDS = """\
import pytest, unittest

def test_passes(): pass
def test_fails(): assert 1 == 2
@pytest.fixture
def broken(): raise RuntimeError("set-up")
def test_set_up_fails(broken): pass
@pytest.fixture
def leaky():
    yield
    raise RuntimeError("tear-down")
def test_tear_down_fails(leaky): pass
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
@pytest.mark.xfail
def test_expected_to_fail(): assert 0
@pytest.mark.xfail
def test_unexpectedly_passes(): pass
@pytest.mark.xfail(strict=True)
def test_must_fail_but_passes(): pass
@pytest.mark.parametrize("n", [1, 2])
def test_many(n): assert n == 1
@pytest.mark.parametrize("text", ["a b", "x/y", "é", "line\\nbreak"])
def test_odd_ids(text): pass
def test_exits(): raise SystemExit(0)
class TestGroup:
    def test_inside(self): pass
class TestOld(unittest.TestCase):
    def test_old(self): self.assertTrue(True)
    def test_subtests(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertEqual(n, 1)
async def test_async(): pass
"""


def test_each_way_a_test_can_end_is_told_apart(trial: Trial) -> None:
    result = trial({"tests/test_kinds.py": KINDS})
    found = {
        name.removeprefix("tests/test_kinds.py::"): str(o) for name, o in result.outcomes.items()
    }
    assert found == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_set_up_fails": "error",
        "test_tear_down_fails": "error",
        "test_skipped": "skipped",
        "test_expected_to_fail": "skipped",
        "test_unexpectedly_passes": "passed",
        "test_must_fail_but_passes": "failed",
        "test_many[1]": "passed",
        "test_many[2]": "failed",
        "test_odd_ids[a b]": "passed",
        "test_odd_ids[x/y]": "passed",
        "test_odd_ids[\\xe9]": "passed",
        "test_odd_ids[line\\nbreak]": "passed",
        "test_exits": "failed",
        "TestGroup::test_inside": "passed",
        "TestOld::test_old": "passed",
        "TestOld::test_subtests": "failed",
        "test_async": "failed",
    }
    assert result.limit is Verdict.PASS
    assert result.exit_code == 1
    assert result.has_tests
    assert result.hits == frozenset()
    assert "assert 1 == 2" in result.output
    assert 0 < result.cpu_s < 30
    assert result.peak_memory_bytes > 1 << 20


@pytest.mark.parametrize(
    "last", ["raise SystemExit(0)", "import os; os._exit(0)", "import ctypes; ctypes.string_at(0)"]
)
def test_leaving_python_while_being_imported_fails_that_file_alone(trial: Trial, last: str) -> None:
    result = trial({"test_a.py": f"{last}\n", "test_b.py": "def test_x(): pass\n"})
    assert result.outcomes == {
        "test_a.py": TestOutcome.CRASH,
        "test_b.py::test_x": TestOutcome.PASSED,
    }
    assert result.limit is Verdict.PASS


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (
            {"conftest.py": "pytest_plugins = ['pytest_nowhere']\n"},
            "No module named 'pytest_nowhere'",
        ),
        ({"conftest.py": "import numpyish\n"}, "No module named 'numpyish'"),
        ({"pytest.ini": "[pytest\n"}, "pytest.ini"),
        (
            {"conftest.py": "def pytest_collection_modifyitems(items): raise ValueError('so')\n"},
            "ValueError: so",
        ),
    ],
    ids=["plugin", "import", "syntax", "hook"],
)
def test_a_run_that_cannot_begin_says_why(trial: Trial, tree: dict[str, str], words: str) -> None:
    result = trial({"test_a.py": "def test_x(): pass\n", **tree})
    assert result.limit is Verdict.ERROR
    assert result.outcomes == {}
    assert words in result.message


def test_a_file_that_cannot_be_imported_is_named_by_its_path(trial: Trial) -> None:
    result = trial(
        {
            "test_a.py": "import nowhere\n",
            "sub/test_b.py": "def test_x(): pass\n",
            "sub/test_e.py": "def broken(:\n",
            "test_d.py": "import pytest\npytest.skip('no', allow_module_level=True)\n",
        }
    )
    assert result.outcomes == {
        "test_a.py": TestOutcome.ERROR,
        "sub/test_b.py::test_x": TestOutcome.PASSED,
        "sub/test_e.py": TestOutcome.ERROR,
        "test_d.py": TestOutcome.SKIPPED,
    }
    assert result.limit is Verdict.PASS


@pytest.mark.parametrize(
    "tree",
    [
        {
            "shop/__init__.py": "price = 3\n",
            "tests/test_a.py": "from shop import price\ndef test_x(): assert price == 3\n",
        },
        {
            "src/shop/__init__.py": "price = 3\n",
            "tests/test_a.py": "from shop import price\ndef test_x(): assert price == 3\n",
        },
        {
            "shop.py": "price = 3\n",
            "tests/test_a.py": "from shop import price\ndef test_x(): assert price == 3\n",
        },
        {
            "src/shop.py": "price = 3\n",
            "tests/test_a.py": "import subprocess, sys\ndef test_x():\n"
            "    subprocess.run([sys.executable, '-c', 'import shop'], check=True)\n",
        },
    ],
    ids=["flat", "src", "module", "src-in-a-process"],
)
def test_usual_layouts_import_without_being_installed(trial: Trial, tree: dict[str, str]) -> None:
    assert trial(tree).outcomes == {"tests/test_a.py::test_x": TestOutcome.PASSED}


PYPROJECT = """\
[tool.pytest.ini_options]
addopts = "--cov=shop --cov-report=xml -n auto --strict-markers --strict-config --no-such-option"
required_plugins = ["pytest-cov", "pytest-xdist"]
asyncio_mode = "auto"
xfail_strict = true
filterwarnings = ["error"]
testpaths = ["tests"]
timeout = 10
"""


def test_a_configuration_that_asks_for_missing_plugins_does_not_stop_the_run(trial: Trial) -> None:
    result = trial(
        {
            "pyproject.toml": PYPROJECT,
            "elsewhere/test_not_asked_for.py": "def test_x(): pass\n",
            "tests/test_a.py": "import pytest, warnings\n"
            "@pytest.mark.asyncio\ndef test_marked(): pass\n"
            "def test_warns(): warnings.warn('x')\n"
            "@pytest.mark.xfail\ndef test_strict(): pass\n",
        }
    )
    assert result.outcomes == {
        "tests/test_a.py::test_marked": TestOutcome.PASSED,
        "tests/test_a.py::test_warns": TestOutcome.FAILED,
        "tests/test_a.py::test_strict": TestOutcome.FAILED,
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\nminversion = 99\nfilterwarnings =\n  error\n  once::nowhere.W\n"),
        ("pytest.toml", "[pytest]\nminversion = '99'\nfilterwarnings = ['e', 'once::nowhere.W']\n"),
        ("pyproject.toml", "[tool.pytest]\nfilterwarnings = ['error', 'once::nowhere.W']\n"),
        ("setup.cfg", "[tool:pytest]\nfilterwarnings =\n  error:x\n  error\n  once::nowhere.W\n"),
    ],
)
def test_warnings_of_packages_that_are_not_here_do_not_stop_the_run(
    trial: Trial, name: str, text: str
) -> None:
    tests = "import warnings\ndef test_x(): pass\ndef test_warns(): warnings.warn('x')\n"
    assert trial({"test_a.py": tests, name: text}).outcomes == {
        "test_a.py::test_x": TestOutcome.PASSED,
        "test_a.py::test_warns": TestOutcome.FAILED,
    }


def test_options_that_can_be_honoured_are(trial: Trial) -> None:
    result = trial(
        {
            "pytest.ini": "[pytest]\n"
            "addopts = -m 'not slow' --cov --ignore=tests/live --doctest-modules\n",
            "shop.py": "def one():\n    '''\n    >>> one()\n    1\n    '''\n    return 1\n",
            "tests/live/test_b.py": "def test_x(): assert 0\n",
            "tests/test_a.py": "import pytest\n"
            "@pytest.mark.slow\ndef test_s(): assert 0\ndef test_x(): pass\n",
        }
    )
    assert result.outcomes == {
        "shop.py::shop.one": TestOutcome.PASSED,
        "tests/test_a.py::test_x": TestOutcome.PASSED,
    }


def test_no_tests_at_all_is_said(trial: Trial) -> None:
    result = trial({"shop.py": "price = 3\n"})
    assert not result.has_tests
    assert result.limit is Verdict.PASS
    assert result.outcomes == {}


def test_only_the_tests_asked_for_are_run(trial: Trial) -> None:
    tree = {
        "tests/test_a.py": "import pytest\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_n(n): pass\n",
        "tests/test_b.py": "raise RuntimeError\n",
    }
    result = trial(tree, only=("tests/test_a.py::test_n[2]", "tests/test_gone.py::test_x"))
    assert result.outcomes == {"tests/test_a.py::test_n[2]": TestOutcome.PASSED}


LIAR = "import os\nprint('12 passed')\nos._exit(0)\n"


def test_a_repo_cannot_replace_what_runs_its_tests_by_a_file_of_its_name(trial: Trial) -> None:
    names = ("sitecustomize", "usercustomize", "sandbox/__init__", "json")
    tree = {f"{name}.py": LIAR for name in names} | {"test_a.py": "def test_x(): assert 0\n"}
    assert trial(tree).outcomes == {"test_a.py::test_x": TestOutcome.FAILED}


@pytest.mark.parametrize("name", ["pytest", "_pytest/__init__"])
def test_a_repo_with_a_test_runner_of_its_own_is_not_tested_by_that(
    trial: Trial, name: str
) -> None:
    result = trial({f"{name}.py": LIAR, "test_a.py": "def test_x(): assert 0\n"})
    assert (result.limit, result.outcomes) == (Verdict.ERROR, {})
    assert "was not tested" in result.message


def test_a_command_of_the_repos_own_is_run_as_it_is(trial: Trial) -> None:
    tree = {"check.py": "import sys\nprint('looking')\nsys.exit(int(sys.argv[1]))\n"}
    good = trial(tree, command=("python3", "check.py", "0"))
    bad = trial(tree, command=("python3", "check.py", "3"))
    assert good.outcomes == {"command": TestOutcome.PASSED}
    assert good.output == "looking\n"
    assert bad.outcomes == {"command": TestOutcome.FAILED}
    assert bad.exit_code == 3
    assert trial(tree, command=("no-such-program",)).exit_code == 127


def test_a_command_may_say_python(trial: Trial) -> None:
    assert trial({}, command=("python", "-c", "pass")).outcomes == {"command": TestOutcome.PASSED}


def test_a_command_may_leave_a_junit_report(trial: Trial) -> None:
    tree = {"test_a.py": "def test_x(): pass\ndef test_y(): assert 0\n"}
    command = ("python3", "-m", "pytest", "--junitxml=out/report.xml", "-p", "no:cacheprovider")
    result = trial(tree, command=command, junit="out/report.xml")
    assert result.outcomes == {
        "test_a::test_x": TestOutcome.PASSED,
        "test_a::test_y": TestOutcome.FAILED,
    }


@pytest.mark.parametrize(
    "script",
    [
        "pass",
        "import os; os.symlink('/etc/passwd', 'r.xml')",
        "import os; os.mkfifo('r.xml')",
        "open('r.xml', 'w').write('<a>')",
    ],
    ids=["none", "link", "fifo", "broken"],
)
def test_a_report_that_is_none_is_an_error(trial: Trial, script: str) -> None:
    result = trial({}, command=("python3", "-c", script), junit="r.xml")
    assert result.limit is Verdict.ERROR
    assert "report" in result.message


def test_a_report_that_says_all_is_well_does_not_outweigh_a_failing_command(trial: Trial) -> None:
    script = (
        "open('r.xml', 'w').write('<testcase classname=\"a\" name=\"b\"/>'); raise SystemExit(1)"
    )
    result = trial({}, command=("python3", "-c", script), junit="r.xml")
    assert result.outcomes == {"a::b": TestOutcome.PASSED, "command": TestOutcome.FAILED}


def test_a_large_tree_arrives_whole(trial: Trial, limits: Limits) -> None:
    tree = {f"data/{n % 50}/{n}.txt": f"{n}" * 100 for n in range(5000)}
    tree["big.bin"] = "x" * (64 << 20)
    tree["link"] = "->data/0"
    tree["test_a.py"] = (
        "from pathlib import Path\ndef test_x():\n"
        "    assert Path('big.bin').stat().st_size == 64 << 20\n"
        "    assert sum(1 for _ in Path('data').rglob('*.txt')) == 5000\n"
        "    assert Path('link/50.txt').read_text() == '50' * 100\n"
    )
    small = replace(limits, memory_bytes=128 << 20, disk_bytes=16 << 20)
    assert trial(tree, limits=small).outcomes == {"test_a.py::test_x": TestOutcome.PASSED}


def test_a_tree_as_deep_as_paths_can_be_arrives(trial: Trial) -> None:
    deep = "a/" * 2000 + "x.py"
    result = trial({deep: "", "test_a.py": "def test_x(): pass\n"}, command=("true",))
    assert (result.limit, result.outcomes) == (Verdict.PASS, {"command": TestOutcome.PASSED})
