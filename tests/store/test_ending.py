"""A ledger whose end is not the one that was written: seen at once, and nothing goes on from it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mai.errors import LedgerLost
from mai.proposal import State
from tests.store.stories import ANA, DIGEST, ID, JUDGED, Store, data_of, id_of, tell

OTHER = "0123456789ab"


def copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as now, closing(sqlite3.connect(target)) as then:
        now.backup(then)


@pytest.fixture
def lived(folder: Path) -> Path:
    """A folder with a ledger of two proposals, one of them landed, and copies from before."""
    with closing(Store.open(folder).database) as database:
        database.backup()
    for name, proposal_id, kinds in (
        ("early.db", ID, JUDGED),
        ("late.db", ID, ("approved", "landed")),
        ("last.db", OTHER, JUDGED),
    ):
        store = Store.open(folder)
        tell(store.inbox, proposal_id, *kinds)
        copy(folder / "mai.db", folder.parent / name)
        store.database.close()
    return folder


def put(name: str) -> Callable[[Path], object]:
    return lambda folder: shutil.copyfile(folder.parent / name, folder / "mai.db")


def replaced_by_another_of_the_same_length(folder: Path) -> None:
    (folder / "repo.witness").rename(folder / "kept")
    (folder / "mai.db").unlink()
    store = Store.open(folder)
    tell(store.inbox, OTHER, *JUDGED, "approved", "landed")
    tell(store.inbox, ID, *JUDGED)
    store.database.close()
    (folder / "kept").replace(folder / "repo.witness")


LOSSES: list[Callable[[Path], object]] = [
    put("early.db"),
    put("late.db"),
    lambda folder: (folder / "mai.db").write_bytes(b""),
    lambda folder: (folder / "mai.db").unlink(),
    lambda folder: (folder / "repo.witness").unlink(),
    lambda folder: (folder / "repo.witness").write_text(""),
    lambda folder: (folder / "repo.witness").write_text(f"15 {'a' * 64}\n"),
    replaced_by_another_of_the_same_length,
]


@pytest.mark.parametrize("lose", LOSSES)
def test_nothing_goes_on_from_a_lost_end_until_a_person_accepts_it(
    lived: Path, lose: Callable[[Path], object]
) -> None:
    lose(lived)
    store = Store.open(lived)
    assert store.ledger.loss()
    before = store.ledger.head()
    seen = [proposal.id for proposal in store.inbox.all()]  # looking still looks
    store.clock.advance(days=30)
    assert store.inbox.expire_due() == []
    for proposal in store.inbox.pending():
        with pytest.raises(LedgerLost, match="`mai restore`"):
            store.inbox.approve(proposal.id, DIGEST, ANA)
        with pytest.raises(LedgerLost):
            store.inbox.reject(proposal.id, "", ANA)
    with pytest.raises(LedgerLost):
        store.inbox.record(id_of(7), "proposed", data_of("proposed", id_of(7)))
    assert store.ledger.head() == before
    assert store.ledger.accept_loss(ANA).ok
    assert store.ledger.loss() is None
    tell(store.inbox, id_of(7), *JUDGED)
    assert {proposal.id for proposal in store.inbox.all()} == {*seen, id_of(7)}
    store.database.close()


@pytest.mark.parametrize("behind", [0, 3, 14])
def test_a_witness_that_a_crash_left_behind_stops_nothing(lived: Path, behind: int) -> None:
    store = Store.open(lived)
    hashes = ["0" * 64, *(entry.hash for entry in store.ledger.entries())]
    (lived / "repo.witness").write_text(f"{behind} {hashes[behind]}\n")
    assert store.ledger.loss() is None
    assert store.inbox.approve(OTHER, DIGEST, ANA).state is State.APPROVED
    store.database.close()


def test_an_empty_ledger_has_lost_nothing(store: Store) -> None:
    assert store.ledger.loss() is None
    tell(store.inbox, ID, *JUDGED)
    assert store.ledger.loss() is None
