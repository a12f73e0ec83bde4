"""SQLite's errors, told as Mai's: one sentence that names the file and what a person can do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mai.errors import StoreBusy, StoreCorrupt, StoreError
from mai.store.contents import Contents
from mai.text import one_line

# The low byte of an extended result code is the primary one (https://sqlite.org/rescode.html).
_PRIMARY = 0xFF
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it may not be written to",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened (its folder must exist and be yours to write in)",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
}


def _told(
    error: sqlite3.Error, path: Path, best_backup: Callable[[], Contents | None]
) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in _BUSY:
        return StoreBusy(
            f"The database {path} is held by another process; nothing was changed, try again."
        )
    if code in _CORRUPT:
        what = "is not a database" if code == sqlite3.SQLITE_NOTADB else "is damaged"
        found = best_backup()
        remedy = "there is no backup of it"
        if found:
            remedy = f"`mai restore` puts a backup in place, the best has {found.rows} entries"
        return StoreCorrupt(f"The file {path} {what}; {remedy}.")
    reason = _REASONS.get(code) or one_line(str(error))
    return StoreError(f"The database {path} cannot be used: {reason.rstrip('.')}.")


@contextmanager
def translated(path: Path, best_backup: Callable[[], Contents | None]) -> Iterator[None]:
    """Turn every SQLite or file error raised inside into one of Mai's, about the file `path`.

    Raises:
        StoreBusy: another process held the database past the busy timeout.
        StoreCorrupt: the file is damaged or no database.
        StoreError: anything else, such as a full disk or a folder that may not be written to.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _told(error, path, best_backup) from error
