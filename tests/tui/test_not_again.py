"""What a person would not have is not proposed to them a second time."""

from __future__ import annotations

import pytest

from mai.proposal import Json
from mai.providers.reflex import ReflexProvider
from tests.tui.console import Desktop, pend

_LANDED: Json = {"commit": "a" * 40, "branch": "main"}


@pytest.mark.parametrize("end", ["rejected", "rolled_back"])
def test_an_improvement_refused_or_taken_back_stays_away(desktop: Desktop, end: str) -> None:
    flawed = {"calc/none.py": "def is_none(value):\n    return value == None\n"}
    desktop.workspace.repo.commit(flawed, "Flawed")
    with desktop.core() as core:
        repo = core.repo
        (draft,) = ReflexProvider().improve(
            repo.snapshot(repo.tip("main")), "calc/none.py", frozenset()
        )
        proposal = pend(core, draft.edits, title=draft.title, why=draft.why, fixed=())
        if end == "rejected":
            core.reject(proposal.id, "no", "terminal:ann")
        else:
            yes = {"by": "terminal:ann", "digest": proposal.digest}
            core.inbox.record(proposal.id, "approved", yes)
            core.inbox.record(proposal.id, "landed", _LANDED)
            core.inbox.record(proposal.id, "rolled_back", {"by_proposal": "b" * 12})
        assert list(core.improve(pattern="calc/none.py")) == []
