"""What is a test: by pytest's settings, checked against pytest itself, and by who loads it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mai.suite import Files, Suite, unknown

LAYOUTS: dict[str, dict[str, str]] = {
    "defaults": {},
    "testpaths": {"pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["checks", "pkg"]\n'},
    "nowhere": {"pytest.ini": "[pytest]\ntestpaths = gone\n"},
    "glob": {"pytest.ini": "[pytest]\ntestpaths = p*/sub\n"},
    "file": {"pytest.ini": "[pytest]\ntestpaths = pkg/api_tests.py checks\n"},
    "files": {"setup.cfg": "[tool:pytest]\npython_files = check_*.py *_tests.py\n"},
    "files-with-folder": {"tox.ini": "[pytest]\npython_files = sub/*.py\n"},
    "norecursedirs": {"pytest.ini": "[pytest]\nnorecursedirs = sub checks\n"},
    "built-first": {"pytest.ini": "[pytest]\ntestpaths = build/sub\n"},
    "ini-wins": {
        "pytest.ini": "",
        "pyproject.toml": '[tool.pytest.ini_options]\npython_files = "nothing_*.py"\n',
    },
    "ignored": {"pytest.ini": "[pytest]\naddopts = --ignore=pkg/sub --ignore checks\n"},
}
MODULES = (
    *("test_top.py", "pkg/test_a.py", "pkg/a_test.py", "pkg/api_tests.py", "pkg/core.py"),
    *("pkg/sub/test_b.py", "pkg/sub/check_b.py", "checks/check_c.py", "checks/test_c.py"),
    *("build/test_d.py", "build/sub/test_e.py", ".hidden/test_f.py", "x.egg/test_g.py"),
)


def tree(files: Mapping[str, str]) -> Files:
    return Files({path: text.encode() for path, text in files.items()})


def suite(files: Mapping[str, str], **more: str) -> Suite:
    return Suite(tree(files), tree({**files, **more}) if more else None)


@pytest.mark.host
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_pytest_collects_is_what_is_said_to_be_collected(tmp_path: Path, layout: str) -> None:
    files = {**{path: f"def test_{at}():\n    pass\n" for at, path in enumerate(MODULES)}}
    files |= LAYOUTS[layout]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
    ran = subprocess.run(
        [*command, "--rootdir=.", "--import-mode=importlib"],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    collected = {line.partition("::")[0] for line in ran.stdout.splitlines() if "::" in line}
    found = suite(files)
    assert {path for path in files if found.is_collected(path)} == collected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/data/a.json", True),
        ("tests/helpers.py", True),
        ("pkg/tests/helper.py", True),
        ("unit_tests/deep/helper.py", True),
        ("test_a.py", True),
        ("pkg/a_test.py", True),
        ("conftest.py", True),
        ("pkg/testing/tools.py", False),  # nothing is collected from there
        ("pkg/testing.py", False),
        ("pkg/api_tests.py", False),
        ("contest.py", False),
        ("pkg/latest.py", False),
        ("latest/test_data.json", False),
    ],
)
def test_which_paths_are_among_the_tests(path: str, expected: bool) -> None:
    folders = ("tests", "pkg/tests", "unit_tests", "latest")
    files = {f"{folder}/test_x.py": "" for folder in folders} | {"pkg/testing/__init__.py": ""}
    assert suite(files | {path: ""}).holds(path) is expected


def test_a_test_put_into_a_folder_of_the_application_makes_no_tests_of_it() -> None:
    files = {"pkg/testing/tools.py": "x = 1\n"}
    found = suite(files, **{"pkg/testing/test_new.py": ""})
    assert not found.holds("pkg/testing/tools.py")
    assert found.holds("pkg/testing/test_new.py")


@pytest.mark.parametrize(
    ("loader", "text"),
    [
        ("app.py", "import test_api\n"),
        ("app.py", "x = 1; import json, test_api as api\n"),
        ("app.py", "from test_api import (  # all of it\n    run,\n)\n"),
        ("app.py", "def later():\n    from test_api import run\n    return run\n"),
        ("app.py", "from test_api\\\n import run\n"),
        ("app.py", "import ｔest_api\n"),  # Python compares names in their normal form
        ("app.py", 'import importlib\nimportlib.import_module("test_api")\n'),
        ("app.py", "__import__('test_api')\n"),
        ("app.py", 'import runpy\nrunpy.run_path("test_api.py")\n'),
        ("app.py", 'HANDLERS = ["test_api.Handler"]\n'),
        ("src/app.py", "import test_api\n"),
        ("pyproject.toml", '[project.scripts]\nrun = "test_api:main"\n'),
        ("setup.cfg", "[options.entry_points]\nconsole_scripts =\n    run = test_api:main\n"),
    ],
)
def test_a_test_that_the_application_loads_is_application_code(loader: str, text: str) -> None:
    files = {"test_api.py": "def run(): ...\n", "tests/test_x.py": "import test_api\n"}
    assert suite(files).is_test("test_api.py")
    found = suite(files | {loader: text})
    assert not found.is_test("test_api.py")
    assert found.holds("test_api.py")
    assert not suite(files, **{loader: text}).is_test("test_api.py")


@pytest.mark.parametrize(
    ("loader", "text"),
    [
        ("pkg/core.py", "from .tests import helpers\n"),
        ("pkg/core.py", "from .tests.helpers import x\n"),
        ("pkg/core.py", "from . import tests\n"),
        ("pkg/core.py", "from pkg.tests import chain\n"),
        ("pkg/core.py", "from.tests.chain import x\n"),
        ("pkg/deep/core.py", "from .. tests import helpers\n"),
        (
            "pkg/core.py",
            "from importlib import import_module\nimport_module('.tests.helpers', 'p')\n",
        ),
        ("bench.py", "import sys\nsys.path.append('pkg/tests')\nimport helpers\n"),
    ],
)
def test_a_helper_is_followed_through_packages_and_other_tests(loader: str, text: str) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/tests/__init__.py": "from pkg.tests import helpers\n",
        "pkg/tests/chain.py": "from pkg.tests.helpers import x\n",
        "pkg/tests/helpers.py": "x = 1\n",
        "pkg/tests/test_x.py": "from .helpers import x\n",
    }
    assert suite(files).is_test("pkg/tests/helpers.py")
    found = suite(files | {loader: text})
    assert not found.is_test("pkg/tests/helpers.py")
    assert found.is_witness("pkg/tests/helpers.py")
    assert found.is_test("pkg/tests/test_x.py")


@pytest.mark.parametrize(
    "text",
    [
        "from unittest import mock\n",
        "import json\n",
        "from pkg import helpers\n",
        "import helpers.other\n",
        'NAMES = {"tests", "test", "helpers"}\n',
        "# see tests for more\n",
        "from tests_of_others import helpers\n",
    ],
)
def test_what_is_not_loaded_stays_a_test(text: str) -> None:
    files = {
        "app.py": text,
        "helpers/__init__.py": "",
        "pkg/helpers.py": "",
        "tests/mock.py": "",
        "tests/json.py": "",
        "tests/helpers.py": "",
        "tests/test_x.py": "import helpers, mock\n",
    }
    found = suite(files)
    assert found.is_test("tests/helpers.py")
    assert found.is_test("tests/json.py")


def test_beside_the_code_only_a_test_that_nothing_loads_is_a_witness() -> None:
    files = {"pkg/api_test.py": "", "pkg/x_test.py": "", "app.py": "from pkg import api_test\n"}
    found = suite(files)
    assert not found.is_witness("pkg/api_test.py")
    assert found.is_witness("pkg/x_test.py")


def test_what_a_change_makes_the_application_load_is_told() -> None:
    files = {"app.py": "x = 1\n", "tests/test_x.py": "", "tests/tool.py": "", "tests/b.py": ""}
    found = suite(files, **{"app.py": "from tests.tool import x\n"})
    assert found.newly_loaded(["app.py"]) == {"tests/tool.py"}
    assert suite(files, **{"app.py": "y = 1\n"}).newly_loaded(["app.py"]) == frozenset()


def test_without_a_tree_nothing_is_known_to_be_a_test() -> None:
    assert unknown().holds("tests/test_x.py")
    assert not unknown().is_test("tests/test_x.py")


@pytest.mark.parametrize("text", ["from a import (" * 9_000, "from " * 40_000, "import " * 40_000])
def test_a_hostile_source_is_read_in_little_time(text: str) -> None:
    files = {"app.py": f"# test\n{text}", "tests/test_x.py": ""}
    assert suite(files).is_test("tests/test_x.py")
