"""What would go wrong the same way each time is an end, with its reason; what may pass is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mai.core import Core, Submission
from mai.errors import SettingsError, Undecided
from mai.events import Cancel, Event, Said
from mai.pipeline.keeping_up import resume
from mai.pipeline.propose import new_id, propose
from mai.pipeline.run import run
from mai.pipeline.services import Services
from mai.proposal import Proposal, State, Verdict
from mai.protocols import Sandbox
from tests.surfaces.serving import core_of
from tests.workspace import COMMENT, Workspace

SUBMISSION = Submission(COMMENT, "Say what it does", "It is missing.")


def failing_with(core: Core, error: Exception) -> Services:
    """Return the core's services with an engine room that fails."""

    def sandbox() -> Sandbox:
        raise error

    return replace(core._services, sandbox=sandbox)


def proposed(core: Core) -> Proposal:
    return propose(SUBMISSION, core._services, new_id())


def test_a_fault_in_a_stage_ends_the_proposal_and_not_every_later_command(
    workspace: Workspace,
) -> None:
    with core_of(workspace) as core:
        services = failing_with(core, KeyError("what nobody thought of"))
        ended = run(proposed(core), services, Cancel())
        assert ended.state is State.FAILED
        assert ended.error is not None
        assert ended.error.code == "internal"
        assert "at trial" in ended.error.message
        assert "what nobody thought of" in ended.error.message
        assert resume(services, Cancel(), follow_branch=True) == []


@pytest.mark.parametrize(
    "error", [Undecided("It was killed."), OSError(28, "No space left on device"), MemoryError()]
)
def test_what_may_pass_keeps_the_proposal(workspace: Workspace, error: Exception) -> None:
    said: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Said) and event.is_problem:
            said.append(event.text)

    with core_of(workspace) as core:
        core.events.subscribe(hear)
        services = failing_with(core, error)
        proposal = proposed(core)
        with pytest.raises(type(error)):
            run(proposal, services, Cancel())
        assert core.get(proposal.id).state is State.ASSESSED
        assert resume(services, Cancel(), follow_branch=True) == []
        assert len(said) == 1
        assert core.get(proposal.id).state is State.ASSESSED


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("limits = { memory = 5 }", "no limit memory"),
        ("limits = { cpu_s = -1 }", "cpu_s cannot be -1"),
        ('test_command = "pytest \'x"', "test_command"),
    ],
)
def test_a_mai_toml_that_no_trial_can_use_is_refused_before_there_is_a_proposal(
    workspace: Workspace, line: str, words: str
) -> None:
    workspace.repo.commit({"mai.toml": f"{line}\n"}, "Set")
    with core_of(workspace) as core:
        with pytest.raises(SettingsError, match=words):
            core.submit(SUBMISSION)
        assert core.inbox.all() == []


@pytest.mark.docker
def test_a_tree_that_no_container_can_hold_ends_the_proposal(workspace: Workspace) -> None:
    blob = workspace.git("hash-object", "-w", "README.md")
    long = "n" * 300 + ".txt"
    workspace.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{long}")
    workspace.git("commit", "-qm", "Long")
    with core_of(workspace) as core:
        ended = core.submit(SUBMISSION)
        assert ended.state is State.FAILED
        assert ended.error is not None
        assert ended.error.code == "trial"
        assert "too long" in ended.error.message
        assert core.resume() == []


@pytest.mark.docker
def test_links_that_lead_out_of_the_tree_are_left_out_and_named(workspace: Workspace) -> None:
    folder = workspace.repo.root / "docs"
    folder.mkdir()
    (folder / "latest").symlink_to("../../elsewhere")
    (folder / "python").symlink_to("/usr/bin/python3")
    (folder / "core.py").symlink_to("gone/../../calc/core.py")
    workspace.git("add", "-A")
    workspace.git("commit", "-qm", "Link")
    with core_of(workspace) as core:
        tried = core.submit(SUBMISSION)
        assert tried.trial is not None
        assert (tried.state, tried.trial.verdict) == (State.PENDING, Verdict.PASS)
        assert tried.trial.message == (
            "Left out: docs/latest, docs/python, links that lead out of the tree."
        )
        again = core.submit(replace(SUBMISSION, title="Say it again"))
        assert again.trial is not None
        assert again.trial.message == tried.trial.message  # also where the base's run is remembered
