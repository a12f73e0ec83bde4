"""The record of everything that happened: append-only, each entry bound to the one before it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import Any

from mai import crash
from mai.digest import canonical_json
from mai.errors import LedgerLost, StoreCorrupt, StoreError
from mai.proposal import Json
from mai.protocols import Clock
from mai.store import codec
from mai.store.db import Database
from mai.store.verify import Link, Verification, check, witness_faults
from mai.store.witness import GENESIS, Witness
from mai.text import one_line

_ACCEPTED = "loss_accepted"
_KIND = re.compile(r"[a-z][a-z_]{0,31}")
_PROPOSAL = re.compile(r"[0-9a-z-]{0,64}")
COLUMNS = "number, at, proposal, kind, data, previous, hash"
_PAGE = 500
_PLAIN = re.compile(r"[ !#-\[\]-~]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `number` counts from 1; `at` is ISO 8601 in UTC; `hash` covers all the rest.

    `proposal` is the id of the proposal it is about; `previous` the hash of the entry before it,
    64 zeros for the first.
    """

    number: int
    at: str
    proposal: str
    kind: str
    data: Json
    previous: str
    hash: str


class Ledger:
    """The chain of one repo, `repo` being its key. Any number of processes may append."""

    def __init__(self, database: Database, repo: str, witness: Path, clock: Clock) -> None:
        self.database = database
        self.repo = repo
        self._witness = Witness(witness)
        self._clock = clock

    def beside(self, suffix: str) -> Path:
        """Return where a file of this chain lies that is not in the database, as the witness."""
        return self._witness.path.with_suffix(suffix)

    def append(self, kind: str, proposal_id: str, data: Mapping[str, Any]) -> Entry:
        """Add an entry in one transaction of its own, or as part of the one that is open.

        `data` is JSON (tuples may stand for lists) and holds no secrets: it can never be removed.

        Raises:
            StoreError: `data` is not JSON, or the database does not take it. Nothing was added.
        """
        if not _KIND.fullmatch(kind) or not _PROPOSAL.fullmatch(proposal_id):
            raise StoreError("A ledger entry needs a plain kind and a plain proposal id.")
        try:
            text = codec.text(dict(data))
        except ValueError as error:
            raise StoreError(f"A `{kind}` entry cannot be recorded: {error}.") from error
        with self.database.transaction() as handle:
            number, previous = self.last()
            if number == 0:
                self._witness.begin()
            at = self._clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
            entry = Entry(number + 1, at, proposal_id, kind, codec.parse(text), previous, "")
            entry = replace(entry, hash=_hash(self.repo, entry))
            handle.execute(
                f"INSERT INTO ledger (repo, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
                (self.repo, entry.number, at, proposal_id, kind, text, previous, entry.hash),
            )
            crash.point("ledger:written")
            self.database.after_commit(self._advance_witness)
        return entry

    def entries(self, proposal_id: str | None = None, *, after: int = 0) -> Iterator[Entry]:
        """Yield the entries numbered above `after`, in order: all, or those of one proposal.

        Raises:
            StoreCorrupt: an entry cannot be read at all. Whether one was changed, `verify` says.
        """
        where, which = ("AND proposal = ?", [proposal_id]) if proposal_id is not None else ("", [])
        sql = (
            f"SELECT {COLUMNS} FROM ledger WHERE repo = ? AND number > ? {where} "  # noqa: S608 - constants
            f"ORDER BY number LIMIT {_PAGE}"
        )
        # Page by page, so that no read stays open while the caller does something else.
        while rows := self.database.rows(sql, [self.repo, after, *which]):
            for row in rows:
                yield self._entry(row)
            after = rows[-1][0]

    def by_proposal(self) -> Iterator[Entry]:
        """Yield every entry, those about one proposal together and in order."""
        rows = self.database.iterate(
            f"SELECT {COLUMNS} FROM ledger INDEXED BY ledger_proposal "  # noqa: S608 - constants
            "WHERE repo = ? ORDER BY proposal, number",
            [self.repo],
        )
        return map(self._entry, rows)

    def head(self) -> str:
        """Return the hash of the last entry: 64 hexadecimal digits, zeros when there is none."""
        return self.last()[1]

    def has(self, number: int, entry_hash: str) -> bool:
        """Whether entry `number` has that hash."""
        sql = "SELECT hash FROM ledger WHERE repo = ? AND number = ?"
        return self.database.rows(sql, [self.repo, number]) == [(entry_hash,)]

    def loss(self) -> str | None:
        """Return in one sentence how the chain's end contradicts its witness; None if it fits.

        One query, so that every start can ask. What lies before the end, `verify` looks at.
        """
        # The witness first: entries that others add meanwhile may only put it behind.
        is_there, seen = self._witness.exists(), self._witness.read()
        number = seen[0] if seen else 0
        rows = self.database.rows(
            "SELECT number, hash FROM ledger WHERE repo = :repo AND number IN "
            "(:number, (SELECT max(number) FROM ledger WHERE repo = :repo)) ORDER BY number",
            {"repo": self.repo, "number": number},
        )
        hashes: dict[int, str] = {0: GENESIS, **dict(rows)}
        return next(witness_faults(max(hashes), is_there, seen, hashes.get(number)), None)

    def require_end(self) -> None:
        """Refuse to go on from an end that is not the one this ledger once had.

        Raises:
            LedgerLost: it contradicts its witness, and nobody accepted the loss.
        """
        if sentence := self.loss():
            raise LedgerLost(
                f"{sentence} So nothing is answered or landed: `mai restore` lists the backups, "
                "`mai audit accept` goes on without what is lost."
            )

    def lacks(self, head: str) -> bool:
        """Whether no entry has the hash `head`, and nobody accepted its loss."""
        sql = "SELECT 1 FROM ledger WHERE repo = ? AND previous = ?"
        is_there = bool(self.database.rows(sql, [self.repo, head])) or self.head() == head
        return not is_there and head not in self._accepted()

    def is_intact(self, entry: Entry) -> bool:
        """Whether what `entry` says is what its hash was made from."""
        return entry.hash == _hash(self.repo, entry)

    def verify(self, anchors: Mapping[str, str] | None = None) -> Verification:
        """Read the whole chain and say whether any entry was changed, removed, moved or added.

        `anchors` maps landed commits to the heads in their `Mai-Ledger` trailers.
        """
        # The witness first: entries that others add meanwhile may only put it behind.
        is_there, seen = self._witness.exists(), self._witness.read()
        with self.database.reading() as handle:
            rows = handle.execute(
                f"SELECT {COLUMNS} FROM ledger WHERE repo = ? ORDER BY number",  # noqa: S608 - constants
                [self.repo],
            )
            accepted = self._accepted()
            return check(map(self._link, rows), is_there, seen, anchors or {}, accepted)

    def accept_loss(self, by: str, anchors: Mapping[str, str] | None = None) -> Verification:
        """Go on from the chain's present end, and put on record who accepted what is lost.

        For a person who restored a backup or lost the witness, and has seen what `verify` says.

        Raises:
            StoreCorrupt: what is there was changed, moved or taken out; nothing makes up for that.
        """
        found = self.verify(anchors)
        if not found.is_whole:
            raise StoreCorrupt(
                "Entries of the ledger were altered, moved or taken out; a lost end can be "
                "accepted, that cannot. `mai restore` lists the backups."
            )
        if not found.ok:
            told = {"by": by, "lost": sorted(found.lost), "problems": list(found.problems)}
            self.append(_ACCEPTED, "", told)
            self._witness.start_over(*self.last())
        return self.verify(anchors)

    def _accepted(self) -> frozenset[str]:
        rows = self.database.rows(
            f"SELECT {COLUMNS} FROM ledger WHERE repo = ? AND kind = ?",  # noqa: S608 - constants
            [self.repo, _ACCEPTED],
        )
        entries = [self._entry(row) for row in rows if self._link(row).is_intact]
        return frozenset(str(head) for entry in entries for head in _listed(entry.data.get("lost")))

    def export(self) -> Iterator[Json]:
        """Yield every entry as the JSON object whose canonical text, less `hash`, was hashed."""
        for entry in self.entries():
            yield {**_facts(self.repo, entry), "hash": entry.hash}

    def last(self) -> tuple[int, str]:
        """Return the number and hash of the last entry: 0 and zeros where there is none."""
        rows = self.database.rows(
            "SELECT number, hash FROM ledger WHERE repo = ? ORDER BY number DESC LIMIT 1",
            [self.repo],
        )
        return rows[0] if rows else (0, GENESIS)

    def _advance_witness(self) -> None:
        crash.point("ledger:committed")
        self._witness.advance(self.last, self.has)

    def _link(self, row: tuple[Any, ...]) -> Link:
        return link_of(self.repo, row)

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        return _entry_of(row)


def link_of(repo: str, row: tuple[Any, ...]) -> Link:
    """Return what the form of `repo`'s chain rests on in one row of `COLUMNS`."""
    return Link(row[0], row[5], row[6], _is_hash(repo, row))


def _entry_of(row: tuple[Any, ...]) -> Entry:
    number, at, proposal, kind, data, previous, entry_hash = row
    try:
        # SQLite's columns take values of any type, whatever they were declared as.
        if not isinstance(number, int) or not all(isinstance(cell, str) for cell in row[1:]):
            raise ValueError("a column has another type")  # noqa: TRY301 - told below
        return Entry(number, at, proposal, kind, codec.parse(data), previous, entry_hash)
    except ValueError as error:
        raise StoreCorrupt(
            f"Entry {one_line(str(number), 20)} of the ledger cannot be read: "
            "`mai audit verify` says more."
        ) from error


@lru_cache(maxsize=8)
def _quoted(repo: str) -> str:
    return json.dumps(repo, ensure_ascii=False)


def _is_hash(repo: str, row: tuple[Any, ...]) -> bool:
    """Whether a row's hash is that of its other columns, without parsing its data.

    The text that was hashed is put together as `canonical_json` writes it. Columns that would be
    escaped there cannot be Mai's, so nothing but the very row that was appended gives its text.
    """
    number, at, proposal, kind, data, previous, entry_hash = row
    if type(number) is not int or {*map(type, row[1:])} != {str}:
        return False
    if not _PLAIN.fullmatch(f"{at}{kind}{previous}{proposal}"):
        return False
    text = (
        f'{{"at":"{at}","data":{data},"kind":"{kind}","number":{number},"previous":"{previous}",'
        f'"proposal":"{proposal}","repo":{_quoted(repo)}}}'
    )
    try:
        return bool(hashlib.sha256(text.encode()).hexdigest() == entry_hash)
    except UnicodeEncodeError:
        return False


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _facts(repo: str, entry: Entry) -> Json:
    return {
        "repo": repo,
        "number": entry.number,
        "at": entry.at,
        "proposal": entry.proposal,
        "kind": entry.kind,
        "data": entry.data,
        "previous": entry.previous,
    }


def _hash(repo: str, entry: Entry) -> str:
    return hashlib.sha256(canonical_json(_facts(repo, entry))).hexdigest()
