"""A base whose tests ran already, as a base or as what landed on it, is not run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from mai.core import Core, Submission
from mai.proposal import State
from tests.surfaces.serving import core_of, new_file
from tests.workspace import COMMENT, Workspace


def _runs(folder: Path) -> dict[str, int]:
    """Return the remembered runs; one that is made and remembered again has another inode."""
    return {path.name: path.stat().st_ino for path in folder.glob("*.json")}


def _tried(core: Core, patch: str, title: str) -> dict[str, int]:
    proposal = core.submit(Submission(patch, title, "It is missing."))
    assert proposal.state is State.PENDING
    core.approve(proposal.id, proposal.digest, by="terminal:ana")
    return _runs(core.settings.data_dir / "cache" / "trials")


@pytest.mark.docker
def test_what_landed_was_tried_already_when_it_is_the_base(workspace: Workspace) -> None:
    with core_of(workspace) as core:
        first = _tried(core, COMMENT, "Say what it does")
        second = _tried(core, new_file("calc/more.py"), "Add a file")
        assert len(first) == 2  # the base, and what landed on it
        assert len(second) == 3
        assert first.items() <= second.items()
        tests = new_file("tests/test_more.py", "def test_more():\n    assert True\n")
        third = _tried(core, tests, "Add a test")
        assert third == second  # a mixture of two trees is nobody's base
        fourth = _tried(core, new_file("calc/most.py"), "Add another")
        assert len(fourth) == len(third) + 2
