"""What happens to proposals, told with plain data, for tests of the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mai.proposal import (
    FileChange,
    Finding,
    Level,
    Opinion,
    Proposal,
    ReviewReport,
    RiskReport,
    TrialReport,
    Verdict,
)
from mai.store.codec import encode
from mai.store.db import Database
from mai.store.inbox import Inbox
from mai.store.ledger import Ledger

ID = "abcdef012345"
ANA = "terminal:ana"
START = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
OTHER_DIGEST = "sha256:" + "cd" * 32

RISK = RiskReport(Level.MEDIUM, 7, (Finding("r", "net", Level.MEDIUM, "a.py", 3, 0, "opens"),))
TRIAL = TrialReport(Verdict.PASS, fixed=("tests/test_a.py::test_x",), seconds=1.5)
REVIEW = ReviewReport(Opinion.APPROVE, "small (ollama)", ("one concern",))
FILES = (FileChange("a.py", "modified", 3, 1, None, "100644", "100644"),)

JUDGED = ("proposed", "checked", "assessed", "tried", "reviewed", "pending")


@dataclass(slots=True)
class HandClock:
    """A clock that a test moves by hand."""

    at: datetime = field(default=START)

    def now(self) -> datetime:
        return self.at

    def advance(self, **how_far: float) -> None:
        self.at += timedelta(**how_far)


def data_of(kind: str, proposal_id: str) -> dict[str, Any]:
    """Return what an event of that kind carries."""
    files = [encode(change) for change in FILES]
    end = {"code": kind, "message": "It ended.", "reason": "because", "by": "terminal:ana"}
    proposed = {"id": proposal_id, "title": "Fix it", "why": "It broke", "branch": "main"}
    proposed |= {"base": "1" * 40, "commit": "2" * 40, "tree": "3" * 40, "author": "reflex"}
    expires = (START + timedelta(hours=24)).isoformat()
    known: dict[str, dict[str, Any]] = {
        "proposed": {**proposed, "files": files, "rolls_back": None},
        "checked": {},
        "assessed": {"risk": encode(RISK)},
        "tried": {"trial": encode(TRIAL), "risk": encode(RISK)},
        "reviewed": {"review": encode(REVIEW)},
        "pending": {"digest": DIGEST, "expires_at": expires},
        "extended": {"expires_at": expires, "jump_s": 60},
        "moved": {"tip": "4" * 40, "tree": "5" * 40, "files": files},
        "approved": {"by": "terminal:ana", "digest": DIGEST},
        "landing": {"plan": {"tree": "3" * 40}},
        "landed": {"commit": "6" * 40, "branch": "main", "is_beside": True, "note": "beside"},
        "recovered": {"commit": "6" * 40, "branch": "main", "digest": DIGEST, "by": "terminal:ana"}
        | {"at": START.isoformat()},
        "rolled_back": {"by_proposal": "f" * 12, "commit": "7" * 40},
        "reasoned": {"reason": "too clever", "by": "terminal:ana"},
        "noted": {"anything": [1, None, "x"]},
    }
    return known.get(kind, end)


def tell(inbox: Inbox, proposal_id: str, *kinds: str) -> Proposal:
    """Record events of those kinds, in order, and return the proposal."""
    for kind in kinds:
        proposal = inbox.record(proposal_id, kind, data_of(kind, proposal_id))
    return proposal


def kinds(store: Store) -> list[str]:
    """Return the kinds of everything that happened to proposal `ID`, in order."""
    return [entry.kind for entry in store.ledger.entries(ID)]


def id_of(number: int) -> str:
    return f"{number:012x}"


@dataclass(frozen=True, slots=True)
class Store:
    """A whole store in a folder."""

    database: Database
    ledger: Ledger
    inbox: Inbox
    clock: HandClock

    @classmethod
    def open(cls, folder: Path, *, busy_timeout_s: float = 30) -> Store:
        clock = HandClock()
        database = Database.open(folder / "mai.db", busy_timeout_s=busy_timeout_s, clock=clock)
        ledger = Ledger(database, "repo", folder / "repo.witness", clock)
        return cls(database, ledger, Inbox(ledger, clock), clock)
