"""Backups of the database: consistent while others write, whole or not there at all.

They lie in `backups/` beside the database, named `<stem>-20261120T225419123456Z.db` by the time in
UTC. A name says only when a clock said it was made: which one is best, and which may go, is read
from what is in them. A clock that was wrong once must not make the new ones vanish.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mai.errors import StoreCorrupt
from mai.store import contents, files
from mai.store.contents import Contents, Kind

_TIME = "%Y%m%dT%H%M%S%fZ"
_PARTIAL = ".partial"


def folder_of(database: Path) -> Path:
    """Return the folder that backups of `database` lie in."""
    return database.parent / "backups"


def made(database: Path) -> list[tuple[datetime, Path]]:
    """Return when each backup of `database` was made and where it lies, oldest first."""
    pattern = re.compile(re.escape(database.stem) + r"-(\d{8}T\d{12}Z)\.db")
    found: list[tuple[datetime, Path]] = []
    with suppress(OSError):  # no folder yet, or not ours to read: making one says what is wrong
        for path in folder_of(database).iterdir():
            if match := pattern.fullmatch(path.name):
                with suppress(ValueError):  # digits, but no date: not one of ours
                    found.append((datetime.strptime(match[1], _TIME).replace(tzinfo=UTC), path))
    return sorted(found)


def best(database: Path) -> Contents | None:
    """Return the backup that holds most, the later one of two that hold the same; None without."""
    found = [contents.read(path) for _, path in reversed(made(database))]
    sound = [one for one in found if one.kind is Kind.SOUND]
    return max(sound, key=lambda one: (one.rows, one.memories), default=None)


def is_due(database: Path, hours: float, now: datetime) -> bool:
    """Whether no backup that holds anything is younger than `hours`.

    One from the future counts as none.
    """
    recent = (
        path
        for made_at, path in made(database)
        if timedelta(0) <= now - made_at < timedelta(hours=hours)
    )
    return not any(contents.read(path).has_something for path in recent)


def make(database: Path, *, kept: int, now: datetime) -> Path:
    """Copy `database` as it stands, check the copy, and remove what `kept` better ones hold too.

    The caller holds the backup lock. The copy gets its name only once it is whole and on the disk.

    Raises:
        StoreCorrupt: the copy is not a sound database; older backups all stay.
    """
    folder = folder_of(database)
    files.make_folder(folder)
    with files.os_errors(folder):
        for leftover in folder.iterdir():
            if leftover.name.startswith(f".{database.stem}-") and _PARTIAL in leftover.name:
                leftover.unlink(missing_ok=True)  # of a process that died half-way
        path = _free_name(folder, database.stem, now)
        partial = folder / f".{path.name}{_PARTIAL}"
        try:
            files.make_private(partial)
            _copy(database, partial)
            files.sync(partial)
            partial.replace(path)
            files.sync(folder)
        finally:
            partial.unlink(missing_ok=True)
        for old in _superseded(database, path, kept):
            old.unlink(missing_ok=True)
    return path


def _superseded(database: Path, newest: Path, kept: int) -> list[Path]:
    """Return the backups that may go: everything in them is in better ones.

    What `newest` holds too is a step on the way to the present: the `kept` last ones stay. A backup
    with something that is not in the present one, such as from before another was restored, stays
    until a backup of the same kind has all of it. What cannot be read is left alone.
    """
    found = [contents.read(path) for _, path in reversed(made(database)) if path != newest]
    sound = [one for one in found if one.kind is Kind.SOUND]
    steps = [one for one in sound if contents.holds(newest, one.heads)]
    steps.sort(key=lambda one: (one.rows, one.memories), reverse=True)  # stable: later ones first
    others = [one for one in sound if one not in steps]
    others.sort(key=lambda one: one.rows, reverse=True)
    ends: list[Contents] = []
    for one in others:
        if not any(contents.holds(end.path, one.heads) for end in ends):
            ends.append(one)
    gone = [*steps[max(0, kept - 1) :], *(one for one in others if one not in ends)]
    return [one.path for one in gone]


def _free_name(folder: Path, stem: str, now: datetime) -> Path:
    while (path := folder / f"{stem}-{now.astimezone(UTC).strftime(_TIME)}.db").exists():
        now += timedelta(microseconds=1)
    return path


def _copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(source, timeout=10)) as reader,
        closing(sqlite3.connect(target)) as writer,
    ):
        # All pages in one step: a copy in several starts over whenever somebody writes.
        reader.backup(writer)
        # The copied header says WAL; a backup must be one file that needs no other beside it.
        writer.execute("PRAGMA journal_mode=DELETE")
        verdict = writer.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreCorrupt(f"The database {source} is damaged: a backup of it would be too.")
