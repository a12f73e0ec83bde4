"""SIGKILL at every boundary: the next start goes on, nothing is lost, nothing lands twice."""

from __future__ import annotations

import json
import signal
from typing import Any

import docker
import pytest

from tests.workspace import CALC, COMMENT, FIX, Workspace

pytestmark = pytest.mark.docker

STAGES = ("check", "assess", "trial", "review", "approve")
SUBMITTING = [
    "ledger:committed#1",
    "propose:recorded",
    *(f"{s}:{w}" for s in STAGES for w in ("done", "recorded")),
]
LANDING = [
    "land:planned",
    "landing:prepared",
    "landing:index-locked",
    "landing:ref-moved",
    "landing:file-written",
    "landing:files-written",
    "landing:index-written",
    "land:executed",
    "land:done",
    "land:recorded",
]


@pytest.mark.parametrize("point", SUBMITTING)
def test_a_kill_while_judging_loses_nothing(workspace: Workspace, point: str) -> None:
    killed = workspace.submit(FIX, environment={"MAI_CRASH_AT": point})
    assert killed.code == -signal.SIGKILL
    waiting = workspace.mai("pending", "--refresh", "--json").json["proposals"]
    assert [one["title"] for one in waiting] == ["Change calc/core.py"]
    assert waiting[0]["trial"]["fixed"] == ["tests/test_core.py::test_mean"]
    commit = workspace.git("rev-parse", f"refs/mai/proposals/{waiting[0]['id']}")
    assert commit == waiting[0]["commit"]
    assert workspace.approve(waiting[0]).code == 0
    assert workspace.mai("audit", "verify", "--json").json["ok"] is True


#: Where each of these writes something down: its beginning, a stage in the middle, its end.
JUDGING = ["ledger:written#1", "trial:done", "approve:recorded"]


def what_waits(workspace: Workspace) -> list[dict[str, Any]]:
    """Let the next start finish what the killed one left, and return what waits then."""
    found = workspace.mai("pending", "--refresh", "--json")
    assert found.code == 0, found.err
    waiting: list[dict[str, Any]] = found.json["proposals"]
    refs = workspace.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/mai/proposals")
    assert {one["id"] for one in waiting} <= set(refs.split())
    assert workspace.mai("audit", "verify", "--json").json["ok"] is True
    return waiting


@pytest.mark.parametrize("point", ["propose:recorded", *JUDGING])
def test_a_kill_while_improving_loses_no_idea_that_was_written_down(
    workspace: Workspace, point: str
) -> None:
    transcript = workspace.folder / "transcript.jsonl"
    code = CALC["calc/core.py"].replace("(len(xs) - 1)", "len(xs)")
    idea = f"Title: Divide\nWhy: It is wrong.\n\ncalc/core.py\n```python\n{code}```\n"
    transcript.write_text(json.dumps({"text": idea}) + "\n")
    scripted = {
        "MAI_PROVIDER": "scripted",
        "MAI_TRANSCRIPT": str(transcript),
        "MAI_REVIEWER": "none",
    }
    arguments = ("improve", "--path", "calc/core.py", "--json")
    killed = workspace.mai(*arguments, environment={**scripted, "MAI_CRASH_AT": point})
    assert killed.code == -signal.SIGKILL, killed.err
    titles = [one["title"] for one in what_waits(workspace)]
    assert titles == ([] if point == "ledger:written#1" else ["Divide"])


@pytest.mark.parametrize("point", ["propose:recorded", *JUDGING])
def test_a_kill_while_a_rollback_is_judged_takes_back_nothing_twice(
    workspace: Workspace, point: str
) -> None:
    landed = workspace.submit(COMMENT).json
    assert workspace.approve(landed).code == 0
    head = workspace.repo.head()
    killed = workspace.mai("rollback", landed["id"], environment={"MAI_CRASH_AT": point})
    assert killed.code == -signal.SIGKILL
    waiting = what_waits(workspace)
    if point == "ledger:written#1":
        assert waiting == []
        assert workspace.mai("rollback", landed["id"], "--json").code == 0
        waiting = what_waits(workspace)
    assert [one["rolls_back"] for one in waiting] == [landed["id"]]
    assert workspace.repo.head() == head
    assert workspace.approve(waiting[0]).code == 0
    assert workspace.mai("show", landed["id"], "--json").json["state"] == "rolled_back"
    assert (workspace.repo.root / "README.md").read_text() == CALC["README.md"]


@pytest.mark.parametrize("point", ["ledger:committed#1", *JUDGING])
def test_a_kill_while_judging_again_keeps_the_question(workspace: Workspace, point: str) -> None:
    proposal = workspace.submit(COMMENT).json
    workspace.repo.commit({"by-hand.md": "x\n"}, "By hand")
    killed = workspace.mai("pending", "--refresh", environment={"MAI_CRASH_AT": point})
    assert killed.code == -signal.SIGKILL
    (waiting,) = what_waits(workspace)
    assert (waiting["id"], waiting["tip"]) == (proposal["id"], workspace.repo.head())
    assert waiting["digest"] == proposal["digest"]
    assert workspace.approve(waiting).code == 0


@pytest.mark.parametrize("point", LANDING)
def test_a_kill_while_landing_lands_it_once(workspace: Workspace, point: str) -> None:
    before = workspace.repo.head()
    proposal = workspace.submit(FIX).json
    killed = workspace.approve(proposal, environment={"MAI_CRASH_AT": point})
    assert killed.code == -signal.SIGKILL
    assert workspace.mai("pending", "--refresh", "--json").code == 0
    (landed,) = workspace.mai("history", "--json").json["history"]
    assert landed["id"] == proposal["id"]
    assert workspace.repo.head() == landed["landed"]["commit"]
    assert workspace.git("rev-list", "--count", f"{before}..HEAD") == "1"
    assert workspace.git("status", "--porcelain") == ""
    assert "len(xs)\n" in (workspace.repo.root / "calc/core.py").read_text()
    assert workspace.git("fsck", "--strict", "--no-dangling") == ""
    assert not (workspace.repo.root / ".git/index.lock").exists()
    assert workspace.mai("audit", "verify", "--json").json["ok"] is True
    assert workspace.mai("pending", "--json").json["proposals"] == []


def test_a_landing_that_the_person_reset_away_is_not_repeated(workspace: Workspace) -> None:
    before = workspace.repo.head()
    proposal = workspace.submit(FIX).json
    workspace.approve(proposal, environment={"MAI_CRASH_AT": "land:executed"})
    workspace.git("reset", "--quiet", "--hard", before)
    assert workspace.mai("pending", "--refresh").code == 0
    (landed,) = workspace.mai("history", "--json").json["history"]
    assert landed["state"] == "landed"
    assert workspace.repo.head() == before


def test_a_kill_in_the_middle_of_a_trial_leaves_no_container(workspace: Workspace) -> None:
    slow = workspace.repo.commit(
        {"tests/test_slow.py": "import time\n\ndef test_slow():\n    time.sleep(3)\n"}, "Slow"
    )
    assert slow
    process = workspace.start("submit", "-", "--json")
    assert process.stdin is not None
    process.stdin.write(FIX.encode())
    process.stdin.close()
    client = docker.from_env()
    try:
        mine: dict[str, str | bool | list[str]] = {"label": f"mai.owner={process.pid}"}
        while not client.containers.list(filters=mine):
            assert process.poll() is None
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
        listed = workspace.mai("pending", "--refresh", "--json").json["proposals"]
        assert listed[0]["state"] == "pending"
        assert client.containers.list(all=True, filters=mine) == []
    finally:
        client.close()
