from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mai.digest import canonical_json
from mai.errors import StoreError
from mai.store.ledger import Ledger
from tests.store.stories import HandClock, Store, id_of


def test_entries_are_numbered_dated_and_chained(store: Store) -> None:
    assert store.ledger.head() == "0" * 64
    first = store.ledger.append("noted", id_of(1), {"x": 1})
    store.clock.advance(seconds=1)
    second = store.ledger.append("noted", id_of(2), {"x": 2})
    assert (first.number, second.number) == (1, 2)
    assert (first.at, second.at) == (
        "2026-01-02T03:04:05.678+00:00",
        "2026-01-02T03:04:06.678+00:00",
    )
    assert (first.previous, second.previous) == ("0" * 64, first.hash)
    assert store.ledger.head() == second.hash
    assert list(store.ledger.entries()) == [first, second]
    assert list(store.ledger.entries(id_of(2))) == [second]
    assert list(store.ledger.entries(after=1)) == [second]


def test_entries_are_read_past_one_page(store: Store) -> None:
    with store.database.transaction():
        for index in range(1203):
            store.ledger.append("noted", id_of(index % 2), {"index": index})
    assert [entry.number for entry in store.ledger.entries()] == list(range(1, 1204))
    assert len(list(store.ledger.entries(id_of(0)))) == 602


def test_an_export_can_be_checked_with_nothing_of_ours(store: Store) -> None:
    for index in range(3):
        store.ledger.append("noted", id_of(index), {"text": "é\ud800\x00", "index": index})
    previous = "0" * 64
    for entry in store.ledger.export():
        stated = entry.pop("hash")
        assert entry["previous"] == previous
        assert hashlib.sha256(canonical_json(entry)).hexdigest() == stated
        previous = stated
    assert previous == store.ledger.head()


def test_each_repo_has_a_chain_of_its_own(store: Store, folder: Path) -> None:
    other = Ledger(store.database, "other", folder / "other.witness", HandClock())
    store.ledger.append("noted", "", {})
    assert other.append("noted", "", {}).number == 1
    assert other.append("noted", "", {}).number == 2
    assert store.ledger.verify().entries == 1
    assert other.verify().entries == 2
    assert store.ledger.verify().ok
    assert other.verify().ok


@pytest.mark.parametrize(
    "text",
    ["\x00", "\ud800", "\udfff\ud800", "\ud83d" + "\ude00", "\\ud800", "\u2028\u0085\r\n", "😀"],
)
def test_any_text_survives_and_verifies(store: Store, text: str) -> None:
    written = store.ledger.append("noted", "", {text: [text]})
    (read,) = store.ledger.entries()
    assert read == written
    # Two halves of one character are that character for every reader of JSON.
    assert read.data == {whole(text): [whole(text)]}
    assert store.ledger.verify().ok


def whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (datetime(2026, 1, 1, tzinfo=UTC), "datetime"),
        (Path("a"), "Path"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (2**63, "64 bits"),
        ({1: "one"}, "a key is of type int"),
        ({None: "none"}, "a key is of type NoneType"),
        (object(), "object"),
    ],
)
def test_what_is_not_json_is_refused(store: Store, value: object, why: str) -> None:
    with pytest.raises(StoreError, match=why):
        store.ledger.append("noted", "", {"deep": [{"value": value}]})
    assert store.ledger.head() == "0" * 64


def test_what_is_nested_without_end_is_refused(store: Store) -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(StoreError, match="levels deep"):
        store.ledger.append("noted", "", {"endless": endless})


@pytest.mark.parametrize(
    ("kind", "proposal"), [("", ""), ("No", ""), ("noted", "a b"), ("noted", "\ud800")]
)
def test_kinds_and_ids_are_plain(store: Store, kind: str, proposal: str) -> None:
    with pytest.raises(StoreError, match="plain"):
        store.ledger.append(kind, proposal, {})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET data = '{}'",
        "DELETE FROM ledger",
        "REPLACE INTO ledger SELECT * FROM ledger WHERE number = 1",
        "INSERT INTO ledger SELECT repo, 9, at, proposal, kind, data, 'x', 'y' FROM ledger",
        "INSERT INTO ledger SELECT 'new', 0, at, proposal, kind, data, 'x', 'y' FROM ledger",
    ],
)
def test_the_table_itself_only_takes_the_next_entry(store: Store, statement: str) -> None:
    for index in range(2):
        store.ledger.append("noted", "", {"index": index})
    before = list(store.ledger.export())
    with pytest.raises(StoreError, match="append-only"), store.database.transaction() as handle:
        handle.execute(statement)
    assert list(store.ledger.export()) == before


def test_an_entry_of_a_transaction_that_was_taken_back_was_never_there(
    store: Store, folder: Path
) -> None:
    kept = store.ledger.append("noted", "", {})
    with pytest.raises(ZeroDivisionError), store.database.transaction():  # noqa: PT012 - the block is what is tested
        store.ledger.append("noted", "", {"lost": True})
        raise ZeroDivisionError
    assert store.ledger.head() == kept.hash
    assert (folder / "repo.witness").read_text() == f"1 {kept.hash}\n"
    assert store.ledger.append("noted", "", {}).number == 2
    assert store.ledger.verify().ok


def test_nothing_is_appended_where_no_witness_can_be_made(store: Store, folder: Path) -> None:
    (folder / "file").touch()
    ledger = Ledger(store.database, "other", folder / "file" / "other.witness", HandClock())
    with pytest.raises(StoreError, match="file"):
        ledger.append("noted", "", {})
    assert ledger.head() == "0" * 64
