"""Killed at every step and started again: the card is found, the answer counts, it lands once."""

from __future__ import annotations

import signal

import pytest

from mai.core import Core, Submission
from mai.proposal import Level, State
from tests.servers.discord import OWNER, DiscordServer, Posted
from tests.surfaces.serving import Serving, core_of, until, waiting
from tests.workspace import FIX

POSTING = ["card:attempted", "card:posted", "card:recorded", "card:offered"]
LANDING = [
    *("answer:read", "land:planned", "landing:ref-moved", "land:done", "land:recorded"),
    *("answer:landed", "card:ending", "card:ended"),
]


def _card(serving: Serving) -> Posted:
    (card,) = serving.server.until(serving.cards, "a card")
    return card


def _landed_once(serving: Serving, core: Core, proposal_id: str) -> None:
    until(lambda: core.get(proposal_id).state is State.LANDED, "a landing")
    serving.until_shown(_card(serving), "Landed on")
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "2"
    assert serving.stop() == 0
    assert core.verify().ok


@pytest.mark.parametrize("point", POSTING)
def test_killed_while_posting_it_posts_one_card(
    serving: Serving, server: DiscordServer, core: Core, point: str
) -> None:
    proposal = waiting(core, FIX)
    serving.start({"MAI_CRASH_AT": point})
    assert serving.died() == -signal.SIGKILL
    if serving.cards():  # the owner is quicker than the restart
        server.reacts(OWNER, _card(serving).id, "👍")
        serving.start()
    else:
        serving.start()
        server.reacts(OWNER, serving.card_of(proposal).id, "👍")
    _landed_once(serving, core, proposal.id)


@pytest.mark.parametrize("point", LANDING)
def test_killed_while_landing_it_lands_once(
    serving: Serving, server: DiscordServer, core: Core, point: str
) -> None:
    proposal = waiting(core, FIX)
    serving.start({"MAI_CRASH_AT": point})
    server.reacts(OWNER, serving.card_of(proposal).id, "👍")
    assert serving.died() == -signal.SIGKILL
    serving.start()
    _landed_once(serving, core, proposal.id)


def test_a_yes_is_not_good_for_ever(serving: Serving, server: DiscordServer, core: Core) -> None:
    proposal = waiting(core, FIX)
    serving.start({"MAI_CRASH_AT": "answer:read"})
    card = serving.card_of(proposal)
    server.reacts(OWNER, card.id, "👍")
    assert serving.died() == -signal.SIGKILL
    server.reacts(OWNER, card.id, "👎")  # second thoughts while nobody listened
    serving.start()
    serving.until_shown(card, "Refused")
    assert core.get(proposal.id).state is State.REJECTED


def test_a_pressed_button_outlives_the_process(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start({"MAI_CRASH_AT": "answer:pressed"})
    card = serving.card_of(proposal)
    server.clicks(OWNER, card.id, card.buttons[0])
    assert serving.died() == -signal.SIGKILL
    serving.start()
    _landed_once(serving, core, proposal.id)


def test_a_refusal_outlives_the_process(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX)
    serving.start({"MAI_CRASH_AT": "answer:refused"})
    card = serving.card_of(proposal)
    server.reacts(OWNER, card.id, "👎")
    assert serving.died() == -signal.SIGKILL
    serving.start()
    serving.until_shown(card, "Refused")
    question = server.until(lambda: server.posted_by_mai("Why?"), "the question")[0]
    serving.kill()
    serving.says("it was right before", reply_to=question.id)
    serving.start()
    serving.until_shown(card, "it was right before")
    assert core.get(proposal.id).reason == "it was right before"
    assert len(server.posted_by_mai("Why?")) == 1
    core.mind.learn()
    (lesson,) = [note.text for note in core.mind.notes.all() if "refused" in note.text]
    assert lesson.endswith("because: it was right before")


@pytest.mark.parametrize("point", ["answer:confirmed", "answer:read"])
def test_a_confirmation_outlives_the_process(
    serving: Serving, server: DiscordServer, core: Core, point: str
) -> None:
    proposal = waiting(core, FIX, risk=Level.HIGH)
    serving.start({"MAI_CRASH_AT": point})
    card = serving.card_of(proposal)
    server.reacts(OWNER, card.id, "👍")
    question = server.until(lambda: server.posted_by_mai("If you mean it"), "the question")[0]
    digits = proposal.digest.removeprefix("sha256:")[:6]
    serving.says(digits, reply_to=question.id)
    assert serving.died() == -signal.SIGKILL
    serving.start()
    serving.until_shown(card, "Landed on")
    assert len(server.posted_by_mai("If you mean it")) == 1


def test_digits_sent_while_nobody_listened_count(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal = waiting(core, FIX, risk=Level.HIGH)
    serving.start()
    card = serving.card_of(proposal)
    server.reacts(OWNER, card.id, "👍")
    question = server.until(lambda: server.posted_by_mai("If you mean it"), "the question")[0]
    serving.kill()
    serving.says(proposal.digest.removeprefix("sha256:")[:6], reply_to=question.id)
    serving.start()
    serving.until_shown(card, "Landed on")
    assert core.get(proposal.id).state is State.LANDED


@pytest.mark.docker
@pytest.mark.parametrize("point", ["card:attempted", "card:posted"])
def test_what_landed_by_itself_is_announced_once(
    serving: Serving, server: DiscordServer, core: Core, point: str
) -> None:
    with core_of(serving.workspace, MAI_AUTO_LAND_LOW="1") as trusting:
        proposal = trusting.submit(Submission(FIX, "Divide by the count", "It is wrong."))
    assert proposal.state is State.LANDED
    serving.start({"MAI_CRASH_AT": point})
    assert serving.died() == -signal.SIGKILL
    serving.start()
    server.until(lambda: server.posted_by_mai("because it is LOW"), "the announcement")
    until(lambda: not core.cards.open(), "it to be written down")
    assert serving.stop() == 0
    assert len(serving.cards()) == 1


def test_what_ended_while_nobody_watched_is_shown(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    kept = waiting(core, FIX, "Kept")
    other = waiting(core, "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# calc\n+# Calc\n", "No")
    serving.start()
    first, second = serving.card_of(kept), serving.card_of(other)
    serving.kill()
    core.reject(other.id, "too small", by="terminal:ana")
    core.approve(kept.id, kept.digest, by="terminal:ana")
    serving.start()
    assert "in the terminal by ana" in serving.until_shown(first, "Landed on").text
    assert "too small" in serving.until_shown(second, "Refused in the terminal by ana").text
    assert len(serving.cards()) == 2
