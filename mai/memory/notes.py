"""The notes of one repo, as rows of the database: written down once, searched by words.

Secrets are hidden before a note is written, by the rules that keep them out of the logs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC
from enum import StrEnum
from typing import Any

import sqlite_utils

from mai.errors import UsageError
from mai.protocols import Clock
from mai.store.db import Database
from mai.system.redaction import Redactor

MOST_CHARACTERS = 4_000
_WORD = re.compile(r"\w{2,}|\d")
# Words that every note has some of: they would find all of them.
_STOP_WORDS = (
    "a an and are as at be but by do for from has have how i if in is it me my not of on or that "
    "the there this to was we what when where which why will with you your"
)
_COMMON = frozenset(_STOP_WORDS.split())
_MOST_WORDS = 24
_COLUMNS = "id, at, kind, text, source, covered_by"


class Kind(StrEnum):
    """What a note is about. `summary` stands for older notes, which stay."""

    SAID = "said"
    ANSWERED = "answered"
    DECIDED = "decided"
    REFUSED = "refused"
    FAILED = "failed"
    NOTED = "noted"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Note:
    """One note. `at` is ISO 8601 in UTC; `source` says where it came from and is unique.

    `covered_by` is the id of the summary that stands for it, None where none does.
    """

    id: int
    at: str
    kind: Kind
    text: str
    source: str
    covered_by: int | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """How much is remembered. `characters` counts the notes' texts."""

    notes: int
    characters: int
    kinds: dict[str, int]
    covered: int
    oldest: str = ""
    newest: str = ""


class Notes:
    """The notes of the repo whose key is `repo`. Any thread and process may use them."""

    def __init__(self, database: Database, repo: str, clock: Clock, redactor: Redactor) -> None:
        self.database = database
        self.repo = repo
        self._clock = clock
        self._redactor = redactor

    # --- writing -----------------------------------------------------------------------------

    def add(self, kind: Kind, text: str, source: str = "", at: str = "") -> Note | None:
        """Write a note down and return it; the same words from the same source are one note.

        A note of a known `source` is brought up to date. None: there is nothing in it, or a
        person had it forgotten.
        """
        text = self._redactor.text(text).strip()[:MOST_CHARACTERS]
        if not text:
            return None
        at = at or self._clock.now().astimezone(UTC).isoformat(timespec="seconds")
        digest = hashlib.sha256(f"{kind}\0{text}".encode()).hexdigest()[:24]
        source = self._redactor.text(source)[:200] or f"text:{digest}"
        with self.database.transaction() as handle:
            if self._is_forgotten(handle, source):
                return None
            handle.execute(
                "INSERT INTO memories (repo, at, kind, text, source) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (repo, source) DO UPDATE SET text = excluded.text, "
                "kind = excluded.kind WHERE text IS NOT excluded.text "
                "OR kind IS NOT excluded.kind",
                (self.repo, at, kind.value, text, source),
            )
            rows = handle.execute(
                f"SELECT {_COLUMNS} FROM memories WHERE repo = ? AND source = ?",  # noqa: S608 - constants
                (self.repo, source),
            ).fetchall()
            note = _note(rows[0])
            # A vector of what it said before would find it by that.
            handle.execute("DELETE FROM memory_vectors WHERE memory = ?", (note.id,))
            handle.execute("DELETE FROM memories_words WHERE rowid = ?", (note.id,))
            handle.execute(
                "INSERT INTO memories_words (rowid, text) VALUES (?, ?)", (note.id, note.text)
            )
        return note

    def cover(self, text: str, covered: Sequence[Note]) -> Note | None:
        """Write a summary that stands for `covered`, which stay as they are."""
        ids = [note.id for note in covered]
        with self.database.transaction() as handle:
            summary = self.add(Kind.SUMMARY, text, f"summary:{min(ids)}-{max(ids)}")
            if summary is None:
                return None
            marks = ", ".join("?" * len(ids))
            handle.execute(
                f"UPDATE memories SET covered_by = ? WHERE repo = ? AND id IN ({marks})",  # noqa: S608 - question marks
                (summary.id, self.repo, *ids),
            )
        return summary

    def load(self, rows: Iterable[Any]) -> int:
        """Take over rows that `export` gave, here or elsewhere; return how many were new.

        Raises:
            UsageError: one is not such a row. Nothing was taken over then.
        """
        with self.database.transaction():
            before = self.stats().notes
            for number, row in enumerate(rows, 1):
                try:
                    kind = Kind(row["kind"])
                    text, at = str(row["text"]), str(row.get("at", ""))
                except (TypeError, KeyError, ValueError, AttributeError) as error:
                    raise UsageError(f"Row {number} is no note: it needs kind and text.") from error
                # A summary's source names ids of the database that it comes from.
                source = "" if kind is Kind.SUMMARY else str(row.get("source", ""))
                self.add(kind, text, source, at)
            return self.stats().notes - before

    def forget(self, ids: Sequence[int]) -> int:
        """Take notes away for good, and every summary that knows of them; return how many.

        What came from a proposal leaves its source behind, so that it is not remembered again.
        """
        gone = 0
        with self.database.transaction() as handle:
            for note in [note for note in self.all() if note.id in set(ids)]:
                if note.covered_by is not None:
                    self._remove(handle, note.covered_by)
                self._remove(handle, note.id)
                if not note.source.startswith(("text:", "summary:")):
                    handle.execute(
                        "INSERT OR IGNORE INTO memories_forgotten (repo, source) VALUES (?, ?)",
                        (self.repo, _hashed(note.source)),
                    )
                gone += 1
        return gone

    # --- looking -----------------------------------------------------------------------------

    def all(self) -> list[Note]:
        """Return every note, the oldest first."""
        return self._found("ORDER BY id")

    def uncovered(self, *kinds: Kind) -> list[Note]:
        """Return the notes of these kinds that no summary stands for, the oldest first."""
        marks = ", ".join("?" * len(kinds))
        where = f"AND covered_by IS NULL AND kind IN ({marks}) ORDER BY id"
        return self._found(where, *(kind.value for kind in kinds))

    def search(self, text: str, limit: int = 20) -> list[Note]:
        """Return the notes that share words with `text`, best match first, covered ones too."""
        wanted = query(text)
        if not wanted:
            return []
        rows = self.database.rows(
            f"SELECT {', '.join(f'm.{name}' for name in _COLUMNS.split(', '))} "  # noqa: S608 - constants
            "FROM memories_words JOIN memories AS m ON m.id = memories_words.rowid "
            "WHERE memories_words MATCH ? AND m.repo = ? ORDER BY bm25(memories_words), m.id DESC "
            "LIMIT ?",
            [wanted, self.repo, limit],
        )
        return [_note(row) for row in rows]

    def stats(self) -> Stats:
        """Count."""
        notes = self.all()
        kinds = {kind.value: sum(note.kind is kind for note in notes) for kind in Kind}
        return Stats(
            notes=len(notes),
            characters=sum(len(note.text) for note in notes),
            kinds={name: count for name, count in kinds.items() if count},
            covered=sum(note.covered_by is not None for note in notes),
            oldest=min((note.at for note in notes), default=""),
            newest=max((note.at for note in notes), default=""),
        )

    def export(self) -> Iterator[dict[str, Any]]:
        """Yield every note as a JSON object, the oldest first."""
        for note in self.all():
            yield asdict(note)

    # --- vectors -----------------------------------------------------------------------------

    def vectors(self, model: str) -> dict[int, list[float]]:
        """Return the vectors that `model` made, by the note's id."""
        rows = self.database.rows(
            "SELECT v.memory, v.vector FROM memory_vectors AS v JOIN memories AS m "
            "ON m.id = v.memory WHERE m.repo = ? AND v.model = ?",
            [self.repo, model],
        )
        return {number: json.loads(vector) for number, vector in rows}

    def keep_vectors(self, model: str, vectors: dict[int, Sequence[float]]) -> None:
        """Keep vectors, each for the note of its id."""
        with self.database.transaction() as handle:
            for number, vector in vectors.items():
                handle.execute(
                    "INSERT OR REPLACE INTO memory_vectors (memory, model, vector) "
                    "SELECT id, ?, ? FROM memories WHERE id = ? AND repo = ?",
                    (model, json.dumps([round(one, 6) for one in vector]), number, self.repo),
                )

    # --- inside ------------------------------------------------------------------------------

    def _is_forgotten(self, handle: sqlite_utils.Database, source: str) -> bool:
        sql = "SELECT 1 FROM memories_forgotten WHERE repo = ? AND source = ?"
        return handle.execute(sql, (self.repo, _hashed(source))).fetchone() is not None

    def _remove(self, handle: sqlite_utils.Database, number: int) -> None:
        handle.execute(
            "UPDATE memories SET covered_by = NULL WHERE repo = ? AND covered_by = ?",
            (self.repo, number),
        )
        handle.execute("DELETE FROM memories_words WHERE rowid = ?", (number,))
        handle.execute("DELETE FROM memories WHERE repo = ? AND id = ?", (self.repo, number))

    def _found(self, where: str, *parameters: object) -> list[Note]:
        rows = self.database.rows(
            f"SELECT {_COLUMNS} FROM memories WHERE repo = ? {where}",  # noqa: S608 - constants
            [self.repo, *parameters],
        )
        return [_note(row) for row in rows]


def query(text: str) -> str:
    """Return `text` as a query for SQLite's FTS5: any of its words, none of its operators."""
    found = dict.fromkeys(word.lower() for word in _WORD.findall(text.replace("_", " ")))
    wanted = [word for word in found if word not in _COMMON]
    return " OR ".join(f'"{word}"' for word in wanted[:_MOST_WORDS])


def _hashed(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()


def _note(row: tuple[Any, ...]) -> Note:
    number, at, kind, text, source, covered_by = row
    return Note(number, at, Kind(kind), text, source, covered_by)
