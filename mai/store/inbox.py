"""Proposals and what people answer. One inbox, many surfaces and processes, first answer wins."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from mai.errors import Declined, StoreCorrupt, StoreError, UnknownId
from mai.proposal import Proposal, State
from mai.protocols import Clock
from mai.store.answers import checked_digest, refusal
from mai.store.fold import Misfit, fold, is_allowed, moment, step
from mai.store.ledger import Entry, Ledger
from mai.store.snapshot import Head, Snapshot
from mai.store.timekeeping import Timekeeper
from mai.text import one_line

_ID = re.compile(r"[0-9a-f]{12}")
_PREFIX = re.compile(r"[0-9a-f]{1,12}")


_WORKING = frozenset(state for state in State if state.is_working)
_LANDED = frozenset({State.LANDED, State.ROLLED_BACK})
_ENDED = frozenset(state for state in State if state.is_end)
_EVERY = frozenset(State)


class Inbox:
    """What the ledger says of every proposal, and the only way to say more."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._snapshot = Snapshot(ledger, ledger.beside(".seal"))
        self._time = Timekeeper(ledger.database, ledger.repo, clock)
        self._known = Head()
        self._lists: dict[tuple[object, ...], list[Proposal]] = {}
        self._lock = threading.Lock()

    # --- looking -----------------------------------------------------------------------------

    def all(self) -> list[Proposal]:
        """Return every proposal, the newest first. Where there are many, this takes long."""
        return self._listed(_EVERY)

    def pending(self) -> list[Proposal]:
        """Return those that wait for an answer, the newest first."""
        return self._listed({State.PENDING})

    def working(self) -> list[Proposal]:
        """Return those for which a stage is due, the newest first."""
        return self._listed(_WORKING)

    def recent(self, most: int) -> list[Proposal]:
        """Return all that have not ended and the newest `most` that have, the newest first."""
        still = self._listed(_WORKING | {State.PENDING})
        both = [*still, *self._listed(_ENDED, most=most)]
        return sorted(both, key=lambda one: one.created_at, reverse=True)

    def in_state(self, *states: State, most: int | None = None) -> list[Proposal]:
        """Return those in one of `states`, the newest first and `most` of them."""
        return self._listed(frozenset(states), most=most)

    def landed(self, most: int | None = None) -> list[Proposal]:
        """Return what landed, taken back or not: the latest landing first, `most` of them."""
        return self._listed(_LANDED, by_landing=True, most=most)

    def count(self, *states: State) -> int:
        """Return how many proposals are in one of `states`."""
        counts = self._snapshot.head().counts
        return sum(counts.get(state.value, 0) for state in states)

    def states(self) -> dict[str, State]:
        """Return every proposal's state by its id, without reading the proposals."""
        return self._snapshot.states()

    def titles(self, states: Collection[State]) -> frozenset[str]:
        """Return the titles of the proposals in `states`."""
        return self._snapshot.titles(states)

    def changed_after(self, number: int) -> list[Proposal]:
        """Return those about which an entry numbered above `number` says something."""
        return self._snapshot.rows(_EVERY, after=number)

    def position(self) -> int:
        """Return the number of the newest entry that says something of a proposal, or a later."""
        return self._snapshot.head().number

    def faults(self) -> list[str]:
        """Return, in sentences, where what is kept for lists differs from the ledger."""
        return self._snapshot.faults()

    def _listed(
        self, states: Collection[State], *, by_landing: bool = False, most: int | None = None
    ) -> list[Proposal]:
        """Return what the snapshot has; asked again, nothing is read unless something happened."""
        key = (frozenset(states), by_landing, most)
        with self._lock:
            head = self._snapshot.head()
            if head != self._known:
                self._known, self._lists = head, {}
            if key not in self._lists:
                self._lists[key] = self._snapshot.rows(states, by_landing=by_landing, most=most)
            return list(self._lists[key])

    def get(self, prefix: str) -> Proposal:
        """Return the one proposal whose id begins with `prefix`.

        Raises:
            UnknownId: none does, or several do.
        """
        return fold(self._ledger.entries(self._resolved(prefix)))

    def knows(self, proposal_id: str) -> bool:
        """Whether anything was ever recorded of the proposal of exactly that id."""
        return next(self._ledger.entries(proposal_id), None) is not None

    def last(self, proposal_id: str, kind: str) -> Entry | None:
        """Return the proposal's latest entry of that kind, such as the plan of a `landing`."""
        entries = [entry for entry in self._ledger.entries(proposal_id) if entry.kind == kind]
        return entries[-1] if entries else None

    # --- answering ---------------------------------------------------------------------------

    def approve(self, prefix: str, digest: str, by: str) -> Proposal:
        """Say yes to what `digest` stands for, as `by` (`surface:who`). First answer wins.

        `digest` may leave out `sha256:` and be cut short, down to six hexadecimal digits.

        Raises:
            UnknownId: no such proposal.
            WrongDigest: the digest was never this proposal's.
            StaleDigest: it was once; what would land has changed since.
            AlreadyAnswered: somebody said yes before.
            Declined: it was rejected or withdrawn, or it has expired, if only just now.
            Blocked: the scorer forbids it.
            Conflict: it is being judged, or came to another end.
            StoreCorrupt: its entries in the ledger were altered.
        """
        self.settle_clock()
        with self._ledger.database.transaction():
            entries = self._intact(self._resolved(prefix))
            proposal = fold(entries)
            if proposal.state is not State.PENDING:
                raise refusal(proposal, entries)
            # `expired` must be committed, so its error is raised when the transaction is over.
            if not self._is_overdue(proposal):
                current = checked_digest(proposal, digest, entries)
                return self.record(proposal.id, "approved", {"by": by, "digest": current})
            self._expire(proposal)
        raise Declined(f"Proposal {proposal.short_id} expired at {proposal.expires_at}.", "expired")

    def reject(self, prefix: str, reason: str, by: str) -> Proposal:
        """Say no, as `by`. Allowed until somebody said yes, also while it is being judged.

        Raises:
            UnknownId: no such proposal.
            AlreadyAnswered, Declined, Blocked, Conflict: it is too late for an answer.
        """
        return self._decline(prefix, "rejected", by, reason)

    def withdraw(self, prefix: str, by: str) -> Proposal:
        """Take a proposal back before anybody answers. Raises what `reject` raises."""
        return self._decline(prefix, "withdrawn", by, "")

    def expire_due(self) -> list[Proposal]:
        """Expire what nobody answered in time, and return those that this call expired.

        None do while the ledger's end is missing: whoever looks must still be shown what is there.
        """
        expired: list[Proposal] = []
        if self._ledger.loss():
            return expired
        self.settle_clock()
        for waiting in self.pending():
            if self._is_overdue(waiting):
                with self._ledger.database.transaction():
                    proposal = fold(self._ledger.entries(waiting.id))
                    # Another process may have answered, or judged again, since it was read.
                    if proposal.state is State.PENDING and self._is_overdue(proposal):
                        expired.append(self._expire(proposal))
        return expired

    def settle_clock(self) -> timedelta:
        """Move the deadlines with a clock that was set, and return by how far; zero if it was not.

        Time that did not pass is no time to answer in: a jump by a day must expire nothing.
        """
        if not (jump := self._time.jump()) or self._ledger.loss():
            return timedelta(0)
        with self._ledger.database.transaction():
            for proposal in self._listed(_WORKING | {State.PENDING}):
                if proposal.expires_at and proposal.state is not State.APPROVED:
                    until = (moment(proposal.expires_at) + jump).isoformat()
                    told = {"expires_at": until, "jump_s": round(jump.total_seconds())}
                    self.record(proposal.id, "extended", told)
            self._time.mark()
        return jump

    # --- recording ---------------------------------------------------------------------------

    def record(self, proposal_id: str, kind: str, data: Mapping[str, Any]) -> Proposal:
        """Add an event to the proposal of exactly that id and return what it makes of it.

        What takes another one back does so by landing: both are recorded, or neither.

        Raises:
            UnknownId: nothing but `proposed` can happen to a proposal that is not there.
            AlreadyAnswered, Declined, Blocked, Conflict: its state does not allow the event.
            LedgerLost: the ledger's end is missing, and nobody accepted that.
            StoreError: the data is not what the event needs. In every case nothing was added.
        """
        if not _ID.fullmatch(proposal_id):
            raise UnknownId("A proposal's id has 12 hexadecimal digits.")
        with self._ledger.database.transaction():
            self._ledger.require_end()
            return self._record(proposal_id, kind, data)

    def recover(
        self, proposal_id: str, proposed: Mapping[str, Any] | None, landed: Mapping[str, Any]
    ) -> Proposal:
        """Record a landing that a ledger which lost its end has no entry of.

        `proposed` is the proposal's first entry, where that was lost too. Raises what `record`
        raises, but for the end that is missing.
        """
        with self._ledger.database.transaction():
            if proposed is not None:
                self._record(proposal_id, "proposed", proposed)
            return self._record(proposal_id, "recovered", landed)

    def _record(self, proposal_id: str, kind: str, data: Mapping[str, Any]) -> Proposal:
        with self._ledger.database.transaction():
            entries = list(self._ledger.entries(proposal_id))
            before = fold(entries) if entries else None
            if not is_allowed(before, kind):
                if before is None:
                    raise UnknownId(f"There is no proposal {proposal_id}.")
                raise refusal(before, entries)
            try:
                entry = self._ledger.append(kind, proposal_id, data)
                after = step(before, entry)
            except Misfit as error:
                raise StoreError(f"The event cannot be recorded: {error}.") from error
            first = entries[0].number if entries else entry.number
            self._snapshot.add(entry, after, first)
            if kind in {"landed", "recovered"}:
                self._take_back(after)
            return after

    def finish_rollbacks(self) -> list[Proposal]:
        """Mark as taken back what a landed rollback took back, and return those it marked.

        Earlier versions recorded the two one after the other, and a crash came between.
        """
        found = []
        for proposal in self._snapshot.rollbacks():
            if proposal.state is State.LANDED:
                with self._ledger.database.transaction():
                    found += self._take_back(proposal)
        return found

    def _take_back(self, landed: Proposal) -> list[Proposal]:
        """Record what `landed` took back. One that lies beside its branch took nothing back."""
        if landed.rolls_back is None or landed.landed is None or landed.landed.is_beside:
            return []
        entries = list(self._ledger.entries(landed.rolls_back))
        if not entries or (original := fold(entries)).state is not State.LANDED:
            return []
        data = {"by_proposal": landed.id, "commit": landed.landed.commit}
        return [self._record(original.id, "rolled_back", data)]

    def _decline(self, prefix: str, kind: str, by: str, reason: str) -> Proposal:
        with self._ledger.database.transaction():
            proposal_id = self._resolved(prefix)
            told = f"{kind.capitalize()} by {one_line(by, 80)}"
            told += f": {one_line(reason)}" if reason else "."
            data = {"code": kind, "message": told, "reason": reason, "by": by}
            return self.record(proposal_id, kind, data)

    def _expire(self, proposal: Proposal) -> Proposal:
        message = f"Nobody answered until {proposal.expires_at}."
        return self.record(proposal.id, "expired", {"code": "expired", "message": message})

    def _is_overdue(self, proposal: Proposal) -> bool:
        return bool(proposal.expires_at) and self._clock.now() >= moment(proposal.expires_at or "")

    # --- reading the ledger ------------------------------------------------------------------

    def _resolved(self, prefix: str) -> str:
        wanted = prefix.strip().lower()
        if not _PREFIX.fullmatch(wanted):
            raise UnknownId("A proposal's id is up to 12 hexadecimal digits.")
        rows = self._ledger.database.rows(
            "SELECT DISTINCT proposal FROM ledger "
            "WHERE repo = ? AND proposal >= ? AND proposal < ? LIMIT 4",
            [self._ledger.repo, wanted, wanted + "g"],
        )
        if not rows:
            raise UnknownId(f"There is no proposal {wanted}.")
        if len(rows) > 1:
            some = ", ".join(row[0] for row in rows[:3])
            raise UnknownId(f"Several proposals begin with {wanted}: {some}; give more digits.")
        return str(rows[0][0])

    def _intact(self, proposal_id: str) -> list[Entry]:
        entries = list(self._ledger.entries(proposal_id))
        for entry in entries:
            if not self._ledger.is_intact(entry):
                raise StoreCorrupt(
                    f"Entry {entry.number} of the ledger was altered, so nothing is approved on "
                    "the strength of it: `mai audit verify` says more."
                )
        return entries
