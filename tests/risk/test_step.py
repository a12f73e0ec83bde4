"""The scorer from its front door: one change, one level."""

from __future__ import annotations

from pathlib import Path

import pytest

from mai.proposal import FileChange, Level
from mai.risk import Policy, score_hunks, score_paths

from .conftest import Score


def test_an_everyday_fix_is_low(score: Score) -> None:
    report = score(
        {"a.py": "def f(x):\n    return x + 1\n"}, {"a.py": "def f(x):\n    return x + 2\n"}
    )
    assert report.level is Level.LOW
    assert report.findings == ()
    assert report.score == 0


def test_what_stood_before_costs_nothing(score: Score) -> None:
    before = "import subprocess\nsubprocess.run(['ls'])\n"
    assert score({"a.py": before}, {"a.py": before + "x = 1\n"}).level is Level.LOW


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("mai.toml", Level.BLOCKED),
        (".git/config", Level.BLOCKED),
        ("sub/.GIT/hooks/pre-commit", Level.BLOCKED),
        ("sitecustomize.py", Level.BLOCKED),
        ("x.pth", Level.BLOCKED),
        ("conftest.py", Level.HIGH),
        (".github/workflows/ci.yml", Level.HIGH),
        ("json.py", Level.HIGH),
        ("pkg/new.py", Level.LOW),
        ("README.md", Level.LOW),
    ],
)
def test_paths_decide_before_parsing(score: Score, path: str, level: Level) -> None:
    assert score({}, {path: "x = 1\n"}).level is level


def test_a_link_is_blocked(score: Score) -> None:
    files = [FileChange("notes", "added", new_mode="120000")]
    report = score({}, {"notes": "/etc"}, files=files)
    assert [finding.rule for finding in report.findings] == ["path.link"]


def test_the_core_of_mai_is_blocked_and_the_rest_high(score: Score) -> None:
    def level(path: str, content: str = "x = 1\n") -> Level:
        return score({}, {path: content}, is_own_repo=True).level

    assert level("mai/risk/score.py") is Level.BLOCKED
    assert level("mai/new/thing.py") is Level.BLOCKED
    assert level("mai/tui/screens/approval.py") is Level.BLOCKED
    assert level("mai/agent/turn.py") is Level.HIGH
    assert level("docs/x.md") is Level.LOW
    assert level("tests/agent/test_x.py", "def test_x():\n    assert 1\n") is Level.LOW


def test_a_policy_of_the_repository_only_raises(score: Score) -> None:
    base, head = {"a.py": ""}, {"a.py": "import os\nos.system('ls')\n"}
    lowered = Policy(repo={"process.shell": Level.LOW})
    raised = Policy(repo={"process.shell": Level.BLOCKED})
    assert score(base, head, policy=lowered).level == score(base, head).level
    assert score(base, head, policy=raised).level is Level.BLOCKED


def test_a_file_by_itself_is_judged_as_new(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import os\nos.system('ls')\n")
    (tmp_path / "b.py").write_text("def (:\n")
    (tmp_path / "c.py").write_text("x = 1\n")
    names = ["a.py", "b.py", "c.py"]
    reports = list(score_paths([tmp_path / name for name in names], Policy()))
    assert [report.level for report in reports] == [Level.MEDIUM, Level.BLOCKED, Level.LOW]


def test_hunks_alone_are_scored_and_say_so() -> None:
    patch = "--- a/x.py\n+++ b/x.py\n@@ -3,2 +3,3 @@ def f():\n     y = 1\n+    os.system(y)\n     return y\n"
    report = score_hunks(patch, Policy())
    assert report.context == "hunks"
    assert report.level is Level.MEDIUM
