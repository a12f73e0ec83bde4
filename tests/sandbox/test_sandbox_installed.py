"""A repo that asks which version of itself is installed gets an answer, though nothing is built."""

from __future__ import annotations

import pytest

from mai.jobs import TestOutcome
from tests.sandboxes import Tree, Trial, outcome_of

ASKS = """\
import subprocess
import sys
from importlib.metadata import entry_points, version


def test_version():
    assert version("some-thing") == {version!r}


def test_elsewhere():
    program = "import importlib.metadata as m; print(m.version('some.thing'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == {version!r}, done.stderr


def test_entry_points():
    assert [one.value for one in entry_points(group="some.plugins")] == {values!r}
"""
PYPROJECT = """\
[project]
name = "Some.Thing"
version = "1.2"
[project.entry-points."some.plugins"]
one = "some_thing:one"
[project.entry-points.pytest11]
wrong = "nonesuch"
"""
DYNAMIC = '[project]\nname = "some-thing"\ndynamic = ["version"]\n'
SETUP = 'raise SystemExit\nsetup(\n    name="some-thing", version="3"\n)\n'
KNOWN = {
    "some_thing.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: some-thing\nVersion: 9\n",
}


@pytest.mark.docker
@pytest.mark.parametrize(
    ("tree", "version", "values"),
    [
        ({"pyproject.toml": PYPROJECT}, "1.2", ["some_thing:one"]),
        (
            {"pyproject.toml": PYPROJECT, "src/some_thing/__init__.py": ""},
            "1.2",
            ["some_thing:one"],
        ),
        ({"pyproject.toml": PYPROJECT, **KNOWN}, "9", []),
        (
            {"pyproject.toml": DYNAMIC, "src/some_thing/__init__.py": "__version__ = '2.5'\n"},
            "2.5",
            [],
        ),
        ({"pyproject.toml": DYNAMIC}, "0.0.0", []),
        ({"setup.cfg": "[metadata]\nname = some_thing\n"}, "0.0.0", []),
        ({"setup.py": SETUP}, "3", []),
        ({"pyproject.toml": '[tool.poetry]\nname = "some-thing"\nversion = "4"\n'}, "4", []),
    ],
)
def test_the_repo_itself_counts_as_installed(
    trial: Trial, tree: Tree, version: str, values: list[str]
) -> None:
    result = trial({**tree, "test_a.py": ASKS.format(version=version, values=values)})
    for name in ("test_version", "test_elsewhere", "test_entry_points"):
        assert outcome_of(result, name) is TestOutcome.PASSED, result.output


@pytest.mark.docker
@pytest.mark.parametrize(
    "tree",
    [
        {"pyproject.toml": '[project]\nname = "../../etc/x"\n'},
        {"pyproject.toml": "[project]\nname = 7\n"},
        {"pyproject.toml": PYPROJECT, "src": "->tests", "tests/x.py": ""},
        {"setup.py": "setup(" * 100_000},
        {"setup.py": "setup(name=" + " " * 500_000},
    ],
)
def test_a_manifest_that_says_nothing_of_use_is_passed_over(trial: Trial, tree: Tree) -> None:
    result = trial({**tree, "test_a.py": "def test_x():\n    pass\n"})
    assert outcome_of(result, "test_x") is TestOutcome.PASSED
