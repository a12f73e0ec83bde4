"""What happened, told upwards. Stages and core publish; screens, surfaces and the CLI listen.

Events are past-tense facts for display. They decide nothing: the ledger does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from mai.proposal import Proposal


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage of the pipeline began for a proposal."""

    proposal_id: str
    stage: str


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage ended. `passed` is false where the proposal goes no further."""

    proposal_id: str
    stage: str
    passed: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class ProposalChanged:
    """A proposal has a new state, digest or report. Carries the whole of it."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Said:
    """Mai has one sentence for the person, such as that no model server answers."""

    text: str
    is_problem: bool = False


@dataclass(frozen=True, slots=True)
class Progressed:
    """A long step moved on. `fraction` is from 0 to 1, or None where the end is not known."""

    step: str
    fraction: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SurfaceChanged:
    """A place where people meet Mai can be reached, or not.

    `state`: connecting, connected, refused (a person must do something), elsewhere (another Mai
    on this machine has it) or off. `detail` is one sentence, or empty.
    """

    name: str
    state: str
    detail: str = ""


Event = StageStarted | StageFinished | ProposalChanged | Said | Progressed | SurfaceChanged
Listener = Callable[[Event], None]


class EventBus:
    """Hands each event to every listener, in the thread that published it.

    A listener must be quick and must not raise; one that raises is dropped, so that a broken
    screen cannot stop a landing.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add `listener`; the returned function removes it again."""
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._drop(listener)

    def publish(self, event: Event) -> None:
        """Tell every listener."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - a broken screen must not stop the pipeline
                self._drop(listener)

    def _drop(self, listener: Listener) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)


class Cancel:
    """A request to stop, handed down through every long step. Thread-safe, one-way."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def set(self) -> None:
        """Ask to stop and run the callbacks once, in the caller's thread."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_set(self, callback: Callable[[], None]) -> None:
        """Run `callback` when the request comes, or now where it already has."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def wait(self, timeout_s: float) -> bool:
        """Sleep up to `timeout_s` seconds; return whether the request came."""
        return self._event.wait(timeout_s)
