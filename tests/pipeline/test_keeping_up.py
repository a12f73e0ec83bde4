"""Following a branch: lazily, the likeliest first, and answers before everything."""

from __future__ import annotations

import contextlib

import pytest

from mai.core import Core, Submission
from mai.errors import StaleDigest
from mai.events import Event, ProposalChanged, StageStarted
from mai.proposal import Level, State
from tests.surfaces.serving import core_of, new_file, waiting
from tests.workspace import Workspace


def _submitted(core: Core, name: str) -> str:
    return core.submit(Submission(new_file(name), f"Add {name}", "It is missing.")).id


@pytest.mark.docker
def test_what_waits_is_not_judged_again_while_a_yes_is_carried_out(workspace: Workspace) -> None:
    with core_of(workspace) as core:
        first, *others = [_submitted(core, f"file{number}.py") for number in range(3)]
        workspace.repo.commit({"notes.md": "elsewhere\n"}, "Take notes")
        tip = workspace.git("rev-parse", "HEAD")
        seen: list[bool] = []

        def hear(event: Event) -> None:
            # In the middle of the yes: a console whose branch moved would catch up now.
            if isinstance(event, ProposalChanged) and event.proposal.state is State.APPROVED:
                core.resume(follow_branch=True)
                seen.append(all(core.get(one).tip != tip for one in others))

        core.events.subscribe(hear)
        core.approve(first, core.get(first).digest, by="terminal:ana")
        assert seen == [True]
        core.resume(follow_branch=True)
        landed = workspace.git("rev-parse", "HEAD")
        assert [core.get(one).tip for one in others] == [landed, landed]
        assert {core.get(one).state for one in others} == {State.PENDING}


def _trials(core: Core) -> list[str]:
    """Return a list that grows by a proposal's id with each trial that this core begins."""
    begun: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == "trial":
            begun.append(event.proposal_id)

    core.events.subscribe(hear)
    return begun


@pytest.mark.docker
def test_landing_one_of_many_costs_at_most_two_trials(workspace: Workspace) -> None:
    with core_of(workspace) as core:
        first, second, *others = [
            waiting(core, new_file(f"file{number}.py"), f"Add {number}") for number in range(12)
        ]
        trials = _trials(core)
        core.approve(first.id, first.digest, by="terminal:ana")
        core.resume()
        for _ in range(3):  # as a console or a `mai serve` does every two seconds
            core.look_ahead()
        assert len(trials) == 1
        trials.clear()
        with contextlib.suppress(StaleDigest):  # the verdict that was given is not the real one
            core.approve(second.id, second.digest, by="terminal:ana")
        landed = core.approve(second.id, core.get(second.id).digest, by="terminal:ana")
        assert landed.state is State.LANDED
        core.look_ahead()
        assert len(trials) <= 2
        late = core.outdated(core.inbox.pending())
        assert len(late) == len(others) - 1
        assert {one.state for one in core.inbox.pending()} == {State.PENDING}


@pytest.mark.docker
def test_the_likeliest_to_be_approved_is_judged_first(workspace: Workspace) -> None:
    with core_of(workspace) as core:
        waiting(core, new_file("high.py"), risk=Level.HIGH)
        low = waiting(core, new_file("low.py"))
        waiting(core, new_file("medium.py"), risk=Level.MEDIUM)
        workspace.repo.commit({"notes.md": "elsewhere\n"}, "Take notes")
        trials = _trials(core)
        judged = core.look_ahead()
        assert judged is not None
        assert trials == [judged.id] == [low.id]
        assert core.look_ahead() is None
        assert trials == [low.id]


def test_what_only_looks_begins_no_work(workspace: Workspace) -> None:
    with core_of(workspace) as core:
        late = waiting(core, new_file("one.py"))
        core.inbox.record("f" * 12, "proposed", _proposed("f" * 12, late.tip))
        workspace.repo.commit({"notes.md": "elsewhere\n"}, "Take notes")
        entries = len(list(core.export()))
    listed = workspace.mai("pending", "--json")
    assert [(one["id"], one["outdated"]) for one in listed.json["proposals"]] == [(late.id, True)]
    assert "ffff is not finished" in listed.err
    assert f"◌ {late.id}  outdated" in workspace.mai("pending").out
    assert "◌ outdated: main moved" in workspace.mai("show", late.id).out
    assert workspace.mai("show", late.id, "--json").json["outdated"] is True
    for command in ("history", "audit verify", "memory stats", "config", "doctor"):
        workspace.mai(*command.split(), "--json")
    with core_of(workspace) as core:
        assert len(list(core.export())) == entries


def _proposed(proposal_id: str, commit: str) -> dict[str, object]:
    told = {"id": proposal_id, "title": "Left", "why": "", "branch": "main", "author": "x"}
    return {**told, "base": commit, "commit": commit, "tree": commit, "files": []}


def test_what_an_earlier_mai_asked_about_is_asked_again(workspace: Workspace) -> None:
    """Its digest covered less than what is shown, so a yes to it is void and says why."""
    with core_of(workspace) as core:
        asked = waiting(core, new_file("file.py"))
        before = {"digest": "sha256:" + "ab" * 32, "expires_at": asked.expires_at}
        core.inbox.record(asked.id, "pending", before)
        tip = workspace.git("rev-parse", "HEAD")
        with pytest.raises(StaleDigest):
            core.approve(asked.id, "ab" * 32, by="terminal:ana")
        assert workspace.git("rev-parse", "HEAD") == tip
        assert core.get(asked.id) == asked
        core.inbox.record(asked.id, "pending", before)
        assert core.refresh(asked.id) == asked
        assert core.approve(asked.id, asked.digest, by="terminal:ana").state is State.LANDED
