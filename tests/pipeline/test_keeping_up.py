"""Following a branch: everything that waits is judged again, but answers go first."""

from __future__ import annotations

import pytest

from mai.core import Core, Submission
from mai.events import Event, ProposalChanged
from mai.proposal import State
from tests.surfaces.serving import core_of, new_file
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
                core.resume()
                seen.append(all(core.get(one).tip != tip for one in others))

        core.events.subscribe(hear)
        core.approve(first, core.get(first).digest, by="terminal:ana")
        assert seen == [True]
        core.resume()
        landed = workspace.git("rev-parse", "HEAD")
        assert [core.get(one).tip for one in others] == [landed, landed]
        assert {core.get(one).state for one in others} == {State.PENDING}
