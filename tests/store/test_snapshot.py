"""What is kept of the fold: right after everything, quick to list, and believed only as sealed."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mai.errors import StoreCorrupt
from mai.proposal import State
from mai.store.fold import fold
from mai.store.inbox import Inbox
from tests.store.stories import JUDGED, Store, data_of, id_of, tell

_STORIES = (
    JUDGED[:3],
    JUDGED,
    (*JUDGED, "approved", "landing", "landed"),
    (*JUDGED, "approved", "landing", "landed", "rolled_back"),
    (*JUDGED, "moved", *JUDGED[1:], "rejected", "reasoned"),
    (*JUDGED[:2], "blocked", "noted"),
)


@pytest.fixture
def full(store: Store) -> Store:
    """A store in which every story was told twice, all of them interleaved."""
    stories = [(id_of(at), list(story)) for at, story in enumerate(_STORIES * 2)]
    chooser = random.Random(7)  # noqa: S311 - the same order every time
    while stories:
        name, left = chooser.choice(stories)
        tell(store.inbox, name, left.pop(0))
        if chooser.random() < 0.1:
            store.ledger.append("thought", "task-1", {"of": name})
        stories = [(one, rest) for one, rest in stories if rest]
    return store


def _raw(folder: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "mai.db")) as raw:
        found = [row for statement in statements for row in raw.execute(statement).fetchall()]
        raw.commit()
        return found


def _fits(store: Store) -> bool:
    names = [entry.proposal for entry in store.ledger.entries() if entry.kind == "proposed"]
    folded = [fold(store.ledger.entries(name)) for name in reversed(names)]
    inbox = Inbox(store.ledger, store.clock)
    by_state = {state: [one for one in folded if one.state is state] for state in State}
    return (
        inbox.all() == folded
        and inbox.faults() == []
        and all(inbox.in_state(state) == found for state, found in by_state.items())
        and all(inbox.count(state) == len(found) for state, found in by_state.items())
        and {one.id for one in inbox.landed()} == {one.id for one in folded if one.landed}
    )


def test_what_is_kept_is_what_the_ledger_says(full: Store) -> None:
    assert len(full.inbox.all()) == 2 * len(_STORIES)
    assert _fits(full)


def test_what_was_kept_by_none_is_made_when_it_is_asked_for(full: Store, folder: Path) -> None:
    _raw(folder, "DELETE FROM proposals", "DELETE FROM snapshots")
    assert _fits(full)
    (folder / "repo.seal").unlink()
    assert _fits(full)


def test_entries_that_another_version_appended_are_caught_up_with(full: Store) -> None:
    waiting = full.inbox.pending()[0]
    full.ledger.append("withdrawn", waiting.id, data_of("withdrawn", waiting.id))
    full.ledger.append("proposed", "f" * 12, data_of("proposed", "f" * 12))
    assert waiting.id not in [one.id for one in full.inbox.pending()]
    assert _fits(full)


_FIRST = "WHERE id = (SELECT min(id) FROM proposals WHERE state = 'pending')"
_REST = "first, last, state, landed_at, rolls_back, data, seal"
_TAMPERINGS = (
    f"UPDATE proposals SET state = 'landed' {_FIRST}",  # noqa: S608 - constants
    f"UPDATE proposals SET data = replace(data, 'Fix it', 'Fix me') {_FIRST}",  # noqa: S608 - constants
    f"UPDATE proposals SET data = x'ff' {_FIRST}",  # noqa: S608 - constants
    f"UPDATE proposals SET first = 0 {_FIRST}",  # noqa: S608 - constants
    f"UPDATE proposals SET seal = 7 {_FIRST}",  # noqa: S608 - constants
    f"DELETE FROM proposals {_FIRST}",  # noqa: S608 - constants
    f"INSERT INTO proposals SELECT repo, 'f', {_REST} FROM proposals {_FIRST}",  # noqa: S608 - constants
    "UPDATE snapshots SET counts = replace(counts, '\"pending\": 2', '\"pending\": 1')",
    "UPDATE snapshots SET number = number - 1",
)


@pytest.mark.parametrize("tampering", _TAMPERINGS)
def test_what_was_altered_is_noticed_and_made_again(
    full: Store, folder: Path, tampering: str
) -> None:
    expected = full.inbox.all()
    waiting = full.inbox.pending()
    _raw(folder, tampering)
    (told, *_) = full.inbox.faults()
    assert told.startswith("Beside the ledger, ")
    fresh = Inbox(full.ledger, full.clock)
    with pytest.raises(StoreCorrupt, match="were altered"):
        fresh.pending()
    assert [fresh.pending(), fresh.all()] == [waiting, expected]
    assert _fits(full)
    assert list(full.ledger.entries())[-1].kind == "lists_remade"
    assert full.ledger.verify().ok


def test_a_row_that_was_put_back_as_it_once_was_is_noticed(full: Store, folder: Path) -> None:
    one, other = full.inbox.pending()[:2]
    (old,) = _raw(folder, f"SELECT * FROM proposals WHERE id = '{one.id}'")  # noqa: S608 - an id
    full.inbox.reject(one.id, "no", "terminal:ana")
    with closing(sqlite3.connect(folder / "mai.db")) as raw:
        marks = ", ".join("?" * len(old))
        raw.execute(f"INSERT OR REPLACE INTO proposals VALUES ({marks})", old)  # noqa: S608 - question marks
        # Another one goes, so that the count fits.
        raw.execute("UPDATE proposals SET state = 'rejected' WHERE id = ?", [other.id])
        raw.commit()
    with pytest.raises(StoreCorrupt, match="were altered"):
        Inbox(full.ledger, full.clock).pending()
    assert one.id not in [found.id for found in Inbox(full.ledger, full.clock).pending()]


def test_a_list_reads_its_own_rows_and_no_others(full: Store) -> None:
    statements: list[str] = []
    fresh = Inbox(full.ledger, full.clock)
    with full.database.reading() as handle:
        handle.conn.set_trace_callback(statements.append)
        fresh.pending()
        fresh.landed(1)
        fresh.count(State.LANDED)
        handle.conn.set_trace_callback(None)
        plans = [
            str(row[-1])
            for statement in statements
            if statement.startswith("SELECT")
            for row in handle.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        ]
    assert len(statements) < 20
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN") and "CONSTANT" not in plan]
    assert not [plan for plan in plans if "TEMP B-TREE FOR ORDER BY" in plan and "RIGHT" in plan]


def test_the_states_of_all_are_known_without_reading_any(full: Store, folder: Path) -> None:
    expected = {one.id: one.state for one in full.inbox.all()}
    assert full.inbox.states() == expected
    for tampering in _TAMPERINGS[:1] + _TAMPERINGS[5:7]:
        _raw(folder, tampering)
        with pytest.raises(StoreCorrupt, match="were altered"):
            full.inbox.states()
        assert full.inbox.states() == expected
