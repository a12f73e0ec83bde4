from __future__ import annotations

from pathlib import Path

import pytest

from mai.proposal import State
from tests.tui.console import Desktop
from tests.workspace import BREAK, FIX

pytestmark = pytest.mark.docker


def patch(desktop: Desktop, text: str) -> Path:
    path = desktop.workspace.folder / "change.patch"
    path.write_text(text)
    return path


async def test_a_patch_goes_all_the_way(desktop: Desktop) -> None:
    path = patch(desktop, FIX)
    async with desktop.console() as console:
        await console.say(f"/submit {path}")
        await console.hears("waits for you")
        assert "trial · ✓ 1 fixed, 0 broken" in console.transcript
        await console.say("/approve")
        await console.shows("ApprovalScreen")
        await console.answer("y")
        await console.hears("landed on main")
        await console.say("/rollback")
        await console.hears("It lacks something")
        (landed,) = console.app.board.proposals
        await console.say(f"/rollback {landed[:6]}")
        await console.until(lambda: console.transcript.count("waits for you") > 1, "the way back")
    assert "Mai-Trial: pass; fixed=1" in desktop.workspace.git("log", "-1", "--format=%B")


async def test_a_patch_that_breaks_a_test_ends_with_the_reason(desktop: Desktop) -> None:
    path = patch(desktop, BREAK)
    async with desktop.console() as console:
        await console.say(f"/submit {path}")
        await console.hears("test_double")
        (proposal,) = console.app.board.proposals.values()
        assert proposal.state is State.FAILED


async def test_esc_stops_a_trial(desktop: Desktop) -> None:
    desktop.workspace.repo.commit(
        {"tests/test_slow.py": "import time\n\n\ndef test_slow():\n    time.sleep(600)\n"}, "Slow"
    )
    path = patch(desktop, FIX)
    async with desktop.console() as console:
        await console.say(f"/submit {path}")
        await console.until(
            lambda: any(one.stage == "trial" for one in console.app.board.progress.values()),
            "the trial",
        )
        await console.press("escape")
        await console.hears("Stopped.")
        (proposal,) = console.app.board.proposals.values()
    assert desktop.state(proposal) is State.WITHDRAWN


async def test_improving_works_on_reflexes(desktop: Desktop) -> None:
    desktop.workspace.repo.commit({"calc/none.py": "def f(x):\n    return x == None\n"}, "Fault")
    async with desktop.console() as console:
        await console.say("/improve 1 calc/*.py")
        await console.hears("waits for you")
