from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mai.digest import canonical_json
from mai.errors import StoreCorrupt
from mai.store.ledger import Ledger
from tests.store.stories import DIGEST, JUDGED, HandClock, Store, id_of, tell

LENGTH = 5


@pytest.fixture
def chain(store: Store) -> Store:
    """A store with five entries and a second chain beside them."""
    for index in range(LENGTH):
        store.ledger.append("noted", id_of(index), {"index": index})
    return store


def tamper(folder: Path, *statements: str, **values: object) -> None:
    """Do what somebody with the file and a SQLite shell can do."""
    with closing(sqlite3.connect(folder / "mai.db")) as raw:
        for (name,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            raw.execute(statement, values)
        raw.commit()


def problems(store: Store) -> tuple[str, ...]:
    verification = store.ledger.verify()
    assert verification.ok is not bool(verification.problems)
    return verification.problems


def test_a_whole_chain_verifies(chain: Store) -> None:
    verification = chain.ledger.verify({"a" * 40: chain.ledger.head()})
    assert verification.ok
    assert verification.problems == ()
    assert (verification.entries, verification.witnessed) == (LENGTH, LENGTH)
    assert verification.head == chain.ledger.head()


def test_an_empty_chain_verifies(store: Store) -> None:
    assert store.ledger.verify().ok


# --- one entry -------------------------------------------------------------------------------

ALTERATIONS = [
    "at = '2027-01-01T00:00:00.000+00:00'",
    "at = 7",
    "at = x'ff'",
    "proposal = '00000000004d'",
    "proposal = ''",
    "proposal = x'00'",
    "kind = 'approved'",
    "data = '{\"index\": 0}'",
    "data = '{\"index\":0,\"index\":' || (number - 1) || '}'",
    "data = '{}'",
    "data = '[]'",
    "data = 'NaN'",
    "data = '{'",
    "data = 7",
    "data = x'fffe'",
    "data = char(0)",
    "data = data || ' '",
    "previous = 'another'",
    "previous = x'00'",
    "hash = 'another'",
    "hash = 7",
]


@pytest.mark.parametrize("number", range(1, LENGTH + 1))
@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_entry_is_named(
    chain: Store, folder: Path, number: int, alteration: str
) -> None:
    statement = f"UPDATE ledger SET {alteration} WHERE number = :number"  # noqa: S608 - constants
    tamper(folder, statement, number=number)
    assert f"Entry {number} was altered: its hash does not fit what it says." in problems(chain)


def test_an_entry_moved_to_another_repo_is_named_in_both(chain: Store, folder: Path) -> None:
    tamper(folder, "UPDATE ledger SET repo = 'other' WHERE number = 3")
    assert problems(chain) == ("Entry 3 is missing.",)
    other = Ledger(chain.database, "other", folder / "other.witness", HandClock())
    assert "Entry 3 was altered: its hash does not fit what it says." in other.verify().problems


@pytest.mark.parametrize("number", range(1, LENGTH + 1))
def test_an_entry_altered_together_with_its_hash_is_named(
    chain: Store, folder: Path, number: int
) -> None:
    forged = list(chain.ledger.export())[number - 1] | {"data": {"index": 99}}
    del forged["hash"]
    tamper(
        folder,
        "UPDATE ledger SET data = :data, hash = :hash WHERE number = :number",
        data='{"index":99}',
        hash=hashlib.sha256(canonical_json(forged)).hexdigest(),
        number=number,
    )
    (problem,) = problems(chain)
    if number == LENGTH:
        assert problem == f"Entry {number} is not the one that the witness saw."
    else:
        assert problem.startswith(f"Entry {number + 1} does not follow entry {number}: ")


@pytest.mark.parametrize("number", range(1, LENGTH))
def test_a_removed_entry_is_named(chain: Store, folder: Path, number: int) -> None:
    tamper(folder, "DELETE FROM ledger WHERE number = :number", number=number)
    assert problems(chain) == (f"Entry {number} is missing.",)


def test_several_removed_entries_are_named(chain: Store, folder: Path) -> None:
    tamper(folder, "DELETE FROM ledger WHERE number IN (2, 3)")
    assert problems(chain) == ("Entries 2 to 3 are missing.",)


@pytest.mark.parametrize("number", range(1, LENGTH))
def test_closing_the_gap_does_not_hide_a_removed_entry(
    chain: Store, folder: Path, number: int
) -> None:
    tamper(
        folder,
        "DELETE FROM ledger WHERE number = :number",
        "UPDATE ledger SET number = 1 - number WHERE number > :number",
        "UPDATE ledger SET number = -number WHERE number < 0",
        number=number,
    )
    found = problems(chain)
    assert f"Entry {number} was altered: its hash does not fit what it says." in found
    assert any("its end was cut off" in problem for problem in found)


@pytest.mark.parametrize("number", range(1, LENGTH))
def test_reordered_entries_are_named(chain: Store, folder: Path, number: int) -> None:
    tamper(
        folder,
        "UPDATE ledger SET number = 99 WHERE number = :number",
        "UPDATE ledger SET number = :number WHERE number = :number + 1",
        "UPDATE ledger SET number = :number + 1 WHERE number = 99",
        number=number,
    )
    found = problems(chain)
    for moved in (number, number + 1):
        assert f"Entry {moved} was altered: its hash does not fit what it says." in found


@pytest.mark.parametrize("number", range(1, LENGTH + 1))
def test_an_inserted_entry_is_named(chain: Store, folder: Path, number: int) -> None:
    tamper(
        folder,
        "UPDATE ledger SET number = -1 - number WHERE number >= :number",
        "UPDATE ledger SET number = -number WHERE number < 0",
        "INSERT INTO ledger VALUES "
        "('repo', :number, '2026', '', 'noted', '{}', 'what came before', 'what it says')",
        number=number,
    )
    assert f"Entry {number} was altered: its hash does not fit what it says." in problems(chain)


def test_a_second_entry_of_one_number_is_named(chain: Store, folder: Path) -> None:
    tamper(
        folder,
        "CREATE TABLE copy AS SELECT * FROM ledger",
        "INSERT INTO copy SELECT * FROM ledger WHERE number = 3",
        "INSERT INTO copy SELECT repo, 'x', at, proposal, kind, data, previous, hash "
        "FROM ledger WHERE number = 4",
        "DROP TABLE ledger",
        "ALTER TABLE copy RENAME TO ledger",
    )
    found = problems(chain)
    assert "Entry 3 is out of place: the chain had already reached 3." in found
    assert "After entry 5 stands one whose number is 'x'." in found


def test_an_entry_that_cannot_be_read_stops_readers_with_a_sentence(
    chain: Store, folder: Path
) -> None:
    tamper(folder, "UPDATE ledger SET data = x'ff' WHERE number = 3")
    with pytest.raises(StoreCorrupt, match=r"Entry 3 .* cannot be read: `mai audit verify`"):
        list(chain.ledger.entries())


def test_nothing_is_approved_on_the_strength_of_an_altered_entry(
    store: Store, folder: Path
) -> None:
    tell(store.inbox, id_of(1), *JUDGED)
    tamper(folder, "UPDATE ledger SET data = replace(data, 'Fix it', 'Fix me') WHERE number = 1")
    with pytest.raises(StoreCorrupt, match="Entry 1 of the ledger was altered"):
        store.inbox.approve(id_of(1), DIGEST, "terminal:ana")


# --- the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("left", range(LENGTH))
def test_a_cut_end_shows_and_goes_on_showing(chain: Store, folder: Path, left: int) -> None:
    tamper(folder, "DELETE FROM ledger WHERE number > :left", left=left)
    expected = f"The chain ends at entry {left}, but the witness saw {LENGTH}: its end was cut off."
    assert problems(chain) == (expected,)
    chain.ledger.append("noted", "", {"new": True})
    assert problems(chain)
    for _ in range(LENGTH):
        chain.ledger.append("noted", "", {"new": True})
    assert problems(chain) == (f"Entry {LENGTH} is not the one that the witness saw.",)


def test_a_person_may_accept_a_lost_end_and_it_stays_on_record(chain: Store, folder: Path) -> None:
    landed = {"a" * 40: chain.ledger.head()}
    tamper(folder, "DELETE FROM ledger WHERE number > 3")
    assert len(chain.ledger.verify(landed).problems) == 2
    found = chain.ledger.accept_loss("terminal:ana", landed)
    assert (found.ok, found.entries, found.witnessed) == (True, 4, 4)
    assert found.accepted == frozenset(landed.values())
    last = list(chain.ledger.entries())[-1]
    assert (last.kind, last.data["by"]) == ("loss_accepted", "terminal:ana")
    assert chain.ledger.accept_loss("terminal:ana", landed).entries == 4
    # What is lost after that is not covered by it.
    later = {**landed, "b" * 40: "f" * 64}
    assert len(chain.ledger.verify(later).problems) == 1
    tamper(folder, "DELETE FROM ledger WHERE number > 3")
    assert len(chain.ledger.verify(landed).problems) == 2


@pytest.mark.parametrize(
    "change", ["DELETE FROM ledger WHERE number = 2", "UPDATE ledger SET data = '{}'"]
)
def test_what_was_altered_cannot_be_accepted(chain: Store, folder: Path, change: str) -> None:
    tamper(folder, change)
    with pytest.raises(StoreCorrupt, match="that cannot"):
        chain.ledger.accept_loss("terminal:ana")
    assert len(list(chain.ledger.entries())) <= LENGTH


def test_an_acceptance_that_was_written_by_hand_accepts_nothing(chain: Store, folder: Path) -> None:
    chain.ledger.append("loss_accepted", "", {"lost": ["e" * 64]})
    assert chain.ledger.verify({"a" * 40: "e" * 64}).ok
    tamper(
        folder,
        "UPDATE ledger SET data = :data WHERE number = 6",
        data=json.dumps({"lost": ["f" * 64]}),
    )
    assert not chain.ledger.verify({"a" * 40: "f" * 64}).accepted


def remove(witness: Path) -> None:
    witness.unlink()


def garble(witness: Path) -> None:
    witness.write_bytes(b"\xff five")


def empty(witness: Path) -> None:
    witness.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [(remove, "is missing"), (garble, "cannot be read"), (empty, "cannot be read")],
)
def test_a_spoilt_witness_shows_and_goes_on_showing(
    chain: Store, folder: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(folder / "repo.witness")
    for _ in range(2):
        (problem,) = problems(chain)
        assert sentence in problem
        chain.ledger.append("noted", "", {})


def test_a_witness_that_lags_behind_is_no_problem(chain: Store, folder: Path) -> None:
    second = list(chain.ledger.entries())[1]
    (folder / "repo.witness").write_text(f"2 {second.hash}\n")
    assert problems(chain) == ()
    chain.ledger.append("noted", "", {})
    assert chain.ledger.verify().witnessed == LENGTH + 1


def test_every_anchor_must_be_in_the_chain(chain: Store) -> None:
    heads = [entry.hash for entry in chain.ledger.entries()]
    good = {f"{number:040x}": head for number, head in enumerate(heads)}
    assert chain.ledger.verify(good).ok
    verification = chain.ledger.verify({**good, "c" * 40: "d" * 64, "e" * 40: heads[0][:12]})
    assert not verification.ok
    assert [problem[:20] for problem in verification.problems] == [
        "Commit ccccccccccc… ",
        "Commit eeeeeeeeeee… ",
    ]
