from __future__ import annotations

import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from mai.errors import StoreBusy, StoreCorrupt, StoreError
from mai.store.db import Database
from tests.store import workers
from tests.store.stories import Store


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- opening ---------------------------------------------------------------------------------


def test_everything_it_makes_is_for_the_owner_alone(store: Store, folder: Path) -> None:
    store.ledger.append("noted", "", {})
    backup = store.database.backup()
    assert mode_of(folder) == mode_of(backup.parent) == 0o700
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"mai.db", "mai.db-wal", "repo.witness", backup.name}
    assert {mode_of(path) for path in files} == {0o600}


def test_rights_of_others_are_taken_from_the_file_but_not_from_the_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "mai.db"
    path.touch(0o644)
    path.chmod(0o644)
    Database.open(path).close()
    assert mode_of(path) == 0o600
    assert mode_of(tmp_path) == 0o755


def test_every_commit_is_on_the_disk_before_it_counts(store: Store) -> None:
    assert store.database.rows("PRAGMA journal_mode") == [("wal",)]
    assert store.database.rows("PRAGMA synchronous") == [(2,)]


def test_opening_again_changes_nothing_and_backs_nothing_up(folder: Path) -> None:
    Database.open(folder / "mai.db").close()
    before = (folder / "mai.db").read_bytes()
    database = Database.open(folder / "mai.db")
    database.close()
    assert (folder / "mai.db").read_bytes() == before
    assert database.best_backup() is None


def test_many_processes_may_open_a_database_that_is_not_there_yet(folder: Path) -> None:
    started = [workers.start("append", folder, 2, name) for name in "abcd"]
    assert [workers.line(worker) for worker in started] == ["ready"] * 4
    numbers = [
        int(number)
        for worker in started
        for number in workers.finish(worker)  # closing its input lets it go on
    ]
    assert sorted(numbers) == list(range(1, 9))


def unreadable(path: Path) -> None:
    path.write_bytes(b"This is a letter, not a database. " * 200)


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")


def of_a_newer_mai(path: Path) -> None:
    Database.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as newer:
        newer.execute("INSERT INTO migrations VALUES (999, 'from the future', '2099')")


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (unreadable, StoreCorrupt, "is not a database; there is no backup of it"),
        (of_another_program, StoreError, "belongs to another program"),
        (of_a_newer_mai, StoreError, "was written by a newer Mai"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(
    tmp_path: Path, make: object, error: type[StoreError], sentence: str
) -> None:
    path = tmp_path / "mai.db"
    assert callable(make)
    make(path)
    before = path.read_bytes()
    with pytest.raises(error, match=sentence) as raised:
        Database.open(path)
    assert str(path) in str(raised.value)
    assert path.read_bytes() == before


def test_a_damaged_database_names_what_puts_a_backup_in_place(store: Store, folder: Path) -> None:
    for index in range(200):
        store.ledger.append("noted", "", {"index": index, "padding": "x" * 200})
    store.database.backup()
    store.database.close()
    path = folder / "mai.db"
    page = 4096
    path.write_bytes(path.read_bytes()[: 2 * page] + b"\xff" * (path.stat().st_size - 2 * page))
    with pytest.raises(StoreCorrupt) as raised, closing(Database.open(path)) as damaged:
        damaged.rows("SELECT * FROM ledger")
    assert "`mai restore`" in str(raised.value)
    assert "200 entries" in str(raised.value)


def test_a_path_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "mai.db", Path("/proc/mai/mai.db"), tmp_path):
        with pytest.raises(StoreError, match=str(path.parent)):
            Database.open(path)


def test_a_folder_that_may_not_be_written_is_told_in_a_sentence(public_folder: Path) -> None:
    public_folder.chmod(0o555)
    (told,) = workers.finish(workers.start("open_as_nobody", public_folder))
    lock = public_folder / "mai.db.lock"
    assert told == f"StoreError: The file {lock} cannot be used: Permission denied."


# --- transactions ----------------------------------------------------------------------------


def test_an_exception_takes_the_whole_transaction_back(store: Store) -> None:
    store.ledger.append("noted", "", {"stays": True})
    with pytest.raises(KeyboardInterrupt), store.database.transaction():  # noqa: PT012 - the block is what is tested
        store.ledger.append("noted", "", {"stays": False})
        raise KeyboardInterrupt
    assert [entry.data for entry in store.ledger.entries()] == [{"stays": True}]
    assert store.ledger.verify() == store.ledger.verify({"commit": store.ledger.head()})


def test_an_inner_transaction_joins_and_can_fail_alone(store: Store) -> None:
    done: list[str] = []
    with store.database.transaction():
        store.ledger.append("noted", "", {"part": "outer"})
        store.database.after_commit(lambda: done.append("outer"))
        with pytest.raises(ZeroDivisionError), store.database.transaction():  # noqa: PT012 - the block is what is tested
            store.ledger.append("noted", "", {"part": "inner"})
            store.database.after_commit(lambda: done.append("inner"))
            raise ZeroDivisionError
        assert done == []
    assert done == ["outer"]
    assert [entry.data for entry in store.ledger.entries()] == [{"part": "outer"}]
    assert store.ledger.verify().ok


def test_what_follows_a_commit_runs_at_once_without_one_and_never_after_a_rollback(
    store: Store,
) -> None:
    done: list[str] = []
    store.database.after_commit(lambda: done.append("at once"))
    with pytest.raises(ZeroDivisionError), store.database.transaction():  # noqa: PT012 - the block is what is tested
        store.database.after_commit(lambda: done.append("never"))
        raise ZeroDivisionError
    with store.database.transaction():
        pass
    assert done == ["at once"]


def test_threads_share_a_database(store: Store) -> None:
    def append(index: int) -> int:
        return store.ledger.append("noted", "", {"index": index}).number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(append, range(64)))
    assert sorted(numbers) == list(range(1, 65))
    assert store.ledger.verify().ok


def test_connections_of_threads_that_ended_are_closed(store: Store) -> None:
    for _ in range(20):
        thread = threading.Thread(target=store.ledger.head)
        thread.start()
        thread.join()
    assert len(store.database._sessions) <= 3


def test_a_closed_database_says_so(store: Store) -> None:
    store.database.close()
    store.database.close()
    with pytest.raises(StoreError, match="was closed"):
        store.ledger.head()


def test_a_forked_child_is_told_to_open_its_own(folder: Path) -> None:
    refused, number = workers.finish(workers.start("fork", folder))
    assert "must be opened again" in refused
    assert number == "1"


# --- trouble ---------------------------------------------------------------------------------


def test_a_database_held_by_another_process_is_busy_and_loses_nothing(folder: Path) -> None:
    store = Store.open(folder, busy_timeout_s=0.1)
    with closing(store.database):
        store.ledger.append("noted", "", {"index": 1})
        holder = workers.start("hold", folder)
        assert workers.line(holder) == "held"
        with pytest.raises(StoreBusy, match="held by another process"):
            store.ledger.append("noted", "", {"index": 2})
        assert len(list(store.ledger.entries())) == 1
        workers.finish(holder)
        assert store.ledger.append("noted", "", {"index": 2}).number == 2
        assert store.ledger.verify().ok


def test_a_full_disk_is_told_and_loses_nothing(store: Store) -> None:
    kept = store.ledger.append("noted", "", {"index": 1})
    with store.database.reading() as handle:
        pages = handle.execute("PRAGMA page_count").fetchone()[0]
        handle.execute(f"PRAGMA max_page_count={pages + 1}").fetchall()
    with pytest.raises(StoreError, match="the disk is full"):
        store.ledger.append("noted", "", {"padding": "x" * 1_000_000})
    assert list(store.ledger.entries()) == [kept]
    with store.database.reading() as handle:
        handle.execute("PRAGMA max_page_count=100000").fetchall()
    store.ledger.append("noted", "", {"padding": "x" * 1_000_000})
    assert store.ledger.verify().entries == 2


def test_an_outer_transaction_that_a_full_disk_ended_cannot_go_on(store: Store) -> None:
    with store.database.reading() as handle:
        pages = handle.execute("PRAGMA page_count").fetchone()[0]
        handle.execute(f"PRAGMA max_page_count={pages + 1}").fetchall()
    with pytest.raises(StoreError), store.database.transaction():  # noqa: PT012 - the block is what is tested
        store.ledger.append("noted", "", {"index": 1})
        with pytest.raises(StoreError, match="the disk is full"):
            store.ledger.append("noted", "", {"padding": "x" * 1_000_000})
        with store.database.reading() as handle:
            if handle.conn.in_transaction:  # SQLite chooses; end it as it would
                handle.execute("ROLLBACK")
        store.ledger.append("noted", "", {"index": 2})
    assert list(store.ledger.entries()) == []
    assert store.ledger.verify().ok
