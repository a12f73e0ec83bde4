"""Application commands, the status message, and what a pause means."""

from __future__ import annotations

import json

import pytest

from mai.core import Core
from mai.proposal import Level, State
from tests.servers.discord import OWNER, STATUS, STRANGER, DiscordServer
from tests.surfaces.serving import Serving, new_file, until, waiting
from tests.workspace import FIX

NAMES = {
    *("status", "pending", "show", "history", "rollback", "pause", "resume", "models", "doctor"),
    *("change", "improve"),
}


def _asked(server: DiscordServer, name: str, **options: str) -> str:
    """Let the owner use a command and return the whole answer."""
    server.until(lambda: server.rest.commands and server.gateway.identified, "the commands")
    used = server.commands(OWNER, name, **options)
    server.until(lambda: any(server.answers_to(used)), f"an answer to /{name}")
    return "\n".join(server.answers_to(used))


def test_the_commands_are_made_known_and_answer(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX, "Divide by the count", risk=Level.MEDIUM)
    serving.environment["MAI_PROVIDER"] = "reflex"
    serving.start()
    card = serving.card_of(proposal)
    assert {one["name"] for one in server.rest.commands} == NAMES
    assert "1 waits for you" in _asked(server, "status")
    listed = _asked(server, "pending")
    assert f"`{proposal.short_id}`" in listed
    assert "▲ MEDIUM" in listed
    assert "Divide by the count" in _asked(server, "show", id=proposal.short_id)
    assert "There is no proposal" in _asked(server, "show", id="ffffffffffff")
    assert "Nothing has landed yet." in _asked(server, "history")
    assert "reflex" in _asked(server, "models")
    assert "**git**" in _asked(server, "doctor")
    server.reacts(OWNER, card.id, "👍")
    until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")
    assert "Divide by the count" in _asked(server, "history")


def test_what_is_shown_on_demand_has_nothing_to_press(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    serving.card_of(proposal)
    used = server.commands(OWNER, "show", id=proposal.short_id)
    server.until(lambda: any(server.answers_to(used)), "an answer")
    assert not any(one.get("components") for one in server.rest.answered[used])


def test_the_plan_of_a_task_is_shown_before_its_code_is_written(
    serving: Serving, server: DiscordServer
) -> None:
    steps = [{"path": "calc/core.py", "what": "divide by len(xs), <@1> says"}]
    plan = {"title": "Divide by the count", "why": "It is one too low.", "steps": steps}
    transcript = serving.workspace.folder / "transcript.jsonl"
    transcript.write_text(json.dumps({"text": json.dumps(plan)}) + "\n")
    serving.environment |= {"MAI_PROVIDER": "scripted", "MAI_TRANSCRIPT": str(transcript)}
    serving.start()
    server.until(lambda: server.rest.commands and server.gateway.identified, "the commands")
    used = server.commands(OWNER, "change", task="Mend the mean.")

    def told() -> list[str]:
        return [text for text in server.answers_to(used) if text]

    server.until(lambda: len(told()) > 1, "a plan and an end")
    shown, end = told()
    assert shown.startswith("I plan this:\nTitle: Divide by the count\n")
    assert "- calc/core.py: divide by len(xs)" in shown
    assert "<@1>" not in shown
    assert "The transcript is at its end" in end


def test_a_stranger_gets_nothing_done_by_a_command(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    serving.card_of(proposal)
    used = server.commands(STRANGER, "pause")
    server.until(lambda: server.answers_to(used), "a refusal")
    assert "somebody else" in server.answers_to(used)[0]
    assert core.cards.fact("paused") == ""


def test_paused_nothing_lands_and_a_no_still_counts(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    kept, refused = waiting(core, FIX, "Kept"), waiting(core, new_file("a.py"), "Refused")
    serving.start()
    yes, no = serving.card_of(kept), serving.card_of(refused)
    assert "Paused" in _asked(server, "pause")
    server.reacts(OWNER, yes.id, "👍")
    server.until(lambda: server.posted_by_mai("I am paused"), "a word about it")
    server.reacts(OWNER, no.id, "👎")
    serving.until_shown(no, "Refused")
    assert core.get(kept.id).state is State.PENDING
    serving.kill()
    serving.start()
    until(lambda: serving.log.count("connected") == 2, "a connection")
    assert core.cards.fact("paused") == "yes"
    assert core.get(kept.id).state is State.PENDING
    assert "I go on" in _asked(server, "resume")
    serving.until_shown(yes, "Landed on")


@pytest.mark.docker
def test_what_landed_is_taken_back_by_a_proposal_like_any_other(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX, "Divide by the count")
    serving.start()
    card = serving.card_of(proposal)
    assert "There is no proposal" in _asked(server, "rollback", id="ffff")
    server.reacts(OWNER, card.id, "👍")
    serving.until_shown(card, "Landed on")
    assert "waits for you: see its card" in _asked(server, "rollback", id=proposal.short_id)
    back = core.inbox.pending()[0]
    assert back.rolls_back == proposal.id
    second = serving.card_of(back)
    server.reacts(OWNER, second.id, "👍")
    if back.level >= Level.HIGH:
        question = server.until(lambda: server.posted_by_mai("If you mean it"), "the question")[0]
        serving.says(back.digest.removeprefix("sha256:")[:6], reply_to=question.id)
    serving.until_shown(second, "Landed on")
    serving.until_shown(card, "taken back")


def test_one_message_in_a_channel_says_how_things_stand(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    waiting(core, FIX, "Divide by the count")
    serving.environment["MAI_DISCORD_STATUS_CHANNEL"] = str(STATUS)
    serving.start()
    server.until(
        lambda: [one for one in server.posted_by_mai("1 waits for you") if one.channel == STATUS],
        "the status",
    )
    serving.kill()
    waiting(core, new_file("a.py"), "Another")
    serving.start()
    server.until(lambda: server.posted_by_mai("2 wait for you"), "the status, brought up to date")
    assert len([one for one in server.posted_by_mai() if one.channel == STATUS]) == 1
