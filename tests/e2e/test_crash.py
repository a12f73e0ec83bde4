"""SIGKILL at every boundary: the next start goes on, nothing is lost, nothing lands twice."""

from __future__ import annotations

import signal

import docker
import pytest

from tests.workspace import FIX, Workspace

pytestmark = pytest.mark.docker

STAGES = ("check", "assess", "trial", "review", "approve")
SUBMITTING = ["propose:recorded", *(f"{s}:{w}" for s in STAGES for w in ("done", "recorded"))]
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
