"""What a database file holds, read without changing it: by that backups are chosen and kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mai.store.migrations import APPLICATION_ID, MIGRATIONS
from mai.text import one_line

_PRIMARY = 0xFF  # the low byte of an extended result code (https://sqlite.org/rescode.html)
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_WAIT_S = 1.0


class Kind(StrEnum):
    """What a file is to Mai."""

    SOUND = "sound"
    MISSING = "missing"
    EMPTY = "empty"
    FOREIGN = "not Mai's"
    NEWER = "written by a newer Mai"
    DAMAGED = "damaged"
    UNREADABLE = "not readable now"  # locked, forbidden, a failing disk: nothing a copy mends


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in the file at `path`.

    Attributes:
        path: where it lies.
        kind: what it is; only of a sound one the rest is known.
        problem: what is wrong with it in a few words, empty where nothing is.
        heads: by repo, the number and hash of the ledger's last entry.
        last_at: when the newest entry was written, ISO 8601 in UTC; empty without entries.
        memories: how many things are remembered.
    """

    path: Path
    kind: Kind
    problem: str = ""
    heads: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    last_at: str = ""
    memories: int = 0

    @property
    def rows(self) -> int:
        """How many ledger entries there are, of all repos together."""
        return sum(number for number, _ in self.heads.values())

    @property
    def has_something(self) -> bool:
        """Whether losing it would lose anything."""
        return bool(self.rows or self.memories)


def read(path: Path, *, checks_pages: bool = False) -> Contents:
    """Look into the file at `path`; with `checks_pages` also for damage that hides in its pages.

    Never raises: what cannot be read is said in what is returned.
    """
    try:
        if not path.exists():
            return Contents(path, Kind.MISSING, "it is missing")
        if path.stat().st_size == 0 and not beside(path, "-wal").exists():
            return Contents(path, Kind.EMPTY, "it is empty")
        with closing(sqlite3.connect(_address(path), uri=True, timeout=_WAIT_S)) as connection:
            return _look(path, connection, checks_pages=checks_pages)
    except sqlite3.Error as error:
        is_damage = (getattr(error, "sqlite_errorcode", 0) & _PRIMARY) in _DAMAGE
        return Contents(path, Kind.DAMAGED if is_damage else Kind.UNREADABLE, _reason(error))
    except (TypeError, ValueError):  # a column holds what Mai never wrote
        return Contents(path, Kind.DAMAGED, "its ledger cannot be read")
    except OSError as error:
        return Contents(path, Kind.UNREADABLE, one_line(error.strerror or str(error)))


def holds(path: Path, other: Contents) -> bool:
    """Return whether the sound database at `path` has all that `other` has of every ledger."""
    sql = "SELECT 1 FROM ledger WHERE repo = ? AND number = ? AND hash = ?"
    try:
        with closing(sqlite3.connect(_address(path), uri=True, timeout=_WAIT_S)) as connection:
            return all(
                connection.execute(sql, (repo, *head)).fetchone()
                for repo, head in other.heads.items()
            )
    except sqlite3.Error:
        return False


def beside(path: Path, suffix: str) -> Path:
    """Return the path of what SQLite keeps beside the database, such as its `-wal`."""
    return path.with_name(path.name + suffix)


def _address(path: Path) -> str:
    # Without a write-ahead log beside it the file is all there is, and nothing need be made there.
    more = "" if beside(path, "-wal").exists() else "&immutable=1"
    return f"{path.absolute().as_uri()}?mode=ro{more}"


def _look(path: Path, connection: sqlite3.Connection, *, checks_pages: bool) -> Contents:
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not names:
        return Contents(path, Kind.EMPTY, "it is empty")
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        return Contents(path, Kind.FOREIGN, "it belongs to another program")
    applied = {number for (number,) in connection.execute("SELECT number FROM migrations")}
    if applied - {migration.number for migration in MIGRATIONS}:
        return Contents(path, Kind.NEWER, "it was written by a newer Mai")
    if checks_pages:
        verdict = one_line(str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]))
        if verdict != "ok":
            return Contents(path, Kind.DAMAGED, verdict)
    heads = {
        str(repo): (int(number), str(last))
        for repo, number, last in connection.execute(
            # SQLite gives the other columns of the row that has the maximum.
            "SELECT repo, max(number), hash FROM ledger GROUP BY repo"
        )
    }
    last_at = connection.execute(
        "SELECT max(at) FROM ledger WHERE (repo, number) IN "
        "(SELECT repo, max(number) FROM ledger GROUP BY repo)"
    ).fetchone()[0]
    has_memory = "memories" in names
    memories = (
        connection.execute("SELECT count(*) FROM memories").fetchone() if has_memory else (0,)
    )
    return Contents(path, Kind.SOUND, "", heads, str(last_at or ""), int(memories[0]))


def _reason(error: sqlite3.Error) -> str:
    return one_line(str(error)).rstrip(".")
