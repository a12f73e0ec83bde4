from __future__ import annotations

import pytest

from mai.errors import StoreError
from mai.store.cards import Cards, CardState
from mai.store.db import Database
from tests.store.stories import DIGEST, ID, OTHER_DIGEST, START, HandClock, Store


@pytest.fixture
def cards(store: Store) -> Cards:
    return Cards(store.database, "repo", HandClock())


def test_a_card_is_written_down_once_per_digest(cards: Cards) -> None:
    first = cards.want(ID, DIGEST)
    assert cards.want(ID, DIGEST) == first
    assert (first.state, first.message, first.posts) == (CardState.WANTED, None, 0)
    other = cards.want(ID, OTHER_DIGEST)
    assert other.nonce != first.nonce
    assert len(first.nonce) == 25
    assert cards.of(ID) == cards.open() == [first, other]


def test_a_posted_card_is_found_by_its_message_and_by_its_question(cards: Cards) -> None:
    card = cards.attempt(cards.want(ID, DIGEST))
    assert (card.attempted_at or "")[:19] == START.isoformat()[:19]
    card = cards.change(card, state=CardState.POSTED, channel=1, message=1 << 62, question=7)
    assert cards.by_message(1 << 62) == cards.by_message(7) == card
    assert cards.by_message(8) is None
    cards.change(card, state=CardState.CLOSED)
    assert cards.open() == []
    assert [one.state for one in cards.of(ID)] == [CardState.CLOSED]


def test_a_card_of_another_repo_is_not_seen(cards: Cards, store: Store) -> None:
    other = Cards(store.database, "other", HandClock())
    cards.change(cards.want(ID, DIGEST), message=5)
    assert other.by_message(5) is None
    assert other.of(ID) == other.open() == []


def test_what_names_the_card_cannot_be_changed(cards: Cards) -> None:
    card = cards.want(ID, DIGEST)
    for name in ("digest", "proposal", "repo", "nonce = 'x' --"):
        with pytest.raises(StoreError):
            cards.change(card, **{name: "x"})


def test_facts_are_remembered_for_a_repo(cards: Cards, store: Store) -> None:
    assert cards.fact("paused") == ""
    cards.remember("paused", "yes")
    cards.remember("paused", "no")
    assert cards.fact("paused") == "no"
    assert Cards(store.database, "other", HandClock()).fact("paused") == ""


def test_cards_survive_the_process(cards: Cards, store: Store) -> None:
    card = cards.attempt(cards.want(ID, DIGEST))
    again = Database.open(store.database.path)
    try:
        assert Cards(again, "repo", HandClock()).open() == [card]
    finally:
        again.close()
