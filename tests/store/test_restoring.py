"""A backup in the database's place: what was there stays, whenever the process is killed."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mai.errors import StoreBusy, StoreCorrupt, StoreError, UsageError
from mai.store import contents, files, restoring
from mai.store.contents import Kind
from mai.store.db import Database
from tests.store import workers
from tests.store.stories import START, Store

POINTS = [
    "restore:copied",
    "restore:decided",
    "restore:aside-wal",
    "restore:aside",
    "restore:placed",
]


def rows(path: Path) -> int:
    return contents.read(path, checks_pages=True).rows


@pytest.fixture
def hot(folder: Path) -> tuple[Path, Path]:
    """A backup of 5 entries, and a database of 60 that a killed process left with a hot WAL."""
    store = Store.open(folder)
    for _ in range(5):
        store.ledger.append("noted", "", {})
    backup = store.database.backup()
    store.database.close()
    writer = workers.start("append", folder, 1000, "writer")
    assert workers.line(writer) == "ready"
    assert writer.stdin
    writer.stdin.write("\n")
    writer.stdin.flush()
    while int(workers.line(writer)) < 60:
        pass
    writer.kill()
    writer.communicate()
    return folder / "mai.db", backup


def test_what_was_there_is_set_aside_whole(hot: tuple[Path, Path]) -> None:
    database, backup = hot
    assert Path(f"{database}-wal").stat().st_size > 0
    done = restoring.restore(database, backup, START, 1)
    assert done.set_aside is not None
    assert rows(done.set_aside) >= 60
    assert rows(database) == rows(backup) == 5
    for suffix in ("-wal", "-shm", "-journal"):
        assert not Path(f"{database}{suffix}").exists()
    assert database.stat().st_mode & 0o777 == 0o600
    # And back again: what was set aside is as good as a backup.
    best = restoring.choices(database)[0]
    assert best.path == done.set_aside
    restoring.restore(database, best.path, START, 1)
    assert rows(database) >= 60
    assert len(list((database.parent / "set-aside").glob("*.db"))) == 2


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_loses_nothing_and_the_next_start_finishes(
    hot: tuple[Path, Path], point: str
) -> None:
    database, backup = hot
    killed = workers.start("restore", database.parent, backup, MAI_CRASH_AT=point)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    was_decided = point != "restore:copied"
    with closing(Database.open(database)) as opened:
        (count,) = opened.rows("SELECT count(*) FROM ledger")[0]
    aside = list((database.parent / "set-aside").glob("*.db"))
    if was_decided:
        assert count == 5
        assert [rows(path) >= 60 for path in aside] == [True]
    else:
        assert count >= 60
        assert aside == []
    # Asked for again, it is done, and still everything is there.
    restoring.restore(database, backup, START, 1)
    assert rows(database) == 5
    everything = list((database.parent / "set-aside").glob("*.db"))
    assert max(map(rows, everything)) >= 60
    assert not list(database.parent.glob("*partial*"))
    assert not restoring.is_unfinished(database)


def test_it_is_refused_while_another_mai_runs(hot: tuple[Path, Path]) -> None:
    database, backup = hot
    running = workers.start("append", database.parent, 1, "other")
    assert workers.line(running) == "ready"
    with pytest.raises(StoreBusy, match=rf"running \(process {running.pid}\)"):
        restoring.restore(database, backup, START, 1)
    running.kill()
    running.communicate()
    assert restoring.restore(database, backup, START, 1).set_aside


def test_nobody_opens_the_database_in_the_middle_of_it(hot: tuple[Path, Path]) -> None:
    database, _ = hot
    with files.locked(files.opening_lock(database), 1), pytest.raises(StoreBusy):
        Database.open(database, busy_timeout_s=0.1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("no database, but long enough to be taken for one" * 40)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


def other_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO migrations VALUES (9000, 'later', '2030')")
        connection.commit()


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (empty, Kind.EMPTY),
        (text, Kind.DAMAGED),
        (cut, Kind.DAMAGED),
        (other_program, Kind.FOREIGN),
        (newer, Kind.NEWER),
        (Path.unlink, Kind.MISSING),
    ],
)
def test_what_is_no_sound_backup_is_refused_and_nothing_is_touched(
    hot: tuple[Path, Path], spoil: Callable[[Path], None], kind: Kind
) -> None:
    database, backup = hot
    spoil(backup)
    assert contents.read(backup, checks_pages=True).kind is kind
    before = database.read_bytes()
    with pytest.raises(StoreError):
        restoring.restore(database, backup, START, 1)
    assert database.read_bytes() == before
    assert rows(database) >= 60
    assert not (database.parent / "set-aside").exists()


@pytest.mark.parametrize("spoil", [other_program, newer])
def test_what_is_not_this_mais_is_never_set_aside(
    hot: tuple[Path, Path], spoil: Callable[[Path], None]
) -> None:
    database, backup = hot
    Database.open(database).close()
    spoil(database)
    before = database.read_bytes()
    with pytest.raises(StoreError, match="I leave"):
        restoring.restore(database, backup, START, 1)
    assert database.read_bytes() == before


@pytest.mark.parametrize("spoil", [empty, text, cut, Path.unlink])
def test_what_is_broken_is_set_aside_as_it_is(
    hot: tuple[Path, Path], spoil: Callable[[Path], None]
) -> None:
    database, backup = hot
    Database.open(database).close()
    spoil(database)
    before = database.read_bytes() if database.exists() else None
    done = restoring.restore(database, backup, START, 1)
    assert rows(database) == 5
    assert (done.set_aside.read_bytes() if done.set_aside else None) == before


def test_a_full_disk_leaves_everything_as_it_was(
    hot: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, backup = hot

    def full(_handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        restoring.restore(database, backup, START, 1)
    monkeypatch.undo()
    assert rows(database) >= 60
    assert not list(database.parent.glob("*partial*"))


def test_backups_are_named_by_path_or_by_name(hot: tuple[Path, Path], tmp_path: Path) -> None:
    database, backup = hot
    elsewhere = shutil.copy(backup, tmp_path / "copy.db")
    assert restoring.find(database, str(elsewhere)) == elsewhere
    assert restoring.find(database, backup.name) == backup
    with pytest.raises(UsageError, match="lists what there is"):
        restoring.find(database, "none.db")


def test_choices_come_best_first_and_say_what_is_wrong(hot: tuple[Path, Path]) -> None:
    database, backup = hot
    cut(Path(shutil.copy(backup, backup.with_name("mai-20270101T000000000000Z.db"))))
    first, second = restoring.choices(database)
    assert (first.path, first.rows) == (backup, 5)
    assert first.last_at.startswith("2026-01-02")
    assert second.kind is Kind.DAMAGED
    with pytest.raises(StoreCorrupt):
        restoring.restore(database, second.path, START, 1)


def test_a_database_behind_a_link_is_set_aside_where_it_lies(
    hot: tuple[Path, Path], tmp_path: Path
) -> None:
    database, backup = hot
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "mai.db"
    link.symlink_to(Path("..") / database.parent.name / database.name)
    done = restoring.restore(link, backup, START, 1)
    assert done.set_aside is not None
    assert rows(done.set_aside) >= 60
    assert link.is_symlink()
    assert rows(link) == rows(database) == 5
