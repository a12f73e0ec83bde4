"""`mai doctor` on Discord: what is wrong, and which box to tick where."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.servers.discord import BOT, GENERAL, DiscordServer, How
from tests.surfaces.serving import Serving


def _check(serving: Serving, **environment: str) -> tuple[str, str, str]:
    given = {**serving.server.environment, **environment}
    ran = serving.workspace.mai("doctor", "--json", environment=given)
    (found,) = [one for one in ran.json["checks"] if one["name"] == "discord"]
    assert serving.server.token not in ran.out + ran.err
    return found["status"], found["text"], found["mend"]


def test_all_is_well(serving: Serving) -> None:
    status, text, mend = _check(serving, MAI_DISCORD_CHANNEL=str(GENERAL))
    assert (status, mend) == ("ok", "")
    assert "The bot is mai." in text
    assert "owner (200) answers." in text
    assert "In #general it may do all it needs." in text


def test_without_the_intent_all_is_well_too(serving: Serving, server: DiscordServer) -> None:
    server.world.application_flags = 0
    status, text, _ = _check(serving)
    assert status == "ok"
    assert "none is needed" in text


def test_a_token_that_is_refused(serving: Serving) -> None:
    status, text, mend = _check(serving, DISCORD_BOT_TOKEN="MTAw.GaBcDe.never-given-to-anybody")
    assert (status, text) == ("fail", "Discord refuses the bot's token.")
    assert "Reset Token" in mend


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda w: w.denied.add("ADD_REACTIONS"), ("fail", "lacks Add Reactions", "Add Reactions")),
        (lambda w: w.denied.add("VIEW_CHANNEL"), ("fail", "does not see", "View Channels")),
        (
            lambda w: w.denied.add("MANAGE_MESSAGES"),
            ("warn", "they never count", "Manage Messages"),
        ),
        (lambda w: w.channels.pop(GENERAL), ("fail", "no channel 910", "Copy Channel ID")),
        (lambda w: setattr(w, "is_invited", False), ("fail", "on no server", "oauth2/authorize")),
        (lambda w: setattr(w, "endpoint", "https://x"), ("fail", "never reach", "Endpoint URL")),
    ],
)
def test_what_is_missing_is_named_with_its_box(
    serving: Serving,
    server: DiscordServer,
    spoil: Callable[[object], object],
    expected: tuple[str, str, str],
) -> None:
    spoil(server.world)
    status, text, mend = _check(serving, MAI_DISCORD_CHANNEL=str(GENERAL))
    assert status == expected[0]
    assert expected[1] in text
    assert expected[2] in mend


@pytest.mark.parametrize(("user", "whose"), [("999", "nobody"), (str(BOT), "a bot")])
def test_an_owner_that_can_never_answer(serving: Serving, user: str, whose: str) -> None:
    status, text, mend = _check(serving, DISCORD_USER_ID=user)
    assert status == "fail"
    assert f"DISCORD_USER_ID is {whose}" in text
    assert "Copy User ID" in mend


def test_a_server_that_answers_nonsense_is_no_fault_of_the_bot(
    serving: Serving, server: DiscordServer
) -> None:
    server.fails("GET /users/@me$", How.GARBAGE)
    status, text, _ = _check(serving)
    assert status == "warn"
    assert "cannot be reached" in text


def test_half_set_up_is_said(serving: Serving) -> None:
    ran = serving.workspace.mai("doctor", "--json", environment={"DISCORD_USER_ID": "200"})
    (found,) = [one for one in ran.json["checks"] if one["name"] == "discord"]
    assert found["text"] == "DISCORD_BOT_TOKEN is not set, so Discord stays off."
