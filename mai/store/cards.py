"""What surfaces showed where: a card per digest, written down before it is posted.

The ledger is the truth about a proposal; a card is only where somebody can see and answer it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from datetime import UTC
from enum import StrEnum
from typing import Any

from mai.errors import StoreError
from mai.protocols import Clock
from mai.store.db import Database

_NONCE_CHARACTERS = 25  # Discord takes no longer one


class CardState(StrEnum):
    """`wanted`: to be posted; `posted`: a message shows it; `closed`: it shows the outcome."""

    WANTED = "wanted"
    POSTED = "posted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Card:
    """One card. Times are ISO 8601 in UTC; `channel`, `message`, `question` are Discord's ids.

    Attributes:
        digest: what it shows; empty for what nobody can approve.
        nonce: the same for every attempt to post it, so that a repeated one is not a second one.
        attempted_at: when posting began; set without `message`, the message may be there.
        posts: how often a message of it was written down: twice where the first was deleted.
        pressed: `yes` once the owner pressed that button, which leaves no other trace.
        question: the message that asks for the digest's digits or for a reason; 0 while it is sent.
        outcome: what the message was last edited to show.
        reminded: whether the reminder before the end was begun.
        told_stale: whether a late yes was answered.
    """

    proposal: str
    digest: str
    nonce: str
    state: CardState
    wanted_at: str
    attempted_at: str | None
    channel: int | None
    message: int | None
    posts: int
    pressed: str
    question: int | None
    outcome: str
    reminded: bool
    told_stale: bool


_COLUMNS = tuple(field.name for field in fields(Card))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM cards WHERE repo = ?"  # noqa: S608 - constants


class Cards:
    """The cards of one repo, `repo` being its key. Any thread and process may use them."""

    def __init__(self, database: Database, repo: str, clock: Clock) -> None:
        self._database = database
        self._repo = repo
        self._clock = clock

    def want(self, proposal: str, digest: str) -> Card:
        """Return the card of that digest, written down now if it was not yet."""
        given = f"{self._repo}:{proposal}:{digest}".encode()
        nonce = hashlib.sha256(given).hexdigest()[:_NONCE_CHARACTERS]
        with self._database.transaction() as handle:
            handle.execute(
                "INSERT OR IGNORE INTO cards (repo, proposal, digest, nonce, state, wanted_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (self._repo, proposal, digest, nonce, CardState.WANTED.value, self._now()),
            )
            (card,) = self._found("AND proposal = ? AND digest = ?", proposal, digest)
        return card

    def attempt(self, card: Card) -> Card:
        """Write down that posting begins now."""
        return self.change(card, attempted_at=self._now())

    def change(self, card: Card, **values: Any) -> Card:
        """Set columns of a card and return it as it is then.

        Raises:
            StoreError: there is no such column.
        """
        if not values.keys() <= set(_COLUMNS[3:]):
            raise StoreError("A card has no such column.")
        sets = ", ".join(f"{name} = ?" for name in values)
        with self._database.transaction() as handle:
            handle.execute(
                f"UPDATE cards SET {sets} WHERE repo = ? AND proposal = ? AND digest = ?",  # noqa: S608 - names checked above
                (*values.values(), self._repo, card.proposal, card.digest),
            )
            (changed,) = self._found("AND proposal = ? AND digest = ?", card.proposal, card.digest)
        return changed

    def of(self, proposal: str) -> list[Card]:
        """Return a proposal's cards, the oldest first."""
        return self._found("AND proposal = ? ORDER BY rowid", proposal)

    def all(self) -> dict[str, list[Card]]:
        """Return every card, the oldest first, by its proposal."""
        found: dict[str, list[Card]] = {}
        for card in self._found("ORDER BY rowid"):
            found.setdefault(card.proposal, []).append(card)
        return found

    def open(self) -> list[Card]:
        """Return the cards that wait to be posted or answered, the oldest first."""
        return self._found("AND state != ? ORDER BY rowid", CardState.CLOSED.value)

    def by_message(self, message: int) -> Card | None:
        """Return the card that a message shows, or asks about."""
        found = self._found("AND (message = ? OR question = ?) LIMIT 1", message, message)
        return found[0] if found else None

    # --- other things to remember ------------------------------------------------------------

    def fact(self, name: str) -> str:
        """Return what was remembered under `name`, empty where nothing was."""
        rows = self._database.rows(
            "SELECT value FROM surface_facts WHERE repo = ? AND name = ?", [self._repo, name]
        )
        return str(rows[0][0]) if rows else ""

    def remember(self, name: str, value: str) -> None:
        """Remember `value` under `name`, in place of what was there."""
        with self._database.transaction() as handle:
            handle.execute(
                "INSERT INTO surface_facts (repo, name, value) VALUES (?, ?, ?) "
                "ON CONFLICT (repo, name) DO UPDATE SET value = excluded.value",
                (self._repo, name, value),
            )

    def _found(self, where: str, *parameters: object) -> list[Card]:
        rows = self._database.rows(f"{_SELECT} {where}", [self._repo, *parameters])
        return [_card(row) for row in rows]

    def _now(self) -> str:
        return self._clock.now().astimezone(UTC).isoformat(timespec="milliseconds")


def _card(row: tuple[Any, ...]) -> Card:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["state"] = CardState(values["state"])
    values["reminded"], values["told_stale"] = bool(values["reminded"]), bool(values["told_stale"])
    return Card(**values)
