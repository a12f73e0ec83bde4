"""Clocks that jump and machines that sleep: a yes is good until it expires, and never after."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest

from mai.core import Core
from mai.proposal import State
from tests.servers.discord import OWNER, DiscordServer
from tests.surfaces.serving import Serving, core_of, hosting, new_file, until, waiting
from tests.workspace import FIX

A_DAY = timedelta(hours=25)


class Wall:
    """A clock on the wall that somebody sets."""

    def __init__(self) -> None:
        self.off_by = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off_by


def test_a_clock_that_jumps_ahead_makes_silence_a_no(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    proposal, wall = waiting(core, FIX), Wall()
    with hosting(serving, wall):
        card = serving.card_of(proposal)
        wall.off_by = A_DAY
        serving.until_shown(card, "Nobody answered in time, which is a no.")
        wall.off_by = -A_DAY  # what is over stays over
        server.reacts(OWNER, card.id, "👍")
        server.until(lambda: server.posted_by_mai("Too late: it is expired"), "a word")
    assert core.get(proposal.id).state is State.EXPIRED
    assert serving.workspace.git("log", "--format=%s") == "Start"
    assert core.verify().ok


@pytest.mark.parametrize("jump", [A_DAY / 2, -A_DAY])
def test_a_card_is_found_again_although_the_clock_jumped(
    serving: Serving, server: DiscordServer, core: Core, jump: timedelta
) -> None:
    proposal, wall = waiting(core, FIX), Wall()
    serving.start({"MAI_CRASH_AT": "card:posted"})
    assert serving.died() == -signal.SIGKILL
    wall.off_by = jump
    with hosting(serving, wall):
        card = serving.card_of(proposal)
        server.reacts(OWNER, card.id, "👍")
        serving.until_shown(card, "Landed on")
    assert len(serving.cards()) == 1
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "2"
    assert core.verify().ok


def test_a_machine_that_slept_takes_what_is_still_good_and_nothing_else(
    serving: Serving, server: DiscordServer, core: Core
) -> None:
    good = waiting(core, FIX)
    serving.start()
    card = serving.card_of(good)
    with core_of(serving.workspace, MAI_EXPIRY_HOURS="0.005") as quick:  # 18 seconds
        short = waiting(quick, new_file("a.py"), "Too late")
    other = serving.card_of(short)
    assert serving.process is not None
    serving.process.send_signal(signal.SIGSTOP)
    server.gateway.sessions.clear()
    server.cut()
    ends = datetime.fromisoformat(short.expires_at or "")
    until(lambda: datetime.now(UTC) > ends, "the end of the short one")
    for message in (card, other):
        server.reacts(OWNER, message.id, "👍")
    serving.process.send_signal(signal.SIGCONT)
    serving.until_shown(card, "Landed on")
    serving.until_shown(other, "Nobody answered in time, which is a no.")
    assert core.get(short.id).state is State.EXPIRED
    assert serving.workspace.git("rev-list", "--count", "HEAD") == "2"
