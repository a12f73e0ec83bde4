"""Less usual trouble at Discord: kicked, crowds, moderators, and two repos with one bot."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from mai.core import Core
from mai.proposal import State
from mai.system.logs import FILE_NAME
from tests.servers.discord import BOT, GENERAL, GUILD, OWNER, DiscordServer
from tests.surfaces.serving import Serving, core_of, hosting, new_file, until, waiting
from tests.workspace import CALC, FIX, Workspace

CROWD = 3000


def test_kicked_out_it_says_so_and_goes_on_when_it_is_back(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    serving.environment = {"MAI_DISCORD_CHANNEL": str(GENERAL)}
    first = waiting(core, FIX)
    with hosting(serving) as (_, said):
        card = serving.card_of(first)
        server.world.denied.add("VIEW_CHANNEL")
        server.world.closed_dms.add(OWNER)  # no server in common: nobody can be written to
        server.dispatches("GUILD_DELETE", {"id": str(GUILD)})
        second = waiting(core, new_file("a.py"), "Another")
        until(lambda: any("Answer in the terminal" in line for line in said), "a line")
        server.reacts(OWNER, card.id, "👍")
        core.reject(second.id, "not now", by="terminal:ana")
        assert core.get(first.id).state is State.PENDING
        server.world.denied.clear()
        server.world.closed_dms.clear()
        server.dispatches("GUILD_CREATE", server.world.guild())
        server.cut()
        serving.until_shown(card, "Landed on")
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "2"
    assert len(serving.cards()) == 1


def test_a_channel_that_cannot_be_read_gives_no_yes_and_names_the_box(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    serving.environment = {"MAI_DISCORD_CHANNEL": str(GENERAL)}
    proposal = waiting(core, FIX)
    with hosting(serving) as (_, said):
        card = serving.card_of(proposal)
        server.world.denied.add("READ_MESSAGE_HISTORY")
        server.reacts(OWNER, card.id, "👍")
        until(lambda: any("Read Message History" in line for line in said), "the box")
        assert core.get(proposal.id).state is State.PENDING
        server.world.denied.clear()
        serving.until_shown(card, "Landed on")


def test_a_gateway_that_never_says_a_word_is_said(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    server.gateway.is_silent = True
    proposal = waiting(core, FIX)
    with hosting(serving) as (_, said):
        until(lambda: any("it does not answer; I keep trying" in line for line in said), "a line")
        server.gateway.is_silent = False
        server.cut()
        server.reacts(OWNER, serving.card_of(proposal).id, "👍")
        until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")
        until(lambda: "Discord: connected again." in said, "a word that it is mended")


@pytest.mark.parametrize(
    "greeting",
    [
        b'{"op": 9, "d": false}',
        b'{"op": 10, "d": {"heartbeat_interval": "x"}}',
        b'{"op": 0, "t": "READY", "s": 1, "d": {}}',
        b"[]",
    ],
)
def test_after_an_odd_greeting_another_client_is_greeted(
    serving: Serving, server: DiscordServer, core: Core, greeting: bytes
) -> None:
    server.gateway.odd_greetings = [greeting]
    proposal = waiting(core, FIX)
    serving.start()
    until(lambda: not server.gateway.odd_greetings, "a first connection")
    until(lambda: server.gateway.identified, "another connection")
    server.reacts(OWNER, serving.card_of(proposal).id, "👍")
    until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")
    assert "onnection" not in serving.log  # what a library grumbles about is for the file


@pytest.mark.parametrize("ready", [{}, {"user": {"id": "x"}, "guilds": 7}])
def test_a_session_that_begins_with_nonsense_is_begun_again(
    serving: Serving, server: DiscordServer, core: Core, ready: dict[str, object]
) -> None:
    server.gateway.odd_ready = ready
    proposal = waiting(core, FIX)
    with hosting(serving):
        until(lambda: server.gateway.identified > 1, "a second session")
        server.gateway.odd_ready = None
        server.reacts(OWNER, serving.card_of(proposal).id, "👍")
        until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")


def test_thousands_of_strangers_hide_neither_yes_nor_no(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    serving.environment = {"MAI_DISCORD_CHANNEL": str(GENERAL)}
    yes, no = waiting(core, FIX), waiting(core, new_file("a.py"), "Another")
    with hosting(serving):
        cards = [serving.card_of(yes), serving.card_of(no)]
        crowd = range(1000, 1000 + CROWD)
        for user in crowd:
            server.world.add_user(user, f"crowd{user}")
        for card in cards:
            for emoji in ("👍", "👎"):
                server.world.messages[card.id].reactions[emoji] += crowd
        server.reacts(OWNER, cards[0].id, "👍")
        server.reacts(OWNER, cards[1].id, "👎")
        server.cut()
        serving.until_shown(cards[0], "Landed on")
        serving.until_shown(cards[1], "Refused")
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "2"


def test_a_card_that_somebody_edits_is_still_that_digests_card(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    """Discord edits messages by itself, and a moderator may take an embed away."""
    proposal = waiting(core, FIX)
    with hosting(serving):
        card = serving.card_of(proposal)
        server.edits(card.id, embeds=[])
        server.edits(card.id, components=[])
        server.cut()
        server.reacts(OWNER, card.id, "👍")
        serving.until_shown(card, "Landed on")
    assert [one.author for one in server.posted_by_mai() if one.embeds] == [BOT]


def test_thumbs_that_a_moderator_takes_away_come_back(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    with hosting(serving):
        card = serving.card_of(proposal)
        server.world.messages[card.id].reactions.clear()
        where = {"channel_id": str(card.channel), "message_id": str(card.id)}
        server.dispatches("MESSAGE_REACTION_REMOVE_ALL", where)
        card = serving.card_of(proposal)
        server.unreacts(BOT, card.id, "👎")
        server.reacts(OWNER, serving.card_of(proposal).id, "👍")
        until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "2"


def test_a_database_that_fails_for_a_while_ends_nothing(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    with contextlib.closing(sqlite3.connect(core.settings.memory_db_path)) as database:
        database.execute("ALTER TABLE cards RENAME TO away")
        log = serving.workspace.folder / "logs" / FILE_NAME
        with hosting(serving):
            until(lambda: log.exists() and "a room begins again" in log.read_text(), "a fault")
            assert serving.cards() == []
            database.execute("ALTER TABLE away RENAME TO cards")
            server.reacts(OWNER, serving.card_of(proposal).id, "👍")
            until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")


def test_two_repos_with_one_bot_land_each_its_own(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    folder = serving.workspace.folder / "second"
    folder.mkdir()
    beside = Workspace.make(folder, {**CALC, "README.md": "# another\n"})
    shared = {name: serving.workspace.environment[name] for name in ("MEMORY_DB_PATH",)}
    beside.environment.update(shared)
    second = Serving(beside, server)
    with core_of(beside) as other_core:
        mine, theirs = waiting(core, FIX), waiting(other_core, FIX)
        serving.start()
        second.start()
        cards = serving.card_of(mine), second.card_of(theirs)
        server.reacts(OWNER, cards[1].id, "👍")
        second.until_shown(cards[1], "Landed on")
        assert core.get(mine.id).state is State.PENDING
        server.reacts(OWNER, cards[0].id, "👎")
        serving.until_shown(cards[0], "Refused")
        assert other_core.get(theirs.id).state is State.LANDED
    assert second.stop() == 0
    assert len(serving.cards()) == 2
