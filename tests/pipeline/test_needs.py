"""A base that needs more than a profile has gets room, within what the person allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mai.jobs import RunResult
from mai.pipeline.needs import Needs, fair, met, roomy
from mai.proposal import Level, Verdict
from mai.sandbox.limits import limits_at_most, limits_for
from mai.settings import load
from tests.gitrepo import Content
from tests.workspace import Workspace

LIMITS = limits_for(Level.MEDIUM, load())
MOST = limits_at_most(Level.MEDIUM, load())


def test_a_head_gets_a_multiple_of_what_the_base_took_and_no_less_than_its_profile() -> None:
    assert fair(LIMITS, RunResult(cpu_s=1), MOST) == LIMITS
    assert fair(LIMITS, RunResult(cpu_s=29), MOST).cpu_s == 87
    assert fair(LIMITS, RunResult(cpu_s=10_000), MOST).cpu_s == MOST.cpu_s


@pytest.mark.parametrize("limit", [Verdict.TIMEOUT, Verdict.OOM, Verdict.PIDS, Verdict.DISK])
def test_what_was_needed_is_remembered(tmp_path: Path, limit: Verdict) -> None:
    names = met(RunResult(limit=limit))
    wide = roomy(LIMITS, names, MOST)
    assert wide is not None
    assert roomy(wide, names, MOST) is None
    needs = Needs(tmp_path / "needs")
    assert needs.widened(LIMITS, MOST) == LIMITS
    run = RunResult(cpu_s=100, seconds=400, peak_memory_bytes=LIMITS.memory_bytes)
    needs.learn(names, wide, run)
    widened = Needs(tmp_path / "needs").widened(LIMITS, MOST)
    assert widened != LIMITS
    assert widened.tightened(LIMITS) == LIMITS
    assert widened.tightened(MOST) == widened


def test_what_the_person_set_is_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAI_LIMITS", '{"untrusted": {"cpu_s": 7}}')
    monkeypatch.setenv("MAI_LIMITS_AT_MOST", '{"pids": 60}')
    most = limits_at_most(Level.MEDIUM, load())
    assert (most.cpu_s, most.pids) == (7, 60)
    limits = replace(LIMITS, cpu_s=7, wall_s=most.wall_s)
    assert roomy(limits, met(RunResult(limit=Verdict.TIMEOUT)), most) is None


def test_what_tests_meet_however_much_room_they_get_is_not_tried_again(tmp_path: Path) -> None:
    run = RunResult(hits=frozenset({Verdict.TIMEOUT, Verdict.PIDS}))
    needs = Needs(tmp_path / "needs")
    assert needs.worth_trying(run) == {"test_s", "pids"}
    needs.give_up(["test_s"])
    assert needs.worth_trying(run) == {"pids"}
    assert needs.worth_trying(RunResult(limit=Verdict.TIMEOUT)) == {"cpu_s", "wall_s"}
    assert needs.widened(LIMITS, MOST) == LIMITS


LOUD: dict[str, Content] = {
    "app.py": "x = 1\n",
    "tests/test_app.py": (
        "import app\n\n\ndef test_loud():\n"
        '    for _ in range(90):\n        print("x" * 65_536)\n    assert app.x\n'
    ),
}
CHANGE = (
    '--- a/app.py\n+++ b/app.py\n@@ -1 +1,3 @@\n-x = 1\n+import os\n+os.system("true")\n+x = 2\n'
)


@pytest.mark.docker
def test_a_base_that_needs_more_is_measured_and_its_change_judged(tmp_path: Path) -> None:
    workspace = Workspace.make(tmp_path, LOUD)
    ran = workspace.submit(CHANGE)
    assert ran.code == 0, ran.err
    assert (ran.json["trial"]["verdict"], ran.json["trial"]["profile"]) == ("pass", "unknown")
    assert "with more room" in ran.err
    pinned = {"MAI_LIMITS": '{"unknown": {"output_mb": 4}}'}
    assert workspace.submit(CHANGE, environment=pinned).code == 6


LONG = """\
import time

import app


def test_long():
    assert app.x
    started = time.process_time()
    while time.process_time() - started < 2.8:
        pass


def test_quick():
    assert app.y
"""


@pytest.mark.docker
def test_a_test_that_takes_long_on_the_base_is_a_witness_all_the_same(tmp_path: Path) -> None:
    files: dict[str, Content] = {"app.py": "x = 1\ny = 1\n", "tests/test_app.py": LONG}
    patch = CHANGE.replace("+x = 2", "+x = 0").replace("@@ -1 +1,3 @@", "@@ -1,2 +1,4 @@")
    ran = Workspace.make(tmp_path, files).submit(f"{patch} y = 1\n")
    assert "Some met a limit: timeout." in ran.err
    trial = ran.json["trial"]
    assert (trial["verdict"], trial["broken"]) == ("fail", ["tests/test_app.py::test_long"])
