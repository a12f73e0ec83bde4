"""Putting a backup in the database's place. What was there is set aside and never removed.

The backup is copied and checked first. Its copy then gets the name `<database>.restoring-<time>`:
from that instant on the restore is decided, and whoever opens the database next finishes it.
A kill before it leaves everything as it was.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mai import crash
from mai.errors import StoreCorrupt, StoreError, UsageError
from mai.store import backups, contents, files
from mai.store.contents import Contents, Kind, beside

_TIME = "%Y%m%dT%H%M%S%fZ"
_DECIDED = ".restoring-"
_PARTIAL = ".restore-partial"
_FOLDER = "set-aside"
#: What SQLite keeps beside a database and needs to read it whole. A `-shm` is only an index of it.
_PARTS = ("-wal", "-journal", "")


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore put in place, and where what was there lies now (None: there was nothing)."""

    backup: Contents
    set_aside: Path | None


def choices(database: Path) -> list[Contents]:
    """Return what can be put in place, the best first: backups, and what was set aside before."""
    aside = sorted(
        (database.resolve().parent / _FOLDER).glob(f"{database.stem}-*.db"), reverse=True
    )
    paths = [*(path for _, path in reversed(backups.made(database))), *aside]
    found = [contents.read(path, checks_pages=True) for path in paths]
    return sorted(found, key=lambda one: (one.kind is Kind.SOUND, one.rows), reverse=True)


def find(database: Path, name: str) -> Path:
    """Return the file that `name` means: a path, or the name of one of the `choices`.

    Raises:
        UsageError: there is no such file.
    """
    given = Path(name).expanduser()
    places = (given, backups.folder_of(database) / name, database.resolve().parent / _FOLDER / name)
    for place in places:
        if place.is_file():
            return place.resolve()
    raise UsageError(f"There is no backup {name}: `mai restore` lists what there is.")


def restore(database: Path, backup: Path, now: datetime, busy_timeout_s: float) -> Restored:
    """Put a copy of `backup` in the place of `database`.

    Raises:
        StoreBusy: another Mai has it open.
        StoreCorrupt: the backup is damaged or empty.
        StoreError: one of the two is not this Mai's, or a file cannot be used.
    """
    files.make_folder(database.absolute().parent)
    with (
        files.locked(files.opening_lock(database.absolute()), busy_timeout_s),
        files.alone(files.presence_lock(database.absolute())),
        files.os_errors(database),
    ):
        finish(database)
        database = database.resolve()
        found = _checked(database, backup)
        partial = database.with_name(f".{database.name}{_PARTIAL}")
        partial.unlink(missing_ok=True)  # of a process that died half-way
        try:
            files.make_private(partial)
            _copy(backup, partial)
            files.sync(partial)
            crash.point("restore:copied")
            time = now.astimezone(UTC).strftime(_TIME)
            partial.replace(beside(database, f"{_DECIDED}{time}"))
            files.sync(database.parent)
        finally:
            partial.unlink(missing_ok=True)
        crash.point("restore:decided")
        return Restored(found, finish(database))


def finish(database: Path) -> Path | None:
    """Finish a restore that was decided, and return where what was there lies now.

    The caller holds the opening lock. Without such a restore nothing is done.
    """
    database = database.resolve()  # SQLite keeps what belongs to it beside the file itself
    with files.os_errors(database):
        aside: Path | None = None
        for decided in sorted(database.parent.glob(f"{database.name}{_DECIDED}*")):
            time = decided.name.rpartition("-")[2]
            aside = _set_aside(database, time) or aside
            decided.replace(database)
            files.sync(database.parent)
            crash.point("restore:placed")
        return aside


def is_unfinished(database: Path) -> bool:
    """Whether a restore was decided and not finished yet."""
    database = database.resolve()
    return any(database.parent.glob(f"{database.name}{_DECIDED}*"))


def _set_aside(database: Path, time: str) -> Path | None:
    """Move the database and all that belongs to it away, the database itself last."""
    folder = database.parent / _FOLDER
    files.make_folder(folder)
    place = folder / f"{database.stem}-{time}.db"
    # After a kill in between, the parts that were moved already wait for the rest there.
    while place.exists() and database.exists():
        place = place.with_name(f"{place.stem}x.db")
    for part in _PARTS:
        source, target = beside(database, part), beside(place, part)
        if source.exists():
            while target.exists():  # never over what was set aside before
                target = target.with_name(f"{target.name}x")
            source.replace(target)
            crash.point(f"restore:aside{part}")
    beside(database, "-shm").unlink(missing_ok=True)
    files.sync(folder)
    files.sync(database.parent)
    return place if place.exists() else None


def _checked(database: Path, backup: Path) -> Contents:
    present = contents.read(database)
    if present.kind in {Kind.FOREIGN, Kind.NEWER}:
        raise StoreError(f"I leave {database} where it is: {present.problem}.")
    found = contents.read(backup, checks_pages=True)
    if found.kind in {Kind.FOREIGN, Kind.NEWER, Kind.UNREADABLE}:
        raise StoreError(f"{backup} cannot be put in place: {found.problem}.")
    if found.kind is not Kind.SOUND:
        raise StoreCorrupt(f"{backup} cannot be put in place: {found.problem}.")
    return found


def _copy(source: Path, target: Path) -> None:
    uri = f"{source.as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=10)) as reader,
        closing(sqlite3.connect(target)) as writer,
    ):
        reader.backup(writer)
        # One file that needs no other beside it: what lies beside its new place is another's.
        writer.execute("PRAGMA journal_mode=DELETE")
        verdict = writer.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreCorrupt(f"{source} cannot be put in place: {verdict}.")
