"""The database: one SQLite file in WAL mode that several processes and many threads share."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import sqlite_utils

from mai.errors import StoreBusy, StoreError
from mai.protocols import Clock, SystemClock
from mai.store import backups, contents, files, restoring
from mai.store.contents import Contents
from mai.store.faults import translated
from mai.store.files import opening_lock, presence_lock
from mai.store.migrations import APPLICATION_ID, MIGRATIONS, Migration

BUSY_TIMEOUT_S = 10.0


@dataclass(slots=True)
class _Session:
    """One thread's connection, how deep its transactions nest, and what its commit sets off."""

    handle: sqlite_utils.Database
    depth: int = 0
    after_commit: list[Callable[[], None]] = field(default_factory=list)


class Database:
    """An open database. Each thread that uses it gets a connection of its own.

    A transaction belongs to the thread that began it: do not `await` inside one.
    """

    def __init__(self, path: Path, backups_kept: int, busy_timeout_s: float, clock: Clock) -> None:
        self.path = path
        self._backups_kept = backups_kept
        self._busy_timeout_s = busy_timeout_s
        self._clock = clock
        self._process = os.getpid()
        self._sessions: dict[threading.Thread, _Session] = {}
        self._lock = threading.Lock()
        self._presence = ExitStack()
        self._is_closed = False

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        backups_kept: int = 7,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        clock: Clock | None = None,
    ) -> Self:
        """Open the database at `path`, making or migrating it first where that is due.

        Raises:
            StoreBusy: another process held it for `busy_timeout_s` seconds.
            StoreCorrupt: the file is damaged or no database.
            StoreError: it belongs to a newer Mai or another program (and was left as it is), or it
                cannot be read and written.
        """
        path = path.absolute()
        database = cls(path, backups_kept, busy_timeout_s, clock or SystemClock())
        files.make_folder(path.parent)
        try:
            # SQLite's own busy timeout does not cover the switch to WAL, so openers take turns.
            with files.locked(opening_lock(path), busy_timeout_s):
                restoring.finish(path)
                # Before anything is read: a restore waits until nobody has the database open.
                database._presence.enter_context(files.shared(presence_lock(path)))
                database._prepare()
        except BaseException:
            database.close()
            raise
        return database

    # --- using it ----------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[sqlite_utils.Database]:
        """Hold the write lock (`BEGIN IMMEDIATE`); commit at the end, roll back on any exception.

        Inside another transaction of this thread it joins that one as a savepoint.

        Raises:
            StoreBusy, StoreCorrupt, StoreError: nothing of it was kept.
        """
        session = self._session()
        with self._translated():
            if session.depth:
                yield from _joined(session)
                return
            yield from _outermost(session)
        actions, session.after_commit = session.after_commit, []
        for action in actions:
            action()

    @contextmanager
    def reading(self) -> Iterator[sqlite_utils.Database]:
        """Give this thread's connection for reading, with SQLite's errors told as Mai's."""
        with self._translated():
            yield self._session().handle

    @contextmanager
    def reading_at_once(self) -> Iterator[sqlite_utils.Database]:
        """Let this thread's reads inside see one state of the database, whatever others commit."""
        with self.reading() as handle:
            if handle.conn.in_transaction:
                yield handle
                return
            handle.execute("BEGIN")
            try:
                yield handle
            finally:
                with suppress(sqlite3.Error):  # SQLite may have ended it itself
                    handle.execute("ROLLBACK")  # nothing was written

    def iterate(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield what one SELECT finds, without holding all of it. Inside `reading_at_once`."""
        with self.reading() as handle:
            yield from handle.execute(sql, parameters)

    def rows(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Return everything that one SELECT finds."""
        with self.reading() as handle:
            return handle.execute(sql, parameters).fetchall()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run `action` once this thread's open transaction has been committed, never if it is not.

        Equal actions run once. Without a transaction it runs now. It must not raise: what the
        caller did is done.
        """
        session = self._session()
        if not session.depth:
            action()
        elif action not in session.after_commit:
            session.after_commit.append(action)

    def close(self) -> None:
        """Close every thread's connection. Closing twice does nothing."""
        with self._lock:
            self._is_closed = True
            sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            with suppress(sqlite3.Error):  # nothing is left to save: commits are on the disk
                session.handle.close()
        self._presence.close()

    # --- backups -----------------------------------------------------------------------------

    def backup(self) -> Path:
        """Make a backup of what is committed and return where it lies."""
        with self._translated(), self._backup_lock(self._busy_timeout_s):
            return self._back_up()

    def best_backup(self) -> Contents | None:
        """Return what the backup holds that holds most, or None."""
        return backups.best(self.path)

    def backup_if_due(self, hours: float) -> Path | None:
        """Make a backup if there is something to lose and no backup is younger than `hours`.

        None is made while another process makes one.
        """
        with self._translated():
            try:
                with self._backup_lock(timeout_s=0):
                    is_due = backups.is_due(self.path, hours, self._clock.now())
                    if is_due and contents.read(self.path).has_something:
                        return self._back_up()
            except StoreBusy:
                return None
        return None

    def _back_up(self) -> Path:
        return backups.make(self.path, kept=self._backups_kept, now=self._clock.now())

    @contextmanager
    def _backup_lock(self, timeout_s: float) -> Iterator[None]:
        with files.locked(self.path.with_name(self.path.name + ".backup.lock"), timeout_s):
            yield

    # --- connections -------------------------------------------------------------------------

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self.path, self.best_backup)

    def _session(self) -> _Session:
        thread = threading.current_thread()
        if os.getpid() != self._process:
            # A forked SQLite connection would share file offsets and locks with the parent's.
            raise StoreError(f"The database {self.path} must be opened again in a forked process.")
        if session := self._sessions.get(thread):
            return session
        with self._translated():
            handle = self._connect()
        with self._lock:
            if self._is_closed:
                handle.close()
                raise StoreError(f"The database {self.path} was closed.")
            for other in [other for other in self._sessions if not other.is_alive()]:
                self._sessions.pop(other).handle.close()
            return self._sessions.setdefault(thread, _Session(handle))

    def _connect(self) -> sqlite_utils.Database:
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_s,
            isolation_level=None,  # the module must not begin transactions of its own
            check_same_thread=False,  # `close` is called from one thread for all
        )
        # A damaged row must be readable to be reported, so bad UTF-8 does not raise here.
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA trusted_schema=OFF")
            return sqlite_utils.Database(connection, execute_plugins=False)
        except BaseException:
            connection.close()
            raise

    # --- opening -----------------------------------------------------------------------------

    def _prepare(self) -> None:
        files.make_private(self.path)
        with self.reading() as handle:
            self._refuse_strangers(handle)
            handle.execute("PRAGMA journal_mode=WAL").fetchall()
        with self.transaction() as handle:
            is_new = not handle.table_names()
            due = _due(handle)
            if due and not is_new:
                # A second connection reads what is committed while this one keeps writers out.
                self.backup()
            if is_new:
                handle.execute(f"PRAGMA application_id={APPLICATION_ID}")
            for migration in due:
                migration.apply(handle)
                handle.execute(
                    "INSERT INTO migrations (number, name, at) VALUES (?, ?, ?)",
                    (migration.number, migration.name, self._clock.now().isoformat()),
                )

    def _refuse_strangers(self, handle: sqlite_utils.Database) -> None:
        tables = handle.table_names()
        if tables and handle.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StoreError(f"The database {self.path} belongs to another program.")
        if "migrations" in tables:
            known = {migration.number for migration in MIGRATIONS}
            if {row[0] for row in handle.execute("SELECT number FROM migrations")} - known:
                raise StoreError(f"The database {self.path} was written by a newer Mai: update it.")


def _due(handle: sqlite_utils.Database) -> list[Migration]:
    handle.execute(
        "CREATE TABLE IF NOT EXISTS migrations "
        "(number INTEGER PRIMARY KEY, name TEXT NOT NULL, at TEXT NOT NULL)"
    )
    applied = {row[0] for row in handle.execute("SELECT number FROM migrations")}
    return [migration for migration in MIGRATIONS if migration.number not in applied]


def _outermost(session: _Session) -> Iterator[sqlite_utils.Database]:
    connection = session.handle.conn
    connection.execute("BEGIN IMMEDIATE")
    session.depth = 1
    try:
        yield session.handle
        connection.execute("COMMIT")
    except BaseException:
        session.after_commit.clear()
        with suppress(sqlite3.Error):  # SQLite may have rolled back itself; keep the first error
            connection.execute("ROLLBACK")
        raise
    finally:
        session.depth = 0


def _joined(session: _Session) -> Iterator[sqlite_utils.Database]:
    connection = session.handle.conn
    if not connection.in_transaction:
        # A full disk rolls the whole transaction back; going on would commit half of it.
        raise StoreError("The database rolled this transaction back; nothing of it was kept.")
    name = f"depth_{session.depth}"
    actions = len(session.after_commit)
    connection.execute(f"SAVEPOINT {name}")
    session.depth += 1
    try:
        yield session.handle
        connection.execute(f"RELEASE {name}")
    except BaseException:
        del session.after_commit[actions:]
        with suppress(sqlite3.Error):  # the transaction may be gone; keep the first error
            connection.execute(f"ROLLBACK TO {name}")
            connection.execute(f"RELEASE {name}")
        raise
    finally:
        session.depth -= 1
