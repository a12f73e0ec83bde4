"""Who may answer, with what, and what it does: exactly what the owner said for that digest."""

from __future__ import annotations

import pytest

from mai.core import Core, Submission
from mai.proposal import Level, State
from tests.servers.discord import (
    GENERAL,
    OTHER_BOT,
    OWNER,
    SECOND,
    STRANGER,
    WEBHOOK,
    DiscordServer,
)
from tests.surfaces.serving import Serving, new_file, until, waiting
from tests.workspace import FIX


def test_a_thumb_lands_it_and_the_card_says_so(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX, "Divide by the count")
    serving.start()
    card = serving.card_of(proposal)
    server.reacts(OWNER, card.id, "👍")
    shown = serving.until_shown(card, "Landed on `main`")
    landed = core.get(proposal.id)
    assert landed.state is State.LANDED
    assert landed.landed is not None
    assert landed.landed.commit[:10] in shown.text
    assert landed.approval is not None
    assert landed.approval.by == f"discord:{OWNER}"
    assert landed.approval.digest == proposal.digest
    assert shown.buttons == []
    assert serving.workspace.repo.head() == landed.landed.commit
    assert f"Approved-by: discord:{OWNER} at" in serving.workspace.git("log", "-1", "--format=%B")
    assert len(serving.cards()) == 1
    assert serving.stop() == 0


@pytest.mark.parametrize("thumb", ["👍🏿", "👍\ufe0f"])
def test_every_skin_tone_is_a_yes(
    serving: Serving, server: DiscordServer, core: Core, thumb: str
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    server.reacts(OWNER, serving.card_of(proposal).id, thumb)
    until(lambda: core.get(proposal.id).state is State.LANDED, "a landing")


def test_nobody_else_and_nothing_else_is_a_yes(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    high = waiting(core, new_file("a.py"), "Open a socket", risk=Level.HIGH)
    serving.environment = {"MAI_DISCORD_CHANNEL": str(GENERAL)}
    serving.start()
    card, other = serving.card_of(proposal), serving.card_of(high)
    for user in (STRANGER, SECOND, OTHER_BOT):
        server.reacts(user, card.id, "👍")
        server.clicks(user, card.id, card.buttons[0])
        digits = high.digest.removeprefix("sha256:")[:6]
        server.says(user, digits, channel=GENERAL, reply_to=other.id)
    # Names can be chosen, ids cannot: a webhook that calls itself like the owner, and custom emoji.
    server.says(OWNER, "yes", channel=GENERAL, reply_to=card.id, webhook=WEBHOOK)
    for nothing in ("👍:12345", "thumbsup:99", "✅", "👌", "🫶", "👊"):
        server.reacts(OWNER, card.id, nothing)
    # What comes after all of that is seen, so all of that was seen.
    server.reacts(OWNER, other.id, "👎")
    until(lambda: core.get(high.id).state is State.REJECTED, "the refusal")
    assert core.get(proposal.id).state is State.PENDING
    assert serving.workspace.git("log", "--format=%s") == "Start"
    # They are taken away, and the ledger knows.
    now = server.message(card.id)
    assert now is not None
    server.until(
        lambda: not {STRANGER, SECOND, OTHER_BOT} & set(_reacted(server, card.id, "👍")), "removal"
    )
    until(lambda: len(_strangers(core, proposal.id)) == 3, "three notes")
    assert _strangers(core, proposal.id) == {str(STRANGER), str(SECOND), str(OTHER_BOT)}
    assert core.verify().ok


def test_strangers_cannot_fill_the_ledger(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.environment = {"MAI_DISCORD_CHANNEL": str(GENERAL)}
    serving.start()
    card = serving.card_of(proposal)
    for user in range(1000, 1150):
        server.world.add_user(user, f"crowd{user}")
        server.reacts(user, card.id, "👍")
    server.reacts(OWNER, card.id, "👍")
    until(lambda: core.get(proposal.id).state is State.LANDED, "the owner's yes in a crowd")
    assert len(_strangers(core, proposal.id)) <= 10


def test_yes_and_no_together_are_a_no(serving: Serving, server: DiscordServer, core: Core) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    card = serving.card_of(proposal)
    server.reacts_at_once(OWNER, card.id, "👍", "👎")
    serving.until_shown(card, "Refused")
    assert core.get(proposal.id).state is State.REJECTED


def test_a_yes_taken_back_at_once_is_none(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    other = waiting(core, new_file("a.py"), "Another")
    serving.start()
    card, second = serving.card_of(proposal), serving.card_of(other)
    server.blinks(OWNER, card.id, "👍")
    server.reacts(OWNER, second.id, "👍")
    until(lambda: core.get(other.id).state is State.LANDED, "the other one")
    assert core.get(proposal.id).state is State.PENDING


def test_a_no_counts_at_once_and_its_reason_is_kept(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start()
    card = serving.card_of(proposal)
    server.reacts(OWNER, card.id, "👎")
    question = server.until(lambda: server.posted_by_mai("Why?"), "the question")[0]
    assert question.reply_to == card.id
    assert core.get(proposal.id).state is State.REJECTED
    server.says(STRANGER, "because I say so", reply_to=question.id)
    serving.says("the divisor is meant\n@everyone ```", reply_to=question.id)
    shown = serving.until_shown(card, "the divisor is meant")
    assert "@everyone" not in shown.text
    assert core.get(proposal.id).reason.startswith("the divisor is meant")
    assert serving.workspace.git("log", "--format=%s") == "Start"


def test_buttons_do_what_thumbs_do(serving: Serving, server: DiscordServer, core: Core) -> None:
    yes, no = waiting(core, FIX, "One"), waiting(core, new_file("a.py"), "Two")
    serving.start()
    first, second = serving.card_of(yes), serving.card_of(no)
    told = server.clicks(STRANGER, first.id, first.buttons[0])
    server.until(lambda: server.answers_to(told), "an answer to the stranger")
    assert "somebody else" in server.answers_to(told)[0]
    server.clicks(OWNER, second.id, second.buttons[1])
    serving.until_shown(second, "Refused")
    pressed = server.clicks(OWNER, first.id, first.buttons[0])
    serving.until_shown(first, "Landed on")
    assert server.answers_to(pressed) == ["Yes. I land it."]
    # Somebody's screen may still show the buttons of a card that is over.
    late = server.clicks(OWNER, second.id, second.buttons[0])
    server.until(lambda: server.answers_to(late), "an answer to the late press")
    assert "out of date" in server.answers_to(late)[0]
    assert core.get(no.id).state is State.REJECTED


@pytest.mark.parametrize("with_button", [False, True])
def test_high_asks_for_the_digits_too(
    serving: Serving, server: DiscordServer, core: Core, with_button: bool
) -> None:
    proposal = waiting(core, FIX, risk=Level.HIGH)
    digits = proposal.digest.removeprefix("sha256:")[:6]
    serving.start()
    card = serving.card_of(proposal)
    assert "◆ HIGH" in card.text
    assert digits in card.text
    serving.says(digits, reply_to=card.id)  # the digits alone are not a yes
    if with_button:
        server.clicks(OWNER, card.id, card.buttons[0])
    else:
        server.reacts(OWNER, card.id, "👍")
    question = server.until(lambda: server.posted_by_mai("If you mean it"), "the question")[0]
    assert digits not in question.text  # copying what stands there would confirm nothing
    server.says(STRANGER, digits, reply_to=question.id)
    serving.says("aaaaaa" if digits != "aaaaaa" else "bbbbbb", reply_to=question.id)
    server.until(lambda: server.posted_by_mai("That is not it"), "a refusal")
    assert core.get(proposal.id).state is State.PENDING
    serving.says(digits.upper(), reply_to=question.id)
    serving.until_shown(card, "Landed on")


def test_blocked_shows_no_thumb_and_takes_none(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    patch = new_file("mai.toml", 'leave_alone = ["x"]\n')
    proposal = core.submit(Submission(patch, "Loosen the rules", "So that more lands."))
    assert proposal.state is State.BLOCKED
    other = waiting(core, new_file("a.py"), "Another")
    serving.start()
    serving.card_of(other)
    card = server.until(lambda: server.posted_by_mai("BLOCKED"), "the card")[0]
    assert (card.reactions, card.buttons) == ({}, [])
    assert "Nobody can land this" in card.text or "BLOCKED" in card.text
    server.reacts(OWNER, card.id, "👍")
    server.reacts(OWNER, serving.card_of(other).id, "👍")
    until(lambda: core.get(other.id).state is State.LANDED, "the other one")
    assert core.get(proposal.id).state is State.BLOCKED


def _reacted(server: DiscordServer, message: int, emoji: str) -> list[int]:
    found = server.message(message)
    return found.reactions.get(emoji, []) if found else []


def _strangers(core: Core, proposal_id: str) -> set[str]:
    story = core.story(core.get(proposal_id))
    return {one["data"]["stranger"] for one in story if one["kind"] == "noted"}
