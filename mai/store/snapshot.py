"""The fold of every proposal, kept as one row each, so that a list is a query.

The ledger stays the only truth: a yes, a landing and `Inbox.get` fold the proposal's own entries.
A row may only be believed because it is checked on each reading:

- Each row is sealed (BLAKE2 with a key that lies beside the witness, outside of the database).
- A row says up to which entry it was folded, which must be the last one about that proposal.
- The head says up to which entry of the chain all rows are folded, and how many there are in each
  state. It is sealed too. So a row that was taken out, or put back as it once was, is missed.

Rows are written in the transaction that appends the entry. What fits no more is made again from
the ledger; where it had been altered, that is raised once and recorded.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mai.errors import StoreCorrupt
from mai.proposal import Proposal, State
from mai.store import codec, files
from mai.store.fold import fold
from mai.store.witness import GENESIS

if TYPE_CHECKING:
    from mai.store.ledger import Entry, Ledger

#: Raise it when `mai.store.fold` makes something else of the same entries.
_VERSION = 2
_ID = re.compile(r"[0-9a-f]{12}")
_KEY = re.compile(rb"[0-9a-f]{64}")
_LOCK_TIMEOUT_S = 10.0
_NAMES = ("id", "first", "last", "state", "landed_at", "rolls_back", "data", "seal")
_COLUMNS = ", ".join(_NAMES)
_INSERT = f"INTO proposals (repo, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NEWEST = "(SELECT max(number) FROM ledger WHERE repo = p.repo AND proposal = p.id)"
_REBUILT = "lists_remade"
_NAMED_MOST = 20
_REFOLDED = 4_000


class Altered(Exception):
    """What is kept is not what Mai kept."""


@dataclass(frozen=True, slots=True)
class Head:
    """Every row is folded up to entry `number`, whose hash is `hash`; `counts` is by state."""

    number: int = 0
    hash: str = GENESIS
    counts: Mapping[str, int] = field(default_factory=dict)


class Snapshot:
    """The rows of one repo, `ledger` being its chain. Any thread and process may use it."""

    def __init__(self, ledger: Ledger, key: Path) -> None:
        """`key` is the file that holds the key of the seals; it is made when it is needed."""
        self._ledger = ledger
        self._database = ledger.database
        self._repo = ledger.repo
        self._path = key
        self._key = b""

    # --- reading -----------------------------------------------------------------------------

    def head(self) -> Head:
        """Return how far the rows reach, after bringing them up to the ledger's end.

        Raises:
            StoreCorrupt: they had been altered and were made again, or the ledger cannot be read.
        """
        try:
            head = self._read_head()
        except Altered as altered:
            raise self._remade(str(altered)) from altered
        if head is not None and self._is_current(head):
            return head
        with self._database.transaction():
            return self._catch_up()

    def rows(
        self,
        states: Collection[State],
        *,
        by_landing: bool = False,
        most: int | None = None,
        after: int = 0,
    ) -> list[Proposal]:
        """Return proposals that are in one of `states`, the newest first.

        Args:
            states: which to return.
            by_landing: order by when they landed rather than by when they were proposed.
            most: how many at most.
            after: only those about which there is an entry numbered above this.

        Raises:
            StoreCorrupt: rows had been altered and were made again.
        """
        self.head()
        try:
            with self._database.reading_at_once():
                head = self._read_head() or Head()
                found = self._select(states, by_landing=by_landing, most=most, after=after)
                if not after:
                    self._check_count(head, states, len(found), most)
                return found
        except Altered as altered:
            raise self._remade(str(altered)) from altered

    def _select(
        self, states: Collection[State], *, by_landing: bool, most: int | None, after: int
    ) -> list[Proposal]:
        marks = ", ".join("?" * len(states))
        order = "landed_at DESC, first DESC" if by_landing else "first DESC"
        sql = (
            f"SELECT {_columns('p')}, {_NEWEST} FROM proposals p "  # noqa: S608 - constants
            f"WHERE repo = ? AND state IN ({marks}) AND last > ? ORDER BY {order} LIMIT ?"
        )
        values = [self._repo, *(state.value for state in states), after]
        return [
            self._opened(row)
            for row in self._database.rows(sql, [*values, -1 if most is None else most])
        ]

    def rollbacks(self) -> list[Proposal]:
        """Return what landed to take another one back that still counts as landed."""
        self.head()
        sql = (
            f"SELECT {_columns('p')}, {_NEWEST} FROM proposals p "  # noqa: S608 - constants
            "JOIN proposals o ON o.repo = p.repo AND o.id = p.rolls_back "
            "WHERE p.repo = ? AND p.rolls_back != '' AND p.state = 'landed' AND o.state = 'landed'"
        )
        try:
            return [self._opened(row) for row in self._database.rows(sql, [self._repo])]
        except Altered as altered:
            raise self._remade(str(altered)) from altered

    def titles(self, states: Collection[State]) -> frozenset[str]:
        """Return the titles of the proposals in `states`."""
        self.head()
        marks = ", ".join("?" * len(states))
        rows = self._database.rows(
            "SELECT DISTINCT json_extract(data, '$.title') FROM proposals "  # noqa: S608 - question marks
            f"WHERE repo = ? AND state IN ({marks})",
            [self._repo, *(state.value for state in states)],
        )
        return frozenset(str(title) for (title,) in rows)

    def states(self) -> dict[str, State]:
        """Return the state of every proposal by its id. What is done about one reads it whole."""
        self.head()
        sql = f"SELECT {_columns('p')}, {_NEWEST} FROM proposals p WHERE repo = ?"  # noqa: S608 - constants
        try:
            with self._database.reading_at_once():
                head = self._read_head() or Head()
                rows = [self._checked(row) for row in self._database.rows(sql, [self._repo])]
                self._check_count(head, frozenset(State), len(rows), None)
        except Altered as altered:
            raise self._remade(str(altered)) from altered
        return {str(row[0]): State(row[_NAMES.index("state")]) for row in rows}

    def _opened(self, row: tuple[Any, ...]) -> Proposal:
        """Return what a row, the newest entry's number after it, holds. Raises Altered."""
        identity, data = self._checked(row)[0], row[_NAMES.index("data")]
        try:
            return codec.decode_json(Proposal, data)
        except ValueError as error:
            raise Altered(f"the row of proposal {identity} cannot be read") from error

    def _checked(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a row, the newest entry's number after it, if it is Mai's. Raises Altered."""
        *values, seal, newest = row
        identity, last = row[0], row[2]
        if not hmac.compare_digest(str(seal).encode(), self._seal(values)):
            raise Altered(f"the row of proposal {str(identity)[:12]!r} was altered")
        if last != newest:
            raise Altered(f"the row of proposal {identity} is an older one")
        return row

    def _check_count(
        self, head: Head, states: Collection[State], found: int, most: int | None
    ) -> None:
        expected = sum(head.counts.get(state.value, 0) for state in states)
        if most is not None and found == most:
            marks = ", ".join("?" * len(states))
            ((found,),) = self._database.rows(
                f"SELECT count(*) FROM proposals WHERE repo = ? AND state IN ({marks})",  # noqa: S608 - question marks
                [self._repo, *(state.value for state in states)],
            )
        if found != expected:
            raise Altered(f"there are {found} rows where {expected} were kept")

    # --- the head ----------------------------------------------------------------------------

    def _read_head(self) -> Head | None:
        """Return the head, None where there is none of this version. Raises Altered."""
        rows = self._database.rows(
            "SELECT version, number, hash, counts, seal FROM snapshots WHERE repo = ?", [self._repo]
        )
        if not rows or rows[0][0] != _VERSION or not self._has_key():
            return None
        version, number, entry_hash, counts, seal = rows[0]
        expected = self._seal([version, number, entry_hash, counts])
        if not hmac.compare_digest(str(seal).encode(), expected):
            raise Altered("the head of what is kept was altered")
        return Head(number, entry_hash, json.loads(counts))

    def _write_head(self, head: Head) -> None:
        counts = json.dumps({name: count for name, count in sorted(head.counts.items()) if count})
        values = [_VERSION, head.number, head.hash, counts]
        with self._database.transaction() as handle:
            handle.execute(
                "INSERT OR REPLACE INTO snapshots (repo, version, number, hash, counts, seal) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [self._repo, *values, self._seal(values).decode()],
            )

    def _is_current(self, head: Head) -> bool:
        """Whether what was folded is still there, and nothing of a proposal was added since."""
        rows = self._database.rows(
            "SELECT number, hash, proposal FROM ledger WHERE repo = ? AND number >= ? "
            "ORDER BY number",
            [self._repo, head.number],
        )
        if head.number:
            if not rows or rows[0][:2] != (head.number, head.hash):
                return False
            rows = rows[1:]
        return not any(_ID.fullmatch(str(row[2])) for row in rows)

    # --- writing -----------------------------------------------------------------------------

    def add(self, entry: Entry, proposal: Proposal, first: int) -> None:
        """Keep what `entry`, just appended in the open transaction, made of `proposal`.

        `first` is the number of the entry that began the proposal.
        """
        try:
            head = self._read_head()
        except Altered:
            return  # the next look says so and makes it again
        if head is None or (head.number, head.hash) != (entry.number - 1, entry.previous):
            self._catch_up()
            return
        counts = Counter(head.counts)
        self._put(proposal, first, entry.number, counts)
        self._write_head(Head(entry.number, entry.hash, counts))

    def _put(self, proposal: Proposal, first: int, last: int, counts: Counter[str]) -> None:
        """Write a row in place of the one before, and count it."""
        old = self._database.rows(
            "SELECT state FROM proposals WHERE repo = ? AND id = ?", [self._repo, proposal.id]
        )
        if old:
            counts[str(old[0][0])] -= 1
        counts[proposal.state.value] += 1
        with self._database.transaction() as handle:
            handle.execute(
                f"INSERT OR REPLACE {_INSERT}",
                [self._repo, *self._row(proposal, first, last)],
            )

    def _row(self, proposal: Proposal, first: int, last: int) -> list[Any]:
        landed_at = proposal.landed.at if proposal.landed else ""
        state, back = proposal.state.value, proposal.rolls_back or ""
        values = [proposal.id, first, last, state, landed_at, back, codec.encode_json(proposal)]
        return [*values, self._seal(values).decode()]

    def _catch_up(self) -> Head:
        """Fold again every proposal that has newer entries, or all. In an open transaction."""
        head = None
        with suppress(Altered):
            head = self._read_head()
        if head is None or (head.number and not self._ledger.has(head.number, head.hash)):
            return self._make()
        counts = Counter(head.counts)
        number, entry_hash = head.number, head.hash
        touched: dict[str, None] = {}
        for entry in self._ledger.entries(after=head.number):
            number, entry_hash = entry.number, entry.hash
            if _ID.fullmatch(entry.proposal):
                touched[entry.proposal] = None
        for identity in touched:
            entries = list(self._ledger.entries(identity))
            self._put(fold(entries), entries[0].number, entries[-1].number, counts)
        made = Head(number, entry_hash, counts)
        self._write_head(made)
        return made

    def _make(self) -> Head:
        """Fold everything anew. In an open transaction."""
        self._make_key()
        counts: Counter[str] = Counter()
        with self._database.transaction() as handle:
            handle.execute("DELETE FROM proposals WHERE repo = ?", [self._repo])
            for first, last, proposal in self._folded():
                counts[proposal.state.value] += 1
                handle.execute(
                    f"INSERT {_INSERT}",
                    [self._repo, *self._row(proposal, first, last)],
                )
        head = Head(*self._ledger.last(), counts)
        self._write_head(head)
        return head

    def _folded(self) -> Iterator[tuple[int, int, Proposal]]:
        """Yield each proposal with the numbers of its first and last entry."""
        for identity, group in groupby(self._ledger.by_proposal(), attrgetter("proposal")):
            if _ID.fullmatch(identity):
                entries = list(group)
                yield entries[0].number, entries[-1].number, fold(entries)

    def _remade(self, why: str) -> StoreCorrupt:
        """Make the rows anew from the ledger, put that on record, and return what to raise."""
        with self._database.transaction() as handle:
            handle.execute("DELETE FROM snapshots WHERE repo = ?", [self._repo])
            self._ledger.append(_REBUILT, "", {"why": why})
            self._make()
        return StoreCorrupt(
            f"The lists that Mai keeps beside its ledger were altered ({why}). They were made "
            "again from the ledger: ask again, and see `mai audit verify`."
        )

    # --- verifying ---------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """Return, in sentences, where what is kept differs from the ledger. Nothing is mended.

        Every row must be sealed, be the newest of a proposal in the ledger, and be counted. Of
        them `_REFOLDED` are folded anew and compared, those that have not ended first, then some
        by chance: the seal already says that Mai made a row of the entries that the chain holds.
        """
        found: list[str] = []
        try:
            with self._database.reading_at_once():
                head = self._read_head()
                if head is None or not self._is_current(head):
                    return []  # not there yet, or behind: the next look makes it
                found += self._differences(head)
        except Altered as altered:
            found.append(str(altered))
        except StoreCorrupt:
            return []  # the ledger itself cannot be read, which its own verification says
        more = len(found) - _NAMED_MOST
        told = [f"Beside the ledger, {one}." for one in found[:_NAMED_MOST]]
        return [*told, f"{more} more rows beside the ledger differ."] if more > 0 else told

    def _differences(self, head: Head) -> Iterator[str]:
        newest = {
            name: (first, last)
            for name, first, last in self._database.iterate(
                "SELECT proposal, min(number), max(number) FROM ledger WHERE repo = ? "
                "GROUP BY proposal",
                [self._repo],
            )
            if _ID.fullmatch(str(name))
        }
        counts: Counter[str] = Counter()
        waiting: list[str] = []
        ended: list[str] = []
        rows = self._database.iterate(
            f"SELECT {_COLUMNS} FROM proposals WHERE repo = ?",  # noqa: S608 - constants
            [self._repo],
        )
        for *values, seal in rows:
            identity, first, last, state = values[:4]
            if not hmac.compare_digest(str(seal).encode(), self._seal(values)):
                yield f"the row of proposal {str(identity)[:12]!r} was altered"
            elif newest.pop(identity, None) != (first, last):
                yield f"the row of proposal {identity} is an older one, or of none in the ledger"
            else:
                counts[state] += 1
                (ended if State(state).is_end else waiting).append(identity)
        for missing in newest:
            yield f"the row of proposal {missing} is missing"
        if counts != Counter(head.counts):
            yield "the counts by state differ"
        random.shuffle(ended)
        for identity in [*waiting, *ended][:_REFOLDED]:
            yield from self._compared(identity)

    def _compared(self, identity: str) -> Iterator[str]:
        entries = list(self._ledger.entries(identity))
        expected = self._row(fold(entries), entries[0].number, entries[-1].number)
        (kept,) = self._database.rows(
            f"SELECT {_COLUMNS} FROM proposals WHERE repo = ? AND id = ?",  # noqa: S608 - constants
            [self._repo, identity],
        )
        if list(kept) != expected:
            yield f"the row of proposal {identity} is not what its entries make of it"

    # --- the seal ----------------------------------------------------------------------------

    def _seal(self, values: Iterable[object]) -> bytes:
        text = "\0".join([self._repo, *map(str, values)]).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(text, key=self._key, digest_size=24).hexdigest().encode()

    def _has_key(self) -> bool:
        if not self._key:
            with files.os_errors(self._path), suppress(FileNotFoundError):
                key = self._path.read_bytes()
                self._key = key if _KEY.fullmatch(key) else b""
        return bool(self._key)

    def _make_key(self) -> None:
        files.make_folder(self._path.parent)
        lock = self._path.with_name(self._path.name + ".lock")
        with files.locked(lock, _LOCK_TIMEOUT_S), files.os_errors(self._path):
            if not self._has_key():
                files.replace(self._path, secrets.token_hex(32).encode())
                self._has_key()


def _columns(table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in _NAMES)
