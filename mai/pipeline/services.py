"""What every stage may use, and what every stage gives back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mai.errors import MaiError
from mai.events import Cancel, EventBus
from mai.proposal import Proposal
from mai.protocols import Clock, Reviewer, Sandbox
from mai.repo.repository import Repo
from mai.repo_policy import RepoPolicy
from mai.sandbox.limits import PROFILES, tightened
from mai.settings import Settings
from mai.store.inbox import Inbox
from mai.store.ledger import Ledger


class Answering:
    """Counts the yeses that this process carries out; `with` it while one is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1

    def __bool__(self) -> bool:
        return self._count > 0


@dataclass(frozen=True, slots=True)
class Services:
    """The rooms, wired once by `mai.core`.

    `sandbox` connects to the engine on its first call and raises NoEngine where there is none;
    `reviewer` returns None where nobody can review.
    """

    settings: Settings
    repo: Repo
    ledger: Ledger
    inbox: Inbox
    events: EventBus
    clock: Clock
    sandbox: Callable[[], Sandbox]
    reviewer: Callable[[Proposal], Reviewer | None]
    is_own_repo: Callable[[str], bool]
    cache_dir: Path
    answering: Answering = field(default_factory=Answering)

    def policy(self, commit: str) -> RepoPolicy:
        """Read the `mai.toml` that `commit` has. Raises SettingsError where it cannot be used."""
        policy = RepoPolicy.read(self.repo.snapshot(commit).read("mai.toml"))
        tightened(PROFILES["trusted"], policy.limits)  # refuses limits that there are none of
        return policy


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage found: the ledger event that says so, and the error where it goes no further."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    error: MaiError | None = None

    @classmethod
    def stopped(cls, kind: str, error: MaiError, **data: Any) -> Outcome:
        """Return an outcome that ends the proposal with `error`'s sentence."""
        return cls(kind, {"code": error.code, "message": error.sentence, **data}, error)


Stage = Callable[[Proposal, Services, Cancel], Outcome]
