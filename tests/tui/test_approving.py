from __future__ import annotations

import pytest
from textual.events import Key
from textual.widgets import Input, Static

from mai.console.screens import question
from mai.console.widgets.frame import FrameLine
from mai.proposal import Level, State
from mai.tui.widgets.prompt import Prompt
from tests.tui.console import _NAMES, PATIENCE_S, Console, Desktop, judge_again


async def test_a_then_y_lands_a_commit_with_the_decision_in_it(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.shows("ApprovalScreen")
        await console.answer("y")
        await console.hears("landed on main")
    message = desktop.workspace.git("log", "-1", "--format=%B")
    assert message.startswith("Divide by the count\n")
    assert f"Mai-Digest: {proposal.digest}" in message
    assert "Approved-by: terminal:" in message
    assert "len(xs)\n" in (desktop.workspace.repo.root / "calc/core.py").read_text()


@pytest.mark.parametrize("keys", ["aaaa", "y", "play away, my day", "ayyyyyy"])
async def test_what_was_not_meant_as_a_yes_is_none(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    """A key that is held, typed ahead, or part of words that were meant for the prompt."""
    rest_s = question.REST_S
    monkeypatch.setattr(question, "REST_S", PATIENCE_S)  # however slowly keys come on this machine
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("enter")
        await console.shows("ProposalScreen")
        await console.press("a")
        await console.shows("ApprovalScreen")
        await console.type(keys)
        assert type(console.app.screen).__name__ == "ApprovalScreen"
        if "y" in keys:
            problem = console.app.screen.query_one("#approval-problem", Static)
            assert "Press y once more" in str(problem.visual)
        assert desktop.state(proposal) is State.PENDING
        monkeypatch.setattr(question, "REST_S", rest_s)
        await console.answer("y")
        await console.hears("landed on main")
        await console.until(lambda: "landed" in _words(console, "#proposal-top"), "the new state")
        await console.shows("ProposalScreen")
        assert "already" not in console.transcript
    assert desktop.state(proposal) is State.LANDED


async def test_the_first_key_again_is_no_yes_however_late(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.shows("ApprovalScreen")
        await console.answer("a")
        assert type(console.app.screen).__name__ == "ApprovalScreen"
    assert desktop.state(proposal) is State.PENDING


async def test_words_typed_on_the_list_go_to_the_prompt(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        prompt = console.app.console_screen.query_one(Prompt)
        for letter in "/improve a day":  # at once, as a terminal passes on what was pasted
            console.app.post_message(Key(_NAMES.get(letter, letter), letter))
        await console.until(lambda: prompt.text.endswith("day"), "all of it")
        assert prompt.has_focus
        assert prompt.text == "/improve a day"
        assert type(console.app.screen).__name__ == "ConsoleScreen"
    assert desktop.state(proposal) is State.PENDING


async def test_a_question_stays_over_what_opens_late(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("r")
        await console.shows("LineScreen")
        console.app.open_proposal(proposal.id)
        await console.until(lambda: not console.app.desk.current, "it to be read")
        await console.press("escape")
        await console.shows("ConsoleScreen")
    assert desktop.state(proposal) is State.PENDING


@pytest.mark.parametrize("key", ["escape", "n", "q"])
async def test_leaving_the_question_lands_nothing(desktop: Desktop, key: str) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.shows("ApprovalScreen")
        await console.press(key)
        await console.shows("ConsoleScreen")
    assert desktop.state(proposal) is State.PENDING


async def test_enter_opens_it_and_a_lands_it_from_there(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("enter")
        await console.shows("ProposalScreen")
        await console.press("a")
        await console.shows("ApprovalScreen")
        await console.answer("y")
        await console.hears("landed on main")
        await console.until(lambda: "landed" in _words(console, "#proposal-top"), "the new state")
        await console.press("escape")
        await console.shows("ConsoleScreen")
    assert desktop.state(proposal) is State.LANDED


async def test_high_asks_for_the_digits_of_its_digest(desktop: Desktop) -> None:
    proposal = desktop.pending(level=Level.HIGH)
    digits = proposal.digest.removeprefix("sha256:")[:6]
    wrong = "000000" if digits != "000000" else "111111"
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.shows("ApprovalScreen")
        await console.press("y", "enter")
        assert type(console.app.screen).__name__ == "ApprovalScreen"
        console.app.screen.query_one("#digits", Input).value = ""
        await console.type(wrong)
        await console.press("enter")
        assert type(console.app.screen).__name__ == "ApprovalScreen"
        assert desktop.state(proposal) is State.PENDING
        await console.type(digits)
        await console.press("enter")
        await console.hears("landed on main")
    assert desktop.state(proposal) is State.LANDED


async def test_blocked_has_no_yes(desktop: Desktop) -> None:
    proposal = desktop.pending(level=Level.BLOCKED)
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.hears("is BLOCKED")
        assert type(console.app.screen).__name__ == "ConsoleScreen"
    assert desktop.state(proposal) is not State.LANDED


async def test_the_pin_is_asked_for(desktop: Desktop) -> None:
    desktop.set(MAI_APPROVAL_PIN="1357")
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.shows("ApprovalScreen")
        pin = console.app.screen.query_one("#pin", Input)
        assert pin.password
        await console.type("2468")
        await console.press("enter")
        assert desktop.state(proposal) is State.PENDING
        await console.type("1357")
        await console.press("enter")
        await console.hears("landed on main")
    assert "1357" not in desktop.workspace.git("log", "-1", "--format=%B")


async def test_high_with_a_pin_needs_both(desktop: Desktop) -> None:
    desktop.set(MAI_APPROVAL_PIN="1357")
    proposal = desktop.pending(level=Level.HIGH)
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.shows("ApprovalScreen")
        await console.type(proposal.digest.removeprefix("sha256:")[:6])
        await console.press("enter")
        assert desktop.state(proposal) is State.PENDING
        await console.type("1357")
        await console.press("enter")
        await console.hears("landed on main")


async def test_r_rejects_with_the_reason(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("r")
        await console.shows("LineScreen")
        await console.type("not now")
        await console.press("enter")
        await console.hears("was rejected")
    with desktop.core() as core:
        assert core.get(proposal.id).reason == "not now"


async def test_esc_leaves_the_reason_and_the_proposal(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("r")
        await console.shows("LineScreen")
        await console.press("escape")
        await console.shows("ConsoleScreen")
    assert desktop.state(proposal) is State.PENDING


async def test_what_was_answered_elsewhere_cannot_be_answered_here(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.shows("ApprovalScreen")
        with desktop.core() as core:
            core.reject(proposal.id, "from the phone", "discord:1")
        await console.answer("y")
        await console.hears("was rejected")
    assert desktop.state(proposal) is State.REJECTED


async def test_a_yes_to_what_was_changed_meanwhile_lands_nothing(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console() as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.shows("ApprovalScreen")
        with desktop.core() as core:
            judge_again(core, proposal.id)
        await console.answer("y")
        await console.until(
            lambda: "landed" in console.transcript or _sentence(console), "an answer"
        )
        assert "landed on" not in console.transcript
        await console.shows("ProposalScreen")
    assert desktop.state(proposal) is State.PENDING


async def test_approve_and_reject_as_commands(desktop: Desktop) -> None:
    one = desktop.pending()
    async with desktop.console() as console:
        await console.say(f"/approve {one.short_id} 000000")
        await console.hears("is not what")
        await console.say("/approve")
        await console.shows("ApprovalScreen")
        await console.press("escape")
        await console.say(f"/reject {one.short_id} too early")
        await console.hears("too early")
    assert desktop.state(one) is State.REJECTED


def _sentence(console: Console) -> bool:
    return any(word in console.transcript for word in ("changed", "digest", "shown"))


def _words(console: Console, selector: str) -> str:
    return console.app.screen.query_one(selector, FrameLine).words


async def test_a_low_screen_keeps_the_keys_in_sight_and_scrolls_the_rest(desktop: Desktop) -> None:
    proposal = desktop.pending()
    async with desktop.console(40, 12) as console:
        await console.chooses(proposal)
        await console.press("a")
        await console.shows("ApprovalScreen")
        card = console.app.screen.query_one("#approval")
        keys = console.app.screen.query_one("#approval-keys")
        await console.until(lambda: card.max_scroll_y > 0, "more than fits")
        assert card.region.contains_region(keys.region)
        await console.press("end")
        await console.until(lambda: card.scroll_y == card.max_scroll_y, "the last line")
        await console.press("escape")
        await console.shows("ConsoleScreen")
