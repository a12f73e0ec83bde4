"""A plan in the console: shown before code is written, changed, refused; words on the way."""

from __future__ import annotations

import json

import pytest
from textual.widgets import TextArea

from mai.console.screens import question
from tests.e2e.test_tasks import CODE, FINE, PLAN
from tests.tui.console import PATIENCE_S, Desktop


def plays(desktop: Desktop, *answers: object) -> None:
    path = desktop.workspace.folder / "transcript.jsonl"
    texts = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    desktop.set(MAI_PROVIDER="scripted", MAI_TRANSCRIPT=str(path))


@pytest.mark.parametrize("key", ["n", "escape"])
async def test_no_to_a_plan_stops_the_change(desktop: Desktop, key: str) -> None:
    plays(desktop, PLAN, CODE)
    async with desktop.console() as console:
        await console.say("/change fix the mean")
        await console.shows("PlanScreen")
        area = console.app.screen.query_one(TextArea)
        assert "- calc/core.py: divide by the count" in area.text
        await console.answer(key)
        await console.hears("Stopped.")
        assert console.app.board.proposals == {}


async def test_leaving_with_a_plan_open_writes_nothing(desktop: Desktop) -> None:
    plays(desktop, PLAN, CODE)
    async with desktop.console() as console:
        await console.say("/change fix the mean")
        await console.shows("PlanScreen")
    with desktop.core() as core:
        assert core.inbox.all() == []


async def test_there_is_nothing_to_steer_before_a_change(desktop: Desktop) -> None:
    async with desktop.console() as console:
        await console.say("/steer keep the name")
        await console.hears("No change is under way")


@pytest.mark.docker
async def test_a_plan_is_changed_steered_and_carried_out(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays(desktop, PLAN, CODE, FINE)
    async with desktop.console() as console:
        await console.say("/change fix the mean")
        await console.shows("PlanScreen")
        with monkeypatch.context() as busy:
            busy.setattr(question, "REST_S", PATIENCE_S)
            await console.press(*"yen")  # of a word that was being typed when the plan came
        assert type(console.app.screen).__name__ == "PlanScreen"
        assert console.app.screen.query_one(TextArea).read_only
        await console.answer("e")
        area = console.app.screen.query_one(TextArea)
        area.text = "nothing of a plan"
        await console.press("ctrl+s")
        await console.pilot.pause()
        assert type(console.app.screen).__name__ == "PlanScreen"
        area.text = "Title: Mend the mean\n- calc/core.py: divide by the count\n"
        console.app._handlers._steering.say("Keep the name.")  # type: ignore[union-attr]  # a change is under way
        await console.press("ctrl+s")
        await console.hears("waits for you")
        (proposal,) = console.app.board.proposals.values()
        assert proposal.title == "Mend the mean"
    with desktop.core() as core:
        story = [row for row in core.export() if row["kind"] == "task_steered"]
        assert story[0]["data"]["said"] == ["Keep the name."]
