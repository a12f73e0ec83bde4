from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from mai.errors import Declined
from mai.proposal import State
from mai.store.inbox import Inbox
from tests.store.stories import ANA, DIGEST, ID, JUDGED, START, HandClock, Store, id_of, kinds, tell


def test_a_yes_after_the_last_minute_expires_the_proposal_instead(waiting: Store) -> None:
    waiting.clock.advance(hours=23, minutes=59)
    assert waiting.inbox.expire_due() == []
    waiting.clock.advance(minutes=1)
    with pytest.raises(Declined, match="expired at 2026-01-03T03:04") as raised:
        waiting.inbox.approve(ID, DIGEST, ANA)
    assert raised.value.code == "expired"
    assert waiting.inbox.get(ID).state is State.EXPIRED
    with pytest.raises(Declined, match="expired at"):
        waiting.inbox.approve(ID, DIGEST, ANA)
    assert kinds(waiting) == [*JUDGED, "expired"]


def test_what_is_due_expires_once(waiting: Store) -> None:
    tell(waiting.inbox, id_of(1), "proposed")
    waiting.clock.advance(hours=24)
    assert [proposal.id for proposal in waiting.inbox.expire_due()] == [ID]
    assert waiting.inbox.expire_due() == []
    assert waiting.inbox.get(id_of(1)).state is State.PROPOSED
    error = waiting.inbox.get(ID).error
    assert error
    assert error.code == "expired"


@dataclass(slots=True)
class RivalClock(HandClock):
    """A clock during whose first look somebody else does something."""

    rival: Callable[[], object] | None = None

    def now(self) -> datetime:
        rival, self.rival = self.rival, None
        if rival:
            rival()
        return self.at


def test_an_answer_that_comes_while_expiring_wins(waiting: Store) -> None:
    late = RivalClock(START + timedelta(hours=24), lambda: waiting.inbox.approve(ID, DIGEST, ANA))
    assert Inbox(waiting.ledger, late).expire_due() == []
    assert late.rival is None
    assert kinds(waiting) == [*JUDGED, "approved"]


@dataclass(slots=True)
class SteadyClock(HandClock):
    """A clock whose machine knows how long it has been up; `jump` sets it and passes no time."""

    up_s: float = 1_000.0
    boot: str = "first"

    def uptime(self) -> tuple[str, float]:
        return self.boot, self.up_s

    def advance(self, **how_far: float) -> None:
        HandClock.advance(self, **how_far)
        self.up_s += timedelta(**how_far).total_seconds()

    def jump(self, **how_far: float) -> None:
        HandClock.advance(self, **how_far)

    def restart(self, **off: float) -> None:
        HandClock.advance(self, **off)
        self.boot, self.up_s = self.boot + "+", 1.0


def _steady(waiting: Store) -> tuple[Inbox, SteadyClock]:
    clock = SteadyClock()
    inbox = Inbox(waiting.ledger, clock)
    assert inbox.expire_due() == []
    return inbox, clock


def test_a_clock_that_jumps_ahead_expires_nothing(waiting: Store) -> None:
    inbox, clock = _steady(waiting)
    clock.advance(hours=1)
    clock.jump(days=1)
    assert inbox.expire_due() == []
    assert (
        inbox.get(ID).expires_at
        == (START + timedelta(hours=48)).replace(microsecond=START.microsecond).isoformat()
    )
    clock.advance(hours=22, minutes=59)
    assert inbox.expire_due() == []
    clock.advance(minutes=1)
    assert [one.id for one in inbox.expire_due()] == [ID]


def test_a_yes_after_a_jump_counts(waiting: Store) -> None:
    inbox, clock = _steady(waiting)
    clock.jump(days=400)
    assert inbox.approve(ID, DIGEST, ANA).state is State.APPROVED


def test_a_clock_that_is_set_right_again_brings_the_deadline_back(waiting: Store) -> None:
    inbox, clock = _steady(waiting)
    before = inbox.get(ID).expires_at
    clock.jump(days=30)
    assert inbox.settle_clock() == timedelta(days=30)
    clock.jump(days=-30)
    assert inbox.settle_clock() == timedelta(days=-30)
    assert inbox.settle_clock() == timedelta(0)
    assert inbox.get(ID).expires_at == before


def test_time_that_passes_counts_whether_a_mai_runs_or_not(waiting: Store) -> None:
    _, clock = _steady(waiting)
    clock.advance(hours=24)
    assert [one.id for one in Inbox(waiting.ledger, clock).expire_due()] == [ID]


def test_of_the_time_a_machine_was_off_little_counts(waiting: Store) -> None:
    inbox, clock = _steady(waiting)
    clock.restart(days=3)
    assert inbox.expire_due() == []
    clock.advance(hours=22, minutes=50)
    assert inbox.expire_due() == []
    clock.advance(minutes=20)
    assert [one.id for one in inbox.expire_due()] == [ID]
