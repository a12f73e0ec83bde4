"""A yes can be taken back for a while, has an echo at once, and nothing that was said is lost."""

from __future__ import annotations

import asyncio

import pytest

from mai.core import Core
from mai.proposal import State
from mai.surfaces.discord import keyed, surface
from mai.surfaces.discord.keyed import Keyed
from mai.surfaces.discord.reach import Kind, Trouble, box_for
from mai.surfaces.host import Host
from tests.servers.discord import GENERAL, OWNER, DiscordServer, How
from tests.surfaces.serving import Serving, hosting, new_file, until, waiting
from tests.workspace import FIX

LONG = "600"


def said_below(server: DiscordServer, card: int, text: str) -> bool:
    return any(one.reply_to == card and text in one.text for one in server.posted_by_mai())


@pytest.mark.parametrize("how", ["taken back", "no beside it"])
def test_a_yes_is_echoed_at_once_and_can_be_undone(
    serving: Serving, server: DiscordServer, core: Core, how: str
) -> None:
    serving.environment = {"MAI_DISCORD_UNDO_S": LONG}
    first, second = waiting(core, FIX), waiting(core, new_file("b.py"), "Another")
    with hosting(serving):
        card, other = serving.card_of(first), serving.card_of(second)
        server.reacts(OWNER, card.id, "👍")
        until(lambda: said_below(server, card.id, "Heard."), "an echo")
        server.reacts(OWNER, other.id, "👍")
        until(lambda: said_below(server, other.id, "Heard, second in line."), "a place in line")
        assert core.get(first.id).state is State.PENDING
        if how == "taken back":
            server.unreacts(OWNER, card.id, "👍")
            until(lambda: said_below(server, card.id, "Taken back."), "a word of it")
            assert core.get(first.id).state is State.PENDING
        else:
            server.reacts(OWNER, card.id, "👎")
            until(lambda: core.get(first.id).state is State.REJECTED, "a refusal")
    assert core.get(second.id).state is State.PENDING
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "1"


def test_a_yes_lands_once_its_time_is_over(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    serving.environment = {"MAI_DISCORD_UNDO_S": "1"}
    proposal = waiting(core, FIX)
    with hosting(serving):
        card = serving.card_of(proposal)
        server.clicks(OWNER, card.id, card.buttons[0])
        until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")
    assert said_below(server, card.id, "within 1 s, undoes it")


def test_a_lost_question_is_asked_again(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    with hosting(serving):
        card = serving.card_of(proposal)
        server.fails(f"POST /channels/{card.channel}/messages", How.STATUS, number=404)
        server.reacts(OWNER, card.id, "👎")
        until(lambda: core.get(proposal.id).state is State.REJECTED, "a refusal")
        until(lambda: core.cards.of(proposal.id)[0].question == 0, "a question that was lost")
        server.cut()
        until(lambda: said_below(server, card.id, "Refused. Why?"), "the question")
        server.cut()
        until(lambda: bool(core.cards.of(proposal.id)[0].question), "it is known")
    assert sum("Refused. Why?" in one.text for one in server.posted_by_mai()) == 1


def test_open_cards_are_read_again_without_any_event(
    serving: Serving, server: DiscordServer, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface, "SWEEP_EVERY_S", 0.2)
    proposal = waiting(core, FIX)
    with hosting(serving):
        card = serving.card_of(proposal)
        server.world.messages[card.id].reactions["👍"].append(OWNER)  # and no event tells of it
        until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")


def test_an_answer_wakes_what_waits_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "_FIRST_S", 1000.0)
    tried: list[str] = []

    async def act(key: str) -> None:
        tried.append(key)
        if len(tried) == 1:
            raise Trouble(Kind.UNSURE, "no answer")

    async def settle_down() -> None:
        for _ in range(200):
            await asyncio.sleep(0)

    async def run() -> None:
        room = Keyed(act, width=1, say=lambda _: None)
        room.poke("a")
        await settle_down()
        assert (len(tried), room.busy) == (1, 1)
        room.poke("a", 2000.0)
        await settle_down()
        assert len(tried) == 1
        room.poke("a")
        await settle_down()
        assert len(tried) == 2
        await room.close()

    asyncio.run(run())


def test_a_reply_to_a_card_is_about_its_proposal(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    transcript = serving.workspace.folder / "transcript.jsonl"
    transcript.write_text('{"text": "It divides."}\n')
    serving.environment = {"MAI_PROVIDER": "scripted", "MAI_TRANSCRIPT": str(transcript)}
    proposal = waiting(core, FIX, "Divide by the count")
    asked: list[str] = []
    with hosting(serving) as (hosted, _):
        card = serving.card_of(proposal)
        provider = hosted.provider()
        stream = provider.stream

        def listening(request: object) -> object:
            asked.append(str(request))
            return stream(request)  # type: ignore[arg-type]

        provider.stream = listening  # type: ignore[assignment, method-assign]
        serving.says("What does this do?", reply_to=card.id)
        server.until(lambda: server.posted_by_mai("It divides."), "an answer")
    assert "Divide by the count" in asked[0]
    assert "+    return sum(xs) / len(xs)" in asked[0]
    assert "What does this do?" in asked[0]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(Kind.FORBIDDEN, "Missing Permissions", 50013), "View Channel"),
        (Trouble(Kind.REFUSED, "Invalid Form Body", 50035), "no message of this form"),
        (Trouble(Kind.REFUSED, "Unauthorized", 401), "DISCORD_BOT_TOKEN"),
        (Trouble(Kind.REFUSED, "Too large", 413), "size"),
        (Trouble(Kind.REFUSED, "Cannot send in a non-text channel", 50008), "forum"),
        (Trouble(Kind.FORBIDDEN, "Cannot send to this user", 50007), "direct messages"),
        (Trouble(Kind.GONE, "Unknown Channel", 10003), "MAI_DISCORD_CHANNEL"),
    ],
)
def test_each_kind_of_refusal_has_its_own_remedy(trouble: Trouble, words: str) -> None:
    assert words in box_for(trouble)
    assert ("View Channel" in box_for(trouble)) == (trouble.code == 50013)


def test_a_second_loss_of_the_connection_is_said_again(core: Core) -> None:
    said: list[str] = []
    core.events.subscribe(lambda event: said.append(getattr(event, "text", "")))
    host = Host(core, keeps_inbox=False)
    host.say("Discord: the connection is lost.")
    host.say("Discord: the connection is lost.")
    host._tell("connected", "as mai")
    host.say("Discord: the connection is lost.")
    assert said.count("Discord: the connection is lost.") == 2


def test_a_forum_is_named_by_the_doctor(serving: Serving, server: DiscordServer) -> None:
    server.world.channels[GENERAL]["type"] = 15
    environment = {**server.environment, "MAI_DISCORD_CHANNEL": str(GENERAL)}
    report = serving.workspace.mai("doctor", "--json", environment=environment).json
    (check,) = [one for one in report["checks"] if one["name"] == "discord"]
    assert "is a forum" in check["text"]
    assert "Copy Channel ID" in check["mend"]
