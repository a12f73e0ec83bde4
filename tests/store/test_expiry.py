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
