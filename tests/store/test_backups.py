from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlite_utils

from mai.errors import StoreBusy, StoreCorrupt, StoreError
from mai.store import contents
from mai.store.db import Database
from mai.store.files import locked
from mai.store.ledger import Ledger
from mai.store.migrations import MIGRATIONS, Migration
from tests.store import workers
from tests.store.stories import START, HandClock, Store


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "backups").iterdir())


def best(database: Database) -> Path | None:
    found = database.best_backup()
    return found.path if found else None


def entries_in(backup: Path, folder: Path) -> int:
    """Open a backup as what it is, a database, and count what a whole chain in it holds."""
    with closing(Database.open(backup)) as database:
        ledger = Ledger(database, "repo", folder / "repo.witness", HandClock())
        verification = ledger.verify()
        behind = [problem for problem in verification.problems if "its end was cut off" in problem]
        assert list(verification.problems) == behind
        return verification.entries


def test_a_backup_is_one_whole_file_named_by_its_time(store: Store, folder: Path) -> None:
    store.ledger.append("noted", "", {})
    backup = store.database.backup()
    assert backup.name == "mai-20260102T030405678000Z.db"
    assert names_in(folder) == [backup.name]
    assert best(store.database) == backup
    # Bytes 18 and 19 say which journal a reader needs: 1 is none beside it, 2 would be a WAL
    # (https://sqlite.org/fileformat2.html, section 1.3).
    assert backup.read_bytes()[18:20] == b"\x01\x01"
    assert entries_in(backup, folder) == 1


def test_two_backups_at_one_instant_do_not_overwrite_each_other(store: Store) -> None:
    first, second = store.database.backup(), store.database.backup()
    assert first != second
    assert first.exists()
    assert best(store.database) == second


def test_only_the_newest_are_kept(folder: Path) -> None:
    clock = HandClock()
    with closing(Database.open(folder / "mai.db", backups_kept=3, clock=clock)) as database:
        made = []
        for _ in range(5):
            made.append(database.backup())
            clock.advance(hours=1)
    assert names_in(folder) == [path.name for path in made[2:]]


def test_one_is_due_after_so_many_hours(store: Store) -> None:
    assert store.database.backup_if_due(24) is None  # there is nothing to lose
    store.database.backup()
    store.ledger.append("noted", "", {})
    assert store.database.backup_if_due(24) is not None  # one that holds nothing counts as none
    store.clock.advance(hours=23, minutes=59)
    assert store.database.backup_if_due(24) is None
    store.clock.advance(minutes=2)
    assert store.database.backup_if_due(24) == best(store.database)


def test_a_backup_from_a_future_that_was_set_back_does_not_stop_the_next(store: Store) -> None:
    store.ledger.append("noted", "", {})
    store.clock.advance(days=300)
    store.database.backup()
    store.clock.at = START
    assert store.database.backup_if_due(24) is not None


def test_a_clock_that_was_wrong_once_makes_no_new_backup_vanish(folder: Path) -> None:
    clock = HandClock(START + timedelta(days=9000))
    with closing(Database.open(folder / "mai.db", backups_kept=3, clock=clock)) as database:
        ledger = Ledger(database, "repo", folder / "repo.witness", clock)
        for days in (1, 1, 1, -9001, 1, 1, 1):
            ledger.append("noted", "", {})
            made = database.backup()
            assert made.exists()
            assert best(database) == made
            assert len(names_in(folder)) <= 3
            clock.advance(days=days)
        # The last three that were made, whatever their names say.
        assert sorted(
            contents.read(folder / "backups" / name).rows for name in names_in(folder)
        ) == [
            5,
            6,
            7,
        ]


def test_what_only_an_older_backup_holds_is_not_pushed_out(folder: Path) -> None:
    store = Store.open(folder)
    for _ in range(9):
        store.ledger.append("noted", "", {})
        store.clock.advance(hours=1)
        store.database.backup()
    lost = best(store.database)
    assert lost is not None
    store.database.close()
    (folder / "mai.db").unlink()
    store = Store.open(folder)  # another life, with fewer entries for a long time
    made = []
    for _ in range(8):
        store.ledger.append("noted", "", {"life": 2})
        store.clock.advance(hours=1)
        made.append(store.database.backup())
        assert made[-1].exists()
    store.database.close()
    assert set(names_in(folder)) == {lost.name, *(path.name for path in made[-7:])}


def test_what_is_no_backup_of_mais_is_neither_chosen_nor_removed(
    store: Store, folder: Path
) -> None:
    store.ledger.append("noted", "", {})
    whole = store.database.backup()
    strangers = {}
    for day, data in enumerate((b"", b"no database" * 99, whole.read_bytes()[:5000]), 10):
        path = folder / "backups" / f"mai-203001{day}T000000000000Z.db"
        path.write_bytes(data)
        strangers[path] = data
    for _ in range(9):
        store.clock.advance(hours=1)
        store.database.backup()
    found = best(store.database)
    assert found is not None
    assert found.name.startswith("mai-20260102")
    assert {path: path.read_bytes() for path in strangers} == strangers


def test_half_a_backup_is_never_the_newest_and_goes_away(store: Store, folder: Path) -> None:
    whole = store.database.backup()
    partial = folder / "backups" / ".mai-20990101T000000000000Z.db.partial"
    partial.write_bytes(whole.read_bytes()[:100])
    for stranger in ("mai-99999999T999999999999Z.db", "other.txt"):
        (folder / "backups" / stranger).touch()
    assert best(store.database) == whole
    store.database.backup()
    assert not partial.exists()
    assert (folder / "backups" / "other.txt").exists()


def test_a_damaged_database_does_not_push_sound_backups_out(folder: Path) -> None:
    with closing(Database.open(folder / "mai.db", backups_kept=1)) as database:
        ledger = Ledger(database, "repo", folder / "repo.witness", HandClock())
        for index in range(200):
            ledger.append("noted", "", {"index": index, "padding": "x" * 200})
        sound = database.backup()
    path = folder / "mai.db"
    with path.open("r+b") as file:
        file.seek(9 * 4096)
        file.write(b"\xff" * 4096)
    with closing(Database.open(path, backups_kept=1)) as damaged:
        with pytest.raises(StoreCorrupt):
            damaged.backup()
        assert best(damaged) == sound
    assert names_in(folder) == [sound.name]


def test_backups_are_consistent_while_another_process_writes(store: Store, folder: Path) -> None:
    store.ledger.append("noted", "", {})
    writer = workers.start("append", folder, 60, "writer")
    assert workers.line(writer) == "ready"
    assert writer.stdin
    writer.stdin.write("\n")
    writer.stdin.flush()
    counts = []
    for _ in range(5):
        workers.line(writer)
        counts.append(entries_in(store.database.backup(), folder))
    workers.finish(writer)
    assert counts == sorted(counts)
    assert 1 <= counts[0] <= counts[-1] <= 61


def test_one_backup_is_made_at_a_time(folder: Path) -> None:
    with closing(Store.open(folder, busy_timeout_s=0.1).database) as database:
        Ledger(database, "repo", folder / "repo.witness", HandClock()).append("noted", "", {})
        with locked(folder / "mai.db.backup.lock", 1):
            assert database.backup_if_due(1) is None
            with pytest.raises(StoreBusy):
                database.backup()
        assert best(database) is None
        assert database.backup_if_due(1) is not None


# --- migrations ------------------------------------------------------------------------------


def add_table(database: sqlite_utils.Database) -> None:
    database.execute("CREATE TABLE extra (note TEXT)")


def add_table_and_fail(database: sqlite_utils.Database) -> None:
    add_table(database)
    database.execute("CREATE TABLE extra (note TEXT)")


@pytest.fixture
def old(folder: Path) -> Path:
    """A database as this Mai leaves it, before a newer one comes."""
    with closing(Store.open(folder).database) as database:
        Ledger(database, "repo", folder / "repo.witness", HandClock()).append("noted", "", {})
    return folder / "mai.db"


def update(monkeypatch: pytest.MonkeyPatch, apply: object) -> None:
    assert callable(apply)
    newer = (*MIGRATIONS, Migration(len(MIGRATIONS) + 1, "extra", apply))
    monkeypatch.setattr("mai.store.db.MIGRATIONS", newer)


def test_a_migration_is_made_once_after_a_backup(
    old: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(monkeypatch, add_table)
    for _ in range(2):
        with closing(Database.open(old)) as database:
            assert database.rows("SELECT name FROM migrations ORDER BY number") == [
                *((migration.name,) for migration in MIGRATIONS),
                ("extra",),
            ]
            backup = best(database)
    assert backup
    assert names_in(folder) == [backup.name]
    with closing(sqlite3.connect(backup)) as before:
        assert before.execute("SELECT count(*) FROM ledger").fetchone() == (1,)
        assert not before.execute("SELECT 1 FROM sqlite_master WHERE name='extra'").fetchall()


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    old: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        update(patch, add_table_and_fail)
        with pytest.raises(StoreError, match="already exists"):
            Database.open(old)
    with closing(Store.open(folder).database) as database:
        assert database.rows("SELECT name FROM sqlite_master WHERE name = 'extra'") == []
        assert database.rows("SELECT count(*) FROM ledger") == [(1,)]


def test_an_older_mai_refuses_what_a_newer_one_migrated(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        update(patch, add_table)
        Database.open(old, clock=HandClock(START + timedelta(days=1))).close()
    with pytest.raises(StoreError, match="newer Mai"):
        Database.open(old)
