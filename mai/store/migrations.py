"""The shape of the database, as numbered steps. Append; never change one that was released."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlite_utils

APPLICATION_ID = 0x4D616931  # "Mai1", so that another program's database is never taken for ours

_LEDGER = (
    """
    CREATE TABLE ledger (
        repo TEXT NOT NULL,
        number INTEGER NOT NULL,
        at TEXT NOT NULL,
        proposal TEXT NOT NULL,
        kind TEXT NOT NULL,
        data TEXT NOT NULL,
        previous TEXT NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY (repo, number),
        UNIQUE (repo, previous)
    )
    """,
    "CREATE INDEX ledger_proposal ON ledger (repo, proposal, number)",
    """
    CREATE TRIGGER ledger_is_never_updated BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
    """,
    """
    CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
    """,
    """
    CREATE TRIGGER ledger_is_only_appended BEFORE INSERT ON ledger
    WHEN NEW.number IS NOT
        (SELECT coalesce(max(number), 0) + 1 FROM ledger WHERE repo = NEW.repo)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
    """,
)


def _ledger(database: sqlite_utils.Database) -> None:
    for statement in _LEDGER:
        database.execute(statement)


_CARDS = (
    """
    CREATE TABLE cards (
        repo TEXT NOT NULL,
        proposal TEXT NOT NULL,
        digest TEXT NOT NULL,
        nonce TEXT NOT NULL,
        state TEXT NOT NULL,
        wanted_at TEXT NOT NULL,
        attempted_at TEXT,
        channel INTEGER,
        message INTEGER,
        posts INTEGER NOT NULL DEFAULT 0,
        pressed TEXT NOT NULL DEFAULT '',
        question INTEGER,
        outcome TEXT NOT NULL DEFAULT '',
        reminded INTEGER NOT NULL DEFAULT 0,
        told_stale INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (repo, proposal, digest)
    )
    """,
    "CREATE INDEX cards_message ON cards (repo, message)",
    "CREATE INDEX cards_open ON cards (repo, state)",
    "CREATE TABLE surface_facts (repo TEXT, name TEXT, value TEXT, PRIMARY KEY (repo, name))",
)


def _cards(database: sqlite_utils.Database) -> None:
    for statement in _CARDS:
        database.execute(statement)


_MEMORY = (
    """
    CREATE TABLE memories (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        repo TEXT NOT NULL,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        source TEXT NOT NULL,
        covered_by INTEGER,
        UNIQUE (repo, source)
    )
    """,
    # What a person had forgotten, as hashes: it must not come back from where it came.
    "CREATE TABLE memories_forgotten (repo TEXT, source TEXT, PRIMARY KEY (repo, source))",
    """
    CREATE TABLE memory_vectors (
        memory INTEGER NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
        model TEXT NOT NULL,
        vector TEXT NOT NULL,
        PRIMARY KEY (memory, model)
    )
    """,
    # No triggers keep it up to date: in a schema that is not trusted they may not write to it.
    "CREATE VIRTUAL TABLE memories_words USING fts5(text, tokenize='porter unicode61')",
)


def _memory(database: sqlite_utils.Database) -> None:
    for statement in _MEMORY:
        database.execute(statement)


_SNAPSHOT = (
    # What `mai.store.snapshot` keeps of the fold: derived from the ledger, and sealed.
    """
    CREATE TABLE proposals (
        repo TEXT NOT NULL,
        id TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        state TEXT NOT NULL,
        landed_at TEXT NOT NULL,
        rolls_back TEXT NOT NULL,
        data TEXT NOT NULL,
        seal TEXT NOT NULL,
        PRIMARY KEY (repo, id)
    )
    """,
    "CREATE INDEX proposals_state ON proposals (repo, state, first)",
    "CREATE INDEX proposals_landed ON proposals (repo, landed_at, first) WHERE landed_at != ''",
    "CREATE INDEX proposals_back ON proposals (repo, rolls_back) WHERE rolls_back != ''",
    "CREATE INDEX proposals_last ON proposals (repo, last)",
    """
    CREATE TABLE snapshots (
        repo TEXT NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL,
        number INTEGER NOT NULL,
        hash TEXT NOT NULL,
        counts TEXT NOT NULL,
        seal TEXT NOT NULL
    )
    """,
)


def _snapshot(database: sqlite_utils.Database) -> None:
    for statement in _SNAPSHOT:
        database.execute(statement)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. `apply` runs inside a transaction that the caller commits."""

    number: int
    name: str
    apply: Callable[[sqlite_utils.Database], None]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "ledger", _ledger),
    Migration(2, "cards", _cards),
    Migration(3, "memory", _memory),
    Migration(4, "snapshot", _snapshot),
)
