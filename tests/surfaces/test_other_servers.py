"""Servers of Discord's kind that do things their own way: the owner's yes counts, no other does."""

from __future__ import annotations

import pytest

from mai.core import Core
from mai.proposal import State
from mai.surfaces.discord.payloads import settle
from tests.servers.discord import OWNER, SECOND, STRANGER, DiscordServer, Habit, How
from tests.surfaces.serving import Serving, hosting, new_file, until, waiting
from tests.workspace import FIX

CROWD = 250


@pytest.mark.parametrize("habit", sorted(set(Habit) - {Habit.FILES_FAIL, Habit.REFUSES_EMBEDS}))
def test_whatever_its_habits_only_the_owners_yes_lands(
    serving: Serving, server: DiscordServer, core: Core, habit: Habit
) -> None:
    server.world.habits.add(habit)
    mine, other = waiting(core, FIX), waiting(core, new_file("other.py"), "Another")
    with hosting(serving):
        card, beside = serving.card_of(mine), serving.card_of(other)
        for number in range(CROWD if habit is Habit.PAGES_FROM_THE_START else 0):
            server.world.add_user(1000 + number, f"crowd{number}")
            server.world.messages[card.id].reactions["👍"].append(1000 + number)
        for message in (card, beside):
            server.reacts(STRANGER, message.id, "👍")
            server.reacts(SECOND, message.id, "👍")
        server.reacts(OWNER, card.id, "👍")
        until(lambda: core.get(mine.id).state is State.LANDED, "a landing")
        serving.until_shown(card, "Landed on")
        assert core.get(other.id).state is State.PENDING
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "2"
    assert len(serving.cards()) == 2


def test_a_server_may_say_where_its_gateway_is(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.environment = {"MAI_DISCORD_GATEWAY": ""}
    server.fails("GET /gateway", How.STATUS, number=404)  # and is asked again, not Discord's own
    with hosting(serving):
        server.reacts(OWNER, serving.card_of(proposal).id, "👍")
        until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")
    assert server.count("GET", "/gateway") == 2


def test_where_files_fail_a_cut_card_is_not_shown_without_them(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    server.world.habits.add(Habit.FILES_FAIL)
    whole = waiting(core, FIX)
    cut = waiting(core, new_file("long.py", "x = 1\n" * 200), "Too long for a card")
    with hosting(serving) as (_, said):
        server.reacts(OWNER, serving.card_of(whole).id, "👍")
        until(lambda: core.get(whole.id).state is State.LANDED, "a landing")
        until(lambda: any("500" in line for line in said), "a word on what is wrong")
        assert len(serving.cards()) == 1
        assert core.get(cut.id).state is State.PENDING
        server.world.habits.clear()
        assert serving.card_of(cut).files


def test_a_card_goes_as_plain_text_where_embeds_are_refused(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    server.world.habits.add(Habit.REFUSES_EMBEDS)
    proposal = waiting(core, FIX)
    mark = f"{proposal.id} · {proposal.digest.removeprefix('sha256:')[:12]}"
    with hosting(serving):
        card = server.until(lambda: server.posted_by_mai(mark), "a plain card")[0]
        assert not card.embeds
        assert card.files
        assert "+    return sum(xs) / len(xs)" in card.content
        server.until(
            lambda: {"👍", "👎"} <= (server.message(card.id) or card).reactions.keys(), "thumbs"
        )
        server.reacts(OWNER, card.id, "👍")
        until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")
        serving.until_shown(card, "Landed on")
    assert len(server.posted_by_mai(mark)) == 1


def test_payloads_of_no_known_form_are_left_alone() -> None:
    odd = [None, 3, "x", {"reactions": 7}, {"reactions": [3, {"count": 1}, {"emoji": "x"}]}]
    assert settle([1, *odd]) == [1, None, 3, "x", {"reactions": 7}, {"reactions": []}]
    member = {"member": {"roles": [{"id": 5}, "6", {"name": "x"}, None]}, "guild_id": None}
    assert settle(member) == {"member": {"roles": ["5", "6"]}}
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": deep}
    assert settle(deep) is deep
