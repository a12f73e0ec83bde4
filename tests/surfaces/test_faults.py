"""What goes wrong at Discord: one card all the same, one landing, nothing that was not meant."""

from __future__ import annotations

import json

import pytest

from mai.core import Core
from mai.proposal import Proposal, State
from tests.servers.discord import (
    GENERAL,
    OWNER,
    STRANGER,
    DiscordServer,
    How,
)
from tests.surfaces.serving import Serving, new_file, until, waiting
from tests.workspace import FIX

NONSENSE: tuple[object, ...] = (
    *({}, [], None, 7),
    {"user_id": "x", "emoji": None},
    {"id": {"a": 1}},
)
CUTS = ["cut", "close 1000", "close 1012", "close 4000", "close 4009", "op 7", "op 9 true", "op 9"]


def _interrupt(server: DiscordServer, how: str) -> None:
    match how.split():
        case ["cut"]:
            server.cut()
        case ["close", code]:
            server.closes(int(code))
        case ["op", "7"]:
            server.tells(7)
        case ["op", "9", "true"]:
            server.tells(9, data=True)
        case ["op", "9"]:
            server.tells(9, data=False)


def _lands_once(serving: Serving, core: Core, proposal: Proposal) -> None:
    until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "2"
    mine = [one for one in serving.cards() if proposal.id in one.text]
    assert len(mine) == 1
    serving.until_shown(mine[0], "Landed on")
    assert core.verify().ok


@pytest.mark.parametrize("how", CUTS)
def test_what_was_answered_while_the_connection_was_gone_counts(
    serving: Serving, server: DiscordServer, core: Core, how: str
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    card = serving.card_of(proposal)
    if how == "op 9":  # the session is gone, and with it the events that nobody heard
        server.gateway.sessions.clear()
    _interrupt(server, how)
    server.reacts(OWNER, card.id, "👍")
    server.reacts(STRANGER, card.id, "👎")
    _lands_once(serving, core, proposal)


@pytest.mark.parametrize(
    "step", ["POST /users/@me/channels", "POST .*/messages$", "PUT .*/👍", "GET .*/messages/"]
)
def test_a_connection_cut_at_any_step_costs_nothing(
    serving: Serving, server: DiscordServer, core: Core, step: str
) -> None:
    proposal = waiting(core, FIX)
    server.fails(step, How.CUT_GATEWAY, times=2)
    serving.start()
    server.reacts(OWNER, serving.card_of(proposal).id, "👍")
    _lands_once(serving, core, proposal)


@pytest.mark.parametrize(
    "step", ["POST .*/messages$", "PUT .*/👎", "GET .*/messages/", "GET .*/👍", "PATCH "]
)
def test_answers_that_never_come_post_and_land_nothing_twice(
    serving: Serving, server: DiscordServer, core: Core, step: str
) -> None:
    proposal = waiting(core, FIX)
    for how in (How.LOST, How.GARBAGE, How.DROPPED, How.RATE_LIMIT):
        server.fails(step, how, number=0.1)
    serving.start()
    server.reacts(OWNER, serving.card_of(proposal).id, "👍")
    _lands_once(serving, core, proposal)


def test_a_server_that_has_enough_is_waited_for(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    for step in ("POST .*/messages$", "GET .*/messages/"):
        server.fails(step, How.STATUS, number=500)
        server.fails(step, How.GLOBAL_RATE_LIMIT, number=0.2)
        server.fails(step, How.SLOW, number=0.5)
        server.fails(step, How.STATUS, number=503)
    serving.start()
    server.reacts(OWNER, serving.card_of(proposal).id, "👍")
    _lands_once(serving, core, proposal)


def test_the_first_connection_may_fail(serving: Serving, server: DiscordServer, core: Core) -> None:
    server.gateway.refusals = 2
    proposal = waiting(core, FIX)
    serving.start()
    server.reacts(OWNER, serving.card_of(proposal).id, "👍")
    _lands_once(serving, core, proposal)
    assert "Traceback" not in serving.log


def test_events_that_make_no_sense_end_nothing(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    card = serving.card_of(proposal)
    before = server.gateway.identified
    for event in ("MESSAGE_REACTION_ADD", "MESSAGE_CREATE", "INTERACTION_CREATE", "MESSAGE_DELETE"):
        for nonsense in NONSENSE:
            server.dispatches(event, nonsense)
    server.dispatches("NEVER_HEARD_OF_IT", {"x": 1})
    server.reacts(OWNER, card.id, "👍")
    _lands_once(serving, core, proposal)
    assert server.gateway.identified == before
    assert "Traceback" not in serving.log


def test_frames_that_are_none_are_survived(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    card = serving.card_of(proposal)
    ready = b'{"op": 0, "t": "READY", "s": 3, "d": {}}'
    for payload in (b"{", b"\xff\xfe", b'{"op": "x"}', ready):
        before = server.gateway.identified
        server.sends_raw(payload)
        if payload != b'{"op": "x"}':  # only that one says nothing that matters
            server.until(lambda was=before: server.gateway.identified > was, "another client")  # type: ignore[misc] # bound now
    server.reacts(OWNER, card.id, "👍")
    _lands_once(serving, core, proposal)
    assert "Traceback" not in serving.log


def test_a_gateway_that_always_hangs_up_is_not_stormed(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    card = serving.card_of(proposal)
    server.gateway.hangs_up = True
    server.cut()
    server.until(lambda: server.gateway.hung_up >= 3, "a few tries")
    assert server.gateway.hung_up < 40
    server.gateway.hangs_up = False
    server.reacts(OWNER, card.id, "👍")
    _lands_once(serving, core, proposal)


def test_a_deleted_card_comes_again_once_and_then_the_terminal_is_told(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    first = serving.card_of(proposal)
    server.deletes(first.id)
    second = serving.card_of(proposal)
    assert second.id != first.id
    server.deletes(second.id)
    serving.until_said(f"Answer in the terminal: `mai show {proposal.short_id}`")
    assert core.get(proposal.id).state is State.PENDING
    assert serving.cards() == []


def test_closed_direct_messages_are_said_with_what_mends_them(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    server.world.closed_dms.add(OWNER)
    proposal = waiting(core, FIX)
    serving.start()
    serving.until_said("Privacy Settings")
    assert core.get(proposal.id).state is State.PENDING
    server.world.closed_dms.clear()
    server.reacts(OWNER, serving.card_of(proposal).id, "👍")
    _lands_once(serving, core, proposal)
    assert serving.log.count("Cannot send messages to this user") == 1


@pytest.mark.parametrize("denied", ["SEND_MESSAGES", "VIEW_CHANNEL", "EMBED_LINKS", "ATTACH_FILES"])
def test_a_channel_that_mai_may_not_use_gives_way_to_direct_messages(
    serving: Serving, server: DiscordServer, core: Core, denied: str
) -> None:
    server.world.denied.add(denied)
    serving.environment = {"MAI_DISCORD_CHANNEL": str(GENERAL)}
    proposal = waiting(core, FIX)
    serving.start()
    card = serving.card_of(proposal)
    assert card.channel == server.world.dm_with(OWNER)
    serving.until_said("give the bot View Channel, Send Messages")
    server.reacts(OWNER, card.id, "👍")
    _lands_once(serving, core, proposal)


def test_without_add_reactions_the_buttons_work(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    server.world.denied.add("ADD_REACTIONS")
    serving.environment = {"MAI_DISCORD_CHANNEL": str(GENERAL)}
    proposal = waiting(core, FIX)
    serving.start()
    serving.until_said("give the bot Add Reactions")
    card = serving.card_of(proposal, offered=False)
    server.clicks(OWNER, card.id, card.buttons[0])
    _lands_once(serving, core, proposal)


def test_a_channel_that_vanishes_takes_no_proposal_with_it(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    serving.environment = {"MAI_DISCORD_CHANNEL": str(GENERAL)}
    proposal = waiting(core, FIX)
    serving.start()
    serving.card_of(proposal)
    server.world.channels.pop(GENERAL)
    other = waiting(core, new_file("a.py"), "Another")
    card = serving.card_of(other)
    assert card.channel == server.world.dm_with(OWNER)
    server.reacts(OWNER, card.id, "👍")
    until(lambda: core.get(other.id).state is State.LANDED, "the other one")
    assert core.get(proposal.id).state is State.PENDING


def test_a_token_that_discord_refuses_is_one_line_and_one_request(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    wrong = "MTAwMDAwMDAwMDAwMDAwMDAx.GaBcDe.a-token-that-was-never-given-to-anybody"
    serving.start({"DISCORD_BOT_TOKEN": wrong})
    assert serving.died() == 2
    assert "it refuses the bot's token. Open https://discord.com/developers" in serving.log
    assert serving.log.count("refuses the bot's token") == 1
    assert wrong not in serving.everything_written
    assert len(server.asked) == 1
    assert core.get(proposal.id).state is State.PENDING


def test_a_token_that_is_refused_later_takes_no_more_than_discord_away(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    serving.card_of(proposal)
    server.gateway.rejects_with = 4004
    server.gateway.sessions.clear()
    server.cut()
    serving.until_said("it refuses the bot's token. Open https://discord.com/developers")
    assert serving.process is not None
    assert serving.process.poll() is None
    core.approve(proposal.id, proposal.digest, by="terminal:ana")
    assert serving.stop() == 0
    assert core.get(proposal.id).state is State.LANDED


def test_the_token_is_nowhere(serving: Serving, server: DiscordServer, core: Core) -> None:
    proposal = waiting(core, FIX)
    server.fails("GET .*/messages/", How.GARBAGE)
    serving.start({"MAI_LOG_LEVEL": "DEBUG"})
    card = serving.card_of(proposal)
    server.sends_raw(b"{")
    server.dispatches("MESSAGE_CREATE", {"content": server.token})
    serving.says(f"my token is {server.token}")
    server.reacts(OWNER, card.id, "👍")
    _lands_once(serving, core, proposal)
    assert serving.stop() == 0
    assert server.token not in serving.everything_written
    assert server.token not in json.dumps(list(core.export()))


def test_two_processes_with_one_token_show_one_card(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    second = Serving(serving.workspace, server)
    serving.start()
    server.until(lambda: server.gateway.identified, "the first one")
    second.start()
    serving.until_said("another Mai here shows this repo's proposals there")
    proposal = waiting(core, FIX)
    card = serving.card_of(proposal)
    serving.kill()  # the other one takes over
    server.reacts(OWNER, card.id, "👍")
    _lands_once(serving, core, proposal)
    assert second.stop() == 0
