"""What the doctor says of the database, its ledgers and its backups, and what it advises."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mai import doctor
from mai.settings import Settings, load
from mai.store.backups import made
from mai.store.db import Database
from mai.store.ledger import Ledger
from mai.system import checks_here
from mai.system.check import Check, Status
from mai.system.rights import opening
from tests.store.stories import HandClock
from tests.store.test_verify import tamper

CHECKS = dict(doctor.CHECKERS)
RESTORE, ACCEPT = "mai restore", "mai audit accept"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(memory_db_path=tmp_path / "data" / "mai.db", log_dir=tmp_path / "logs")


def checked(settings: Settings, name: str) -> Check:
    return CHECKS[name](settings, settings.data_dir)


def ledger_of(database: Database, settings: Settings) -> Ledger:
    return Ledger(database, "repo", settings.data_dir / "repos" / "repo.head", HandClock())


def lived(settings: Settings, *, backs_up: int = 0) -> Path:
    """Write 60 entries; with `backs_up`, a backup after so many."""
    with closing(Database.open(settings.memory_db_path)) as database:
        ledger = ledger_of(database, settings)
        for number in range(1, 61):
            ledger.append("noted", "", {"number": number, "padding": "x" * 300})
            if number == backs_up:
                database.backup()
    return settings.memory_db_path


def test_before_anything_was_written_all_is_well(settings: Settings) -> None:
    for name in ("database", "ledger", "backup"):
        assert checked(settings, name).status is Status.OK
    settings.memory_db_path.parent.mkdir()
    settings.memory_db_path.touch()
    assert checked(settings, "database").text.endswith("is empty.")
    assert checked(settings, "database").status is Status.OK


def test_a_sound_ledger_is_sound_also_while_others_write(settings: Settings) -> None:
    path = lived(settings, backs_up=60)
    assert checked(settings, "database").text == f"{path} is sound."
    assert checked(settings, "ledger").text == "60 entries, unbroken."
    assert "60 rows" in checked(settings, "backup").text
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert checked(settings, "database").status is Status.OK
        writer.rollback()


def spoil_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[3 * 4096 : 5 * 4096] = b"\xff" * 8192
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:8192])


def text(path: Path) -> None:
    path.write_text("no database, but long enough to be taken for one" * 200)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [spoil_page, cut, text, empty, Path.unlink])
def test_what_a_copy_mends_is_mended_by_one(
    settings: Settings, spoil: Callable[[Path], None]
) -> None:
    path = lived(settings, backs_up=50)
    spoil(path)
    before = path.read_bytes() if path.exists() else None
    assert checked(settings, "database").status is Status.FAIL
    assert checked(settings, "database").mend == RESTORE
    assert checked(settings, "ledger").status is Status.FAIL
    assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize("spoil", [spoil_page, text])
def test_without_a_backup_what_can_be_read_is_written_elsewhere(
    settings: Settings, spoil: Callable[[Path], None]
) -> None:
    path = lived(settings)
    spoil(path)
    assert checked(settings, "database").mend.startswith("sqlite3 ")
    assert ".recover >" in checked(settings, "database").mend


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def of_a_newer_mai(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO migrations VALUES (9000, 'later', '2030')")
        connection.commit()


def held(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE later (note TEXT)")
        yield


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (of_another_program, "is not Mai's"),
        (of_a_newer_mai, "newer Mai"),
        (held, "cannot be read now: database is locked"),
    ],
)
def test_what_no_copy_mends_is_said_without_one(
    settings: Settings, spoil: Callable[[Path], Iterator[None] | None], words: str
) -> None:
    path = lived(settings, backs_up=50)
    holding = spoil(path)
    if holding is not None:
        next(holding)
    check = checked(settings, "database")
    assert words in check.text
    assert check.status is not Status.OK
    assert check.mend
    assert "restore" not in check.mend
    assert "cp " not in check.mend


def test_a_file_that_never_was_mais_is_not_called_damaged(settings: Settings) -> None:
    settings.memory_db_path.parent.mkdir()
    text(settings.memory_db_path)
    check = checked(settings, "database")
    assert "is not Mai's" in check.text
    assert check.mend == "export MEMORY_DB_PATH=…/mai.db"


@pytest.mark.parametrize(("backs_up", "mend"), [(60, RESTORE), (10, ACCEPT)])
def test_an_end_that_was_lost_is_said_and_restored_where_a_backup_has_it(
    settings: Settings, backs_up: int, mend: str
) -> None:
    path = lived(settings, backs_up=backs_up)
    tamper(settings.data_dir, "DELETE FROM ledger WHERE number > 40")
    assert checked(settings, "database").status is Status.OK  # SQLite sees nothing wrong
    check = checked(settings, "ledger")
    assert check.status is Status.FAIL
    assert "the witness saw 60" in check.text
    assert check.mend == mend
    assert path.exists()


def test_an_altered_entry_is_said(settings: Settings) -> None:
    lived(settings, backs_up=60)
    tamper(settings.data_dir, "UPDATE ledger SET data = '{}' WHERE number = 7")
    check = checked(settings, "ledger")
    assert "Entry 7 was altered" in check.text
    assert check.mend == RESTORE


def test_backups_are_judged_by_what_is_in_them(settings: Settings) -> None:
    path = lived(settings)
    assert checked(settings, "backup").status is Status.WARN
    folder = path.parent / "backups"
    folder.mkdir()
    (folder / "mai-20260101T000000000000Z.db").touch()  # no backup, whatever it is called
    assert checked(settings, "backup").text.startswith("There is no backup yet")
    with closing(Database.open(path)) as database:
        now = database.backup()
    assert checked(settings, "backup").status is Status.OK
    now.rename(folder / "mai-20200101T000000000000Z.db")
    check = checked(settings, "backup")
    assert check.status is Status.WARN
    assert "hours old" in check.text
    assert len(made(path)) == 2


def test_room_is_made_of_what_is_mais_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(settings.data_dir.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=1000))
    check = checks_here.disk(settings, settings.data_dir)
    assert (check.status, check.mend) == (Status.FAIL, "mai sandbox reap")


def as_nobody(path: Path, mode: int) -> bool:
    """Whether its mode lets the owner do what is asked."""
    return (path.stat().st_mode >> 6) & mode == mode


def test_rights_are_changed_of_nothing_but_mais_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", as_nobody)  # root may do everything
    shared = tmp_path / "srv"
    shared.mkdir()
    (shared / "others.txt").touch()
    shared.chmod(0o555)
    assert opening(shared, ("mai.db",), "elsewhere") == "elsewhere"
    missing = opening(shared / "mai data", ("mai.db",), "elsewhere")
    assert missing == f"sudo install -d -m 700 -o \"$USER\" '{shared / 'mai data'}'"
    shared.chmod(0o755)
    (shared / "mai.db").touch(mode=0o444)
    assert opening(shared, ("mai.db",), "elsewhere") == f'sudo chown "$USER" {shared / "mai.db"}'
    (shared / "mai.db").chmod(0o600)
    assert opening(shared, ("mai.db",), "elsewhere") == ""
    own = tmp_path / "mai"
    own.mkdir(mode=0o555)
    assert opening(own, ("mai.db",), "elsewhere") == f'sudo chown "$USER" {own}'
    own.chmod(0o755)


def test_no_remedy_removes_anything(settings: Settings) -> None:
    path = lived(settings)
    for spoil in (of_another_program, text, empty, Path.unlink):
        if path.exists():
            spoil(path)
        for name in ("database", "ledger", "backup", "disk", "log"):
            mend = checked(settings, name).mend
            assert not {"rm", "cp", "mv", "-R", "prune"}.intersection(mend.split()), mend
