"""SIGKILL between two steps of one fact: afterwards it is whole, or it never happened.

The verdicts are given and not found, so that no engine is needed: what lands is real.
"""

from __future__ import annotations

import signal
from dataclasses import asdict
from typing import Any

import pytest

from mai.events import Cancel
from mai.pipeline.run import run
from mai.proposal import State
from tests.e2e.test_crash import LANDING
from tests.surfaces.serving import core_of, new_file, taking_back, waiting
from tests.workspace import Workspace


def landed_and_taken_back(workspace: Workspace) -> tuple[str, dict[str, Any]]:
    """Land a proposal; return its id, and what takes it back as `submit` would answer it."""
    with core_of(workspace) as core:
        landed = waiting(core, new_file("added.py"))
        core.approve(landed.id, landed.digest, by="terminal:ana")
        return landed.id, taking_back(core, core.get(landed.id)).as_json()


ANSWERING = ["ledger:written", "ledger:committed"]


@pytest.mark.parametrize("point", ANSWERING)
@pytest.mark.parametrize(
    ("command", "state"), [("reject", State.REJECTED), ("withdraw", State.WITHDRAWN)]
)
def test_a_kill_while_saying_no_says_it_or_not(
    workspace: Workspace, command: str, state: State, point: str
) -> None:
    with core_of(workspace) as core:
        proposal = waiting(core, new_file("added.py"))
    killed = workspace.mai(command, proposal.id, environment={"MAI_CRASH_AT": point})
    assert killed.code == -signal.SIGKILL
    with core_of(workspace) as core:
        core.resume()
        is_said = point == "ledger:committed"
        assert core.get(proposal.id).state is (state if is_said else State.PENDING)
        assert core.verify().ok
    again = workspace.mai(command, proposal.id)
    assert again.code == (7 if is_said else 0), again.err


@pytest.mark.parametrize("point", [*(f"ledger:written#{n}" for n in (1, 2, 3)), *ANSWERING])
def test_a_kill_while_a_yes_is_written_down_lands_it_once_or_asks_again(
    workspace: Workspace, point: str
) -> None:
    with core_of(workspace) as core:
        proposal = waiting(core, new_file("added.py"))
    before = workspace.repo.head()
    killed = workspace.approve(proposal.as_json(), environment={"MAI_CRASH_AT": point})
    assert killed.code == -signal.SIGKILL
    with core_of(workspace) as core:
        core.resume()
        if core.get(proposal.id).state is State.PENDING:  # the yes never counted
            assert point in {"ledger:written", "ledger:written#1"}
            assert workspace.repo.head() == before
            core.approve(proposal.id, proposal.digest, by="terminal:ana")
        assert core.get(proposal.id).state is State.LANDED
        assert core.verify().ok
    assert workspace.git("rev-list", "--count", f"{before}..HEAD") == "1"
    assert workspace.git("status", "--porcelain") == ""


#: The landing and what it takes back are the third and the fourth entry, in one transaction.
TAKING_BACK = ["ledger:committed", "ledger:written#3", "ledger:written#4", *LANDING]


@pytest.mark.parametrize("point", TAKING_BACK)
def test_a_kill_while_taking_back_takes_back_once(workspace: Workspace, point: str) -> None:
    original, reverse = landed_and_taken_back(workspace)
    before = workspace.repo.head()
    killed = workspace.approve(reverse, environment={"MAI_CRASH_AT": point})
    assert killed.code == -signal.SIGKILL
    with core_of(workspace) as core:
        core.resume()
        states = {one.id: one.state for one in core.history()}
        assert states == {original: State.ROLLED_BACK, reverse["id"]: State.LANDED}
        assert core.verify().ok
    assert workspace.git("rev-list", "--count", f"{before}..HEAD") == "1"
    assert not (workspace.repo.root / "added.py").exists()


def test_what_an_earlier_version_left_half_taken_back_is_finished(workspace: Workspace) -> None:
    with core_of(workspace) as core:
        landed = waiting(core, new_file("added.py"))
        core.approve(landed.id, landed.digest, by="terminal:ana")
        reverse = taking_back(core, core.get(landed.id))
        core.inbox._take_back = lambda landed: []  # type: ignore[method-assign] # noqa: ARG005
        core.approve(reverse.id, reverse.digest, by="terminal:ana")
        assert core.get(landed.id).state is State.LANDED
    with core_of(workspace) as core:
        assert [one.id for one in core.resume()] == [landed.id]
        assert core.get(landed.id).state is State.ROLLED_BACK
        assert core.resume() == []


def test_a_yes_to_the_same_digest_outlives_a_kill_while_it_is_judged_again(
    workspace: Workspace,
) -> None:
    with core_of(workspace) as core:
        proposal = waiting(core, new_file("added.py"))
        core.inbox.approve(proposal.id, proposal.digest, by="terminal:ana")
        # The branch moved, and the process died before the proposal was judged on its tip.
        files = [asdict(change) for change in proposal.files]
        moved = {"tip": proposal.tip, "tree": proposal.tree, "files": files}
        core.inbox.record(proposal.id, "moved", moved)
        for kind in ("checked", "assessed", "tried", "reviewed"):
            entry = core.inbox.last(proposal.id, kind)
            assert entry is not None
            core.inbox.record(proposal.id, kind, entry.data)
        landed = run(core.get(proposal.id), core._services, Cancel())
        assert landed.state is State.LANDED
        assert landed.approval is not None
        assert landed.approval.by == "terminal:ana"


def test_what_is_recorded_is_answered_with_its_id(workspace: Workspace) -> None:
    """The ref that keeps the commit cannot be made: the proposal is on record all the same."""
    refs = workspace.repo.root / ".git" / "refs" / "mai"
    refs.parent.mkdir(exist_ok=True)
    refs.write_text("in the way\n")
    ran = workspace.submit(new_file("added.py"))
    assert ran.code == 1, ran.out + ran.err
    assert ran.json["error"] is not None
    assert ran.json["state"] == "proposed"
    refs.unlink()
    with core_of(workspace) as core:
        (kept,) = core.inbox.all()
        assert ran.json["id"] == kept.id
