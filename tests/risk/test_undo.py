"""A change that only calls things by other names is LOW; one that hides behind that is not."""

from __future__ import annotations

import pytest

from mai.proposal import FileChange, Level
from tests.risk.conftest import Score, rules

TOOLS = """
import subprocess


def command_for(path):
    return ["ls", path]


def start(path):
    return subprocess.run(command_for(path))


def is_allowed(path):
    return path in ("a", "b")
"""
APP = """
from subprocess import Popen

from app.tools import command_for, is_allowed


def go(path):
    if not is_allowed(path):
        raise ValueError(path)
    return Popen(command_for(path))
"""
TEST = """
from app.tools import command_for


def test_command():
    assert command_for("x") == ["ls", "x"]
"""
BASE = {
    "app/__init__.py": "",
    "app/tools.py": TOOLS,
    "app/go.py": APP,
    "app/other.py": "def command_of(path):\n    return ['rm', path]\n",
    "tests/test_tools.py": TEST,
}


def renamed(old: str, new: str) -> dict[str, str]:
    return {path: source.replace(old, new) for path, source in BASE.items()}


@pytest.mark.parametrize(
    ("old", "new"),
    [("command_for", "listing_of"), ("is_allowed", "is_one_of_ours"), ("is_allowed", "known")],
)
def test_a_function_by_another_name_is_the_same_function(score: Score, old: str, new: str) -> None:
    assert score(BASE, renamed(old, new)).level is Level.LOW


@pytest.mark.parametrize(
    ("path", "old", "new", "rule"),
    [
        (
            "app/tools.py",
            "start(path):\n    return subprocess.run(",
            "start(path):\n    return subprocess.run(['sudo'] + ",
            "flow.changed",
        ),
        (
            "app/go.py",
            "Popen(listing_of(path))",
            "Popen(listing_of(path) + ['-R'])",
            "flow.changed",
        ),
        (
            "app/go.py",
            "    if not is_allowed(path):\n        raise ValueError(path)\n",
            "",
            "removed.check",
        ),
        ("tests/test_tools.py", '["ls", "x"]', '["ls", "y"]', "test-tampering.weaker"),
    ],
)
def test_what_a_rename_does_besides_is_seen(
    score: Score, path: str, old: str, new: str, rule: str
) -> None:
    head = renamed("command_for", "listing_of")
    assert old in head[path]
    head[path] = head[path].replace(old, new)
    assert rule in rules(score(BASE, head), Level.MEDIUM)


def test_a_name_that_stood_elsewhere_is_another_thing(score: Score) -> None:
    # `command_of` is there already, and what is called so now may be that one.
    head = renamed("command_for", "command_of")
    assert score(BASE, head).level is Level.MEDIUM


def test_a_name_that_nothing_defines_is_another_thing(score: Score) -> None:
    head = renamed("command_for(path))", "elsewhere(path))")
    head["app/go.py"] = head["app/go.py"].replace("import command_for", "import elsewhere")
    assert score(BASE, head).level is Level.MEDIUM


def test_a_name_of_something_that_can_act_is_no_rename(score: Score) -> None:
    base = {"a.py": "import os\n\n\ndef helper(x):\n    return x\n\n\nos.helper('ls')\n"}
    head = {"a.py": base["a.py"].replace("helper", "system")}
    assert "process.shell" in rules(score(base, head), Level.MEDIUM)


def test_what_a_text_calls_a_renamed_module_is_the_same_module(score: Score) -> None:
    test = "import subprocess\n\n\ndef test_log(caplog):\n"
    test += "    assert caplog.records[0].name == 'app.tools'\n"
    load = "import importlib\n\n\ndef load(kind):\n"
    load += "    return importlib.import_module('app.tools' if kind else kind)\n"
    base = {**BASE, "tests/test_log.py": test, "app/load.py": load}
    head = {
        path.replace("tools", "helpers"): source.replace("app.tools", "app.helpers")
        for path, source in base.items()
    }
    files = [FileChange("app/helpers.py", "renamed", old_path="app/tools.py")]
    files.append(FileChange("tests/test_helpers.py", "renamed", old_path="tests/test_tools.py"))
    changed = ("app/go.py", "app/load.py", "tests/test_log.py")
    files.extend(FileChange(path, "modified") for path in changed)
    assert score(base, head, files=files).level is Level.LOW
    evil = {**head, "app/load.py": head["app/load.py"].replace("app.helpers", "app.other")}
    assert score(base, evil, files=files).level is Level.MEDIUM
