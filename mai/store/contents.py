"""What a database file holds, read without changing it: by that backups are chosen and kept."""

from __future__ import annotations

import sqlite3
import time
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
#: The last entry of each ledger. It steps from repo to repo in the index: however many entries
#: there are, this takes a moment.
_ENDS = """
    WITH RECURSIVE repos (repo) AS (
        SELECT min(repo) FROM ledger
        UNION ALL
        SELECT (SELECT min(repo) FROM ledger WHERE repo > repos.repo)
        FROM repos WHERE repos.repo IS NOT NULL
    )
    SELECT ledger.repo, number, hash, at FROM repos JOIN ledger ON ledger.repo = repos.repo
    WHERE number = (SELECT max(number) FROM ledger WHERE repo = repos.repo)
"""


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


def read(path: Path, checks_pages: bool = False, patience_s: float | None = None) -> Contents:
    """Look into the file at `path`; with `checks_pages` also for damage that hides in its pages.

    After `patience_s` seconds its pages are left alone: a large file takes longer than a look.
    Never raises: what cannot be read is said in what is returned.
    """
    try:
        is_there = path.exists()
        if not is_there or (path.stat().st_size == 0 and not beside(path, "-wal").exists()):
            kind = Kind.EMPTY if is_there else Kind.MISSING
            return Contents(path, kind, f"it is {kind}")
        with closing(connect(path)) as connection:
            if checks_pages and (fault := _fault_in_pages(connection, patience_s)):
                return Contents(path, Kind.DAMAGED, fault)
            return _look(path, connection)
    except sqlite3.Error as error:
        is_damage = (getattr(error, "sqlite_errorcode", 0) & _PRIMARY) in _DAMAGE
        return Contents(path, Kind.DAMAGED if is_damage else Kind.UNREADABLE, _reason(error))
    except (TypeError, ValueError):  # a column holds what Mai never wrote
        return Contents(path, Kind.DAMAGED, "its ledger cannot be read")
    except OSError as error:
        return Contents(path, Kind.UNREADABLE, one_line(error.strerror or str(error)))


def holds(path: Path, heads: Mapping[str, tuple[int, str]]) -> bool:
    """Return whether the database at `path` has an entry of that number and hash for each repo."""
    sql = "SELECT 1 FROM ledger WHERE repo = ? AND number = ? AND hash = ?"
    try:
        with closing(connect(path)) as connection:
            return all(
                connection.execute(sql, (repo, *head)).fetchone() for repo, head in heads.items()
            )
    except sqlite3.Error:
        return False


def beside(path: Path, suffix: str) -> Path:
    """Return the path of what SQLite keeps beside the database, such as its `-wal`."""
    return path.with_name(path.name + suffix)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database at `path` for reading alone."""
    # Without a log or journal beside it the file is all there is, and nothing need be made there.
    is_alone = not any(beside(path, suffix).exists() for suffix in ("-wal", "-journal"))
    more = "&immutable=1" if is_alone else ""
    address = f"{path.absolute().as_uri()}?mode=ro{more}"
    return sqlite3.connect(address, uri=True, timeout=_WAIT_S)


def _fault_in_pages(connection: sqlite3.Connection, patience_s: float | None) -> str:
    if patience_s is not None:
        until_s = time.monotonic() + patience_s
        connection.set_progress_handler(lambda: time.monotonic() > until_s, 10_000)
    try:
        said = one_line(str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]))
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_INTERRUPT:
            raise
        said = "ok"
    finally:
        connection.set_progress_handler(None, 0)
    return "" if said == "ok" else said


def _look(path: Path, connection: sqlite3.Connection) -> Contents:
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not names:
        return Contents(path, Kind.EMPTY, "it is empty")
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        return Contents(path, Kind.FOREIGN, "it belongs to another program")
    applied = {number for (number,) in connection.execute("SELECT number FROM migrations")}
    if applied - {migration.number for migration in MIGRATIONS}:
        return Contents(path, Kind.NEWER, "it was written by a newer Mai")
    ends = connection.execute(_ENDS).fetchall()
    heads = {str(repo): (int(number), str(last)) for repo, number, last, _ in ends}
    last_at = max((str(at) for *_, at in ends), default="")
    has_memory = "memories" in names
    memories = (
        connection.execute("SELECT count(*) FROM memories").fetchone() if has_memory else (0,)
    )
    return Contents(path, Kind.SOUND, "", heads, last_at, int(memories[0]))


def _reason(error: sqlite3.Error) -> str:
    return one_line(str(error)).rstrip(".")
