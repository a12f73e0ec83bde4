"""One piece of work at a time, off the screen's thread; a person's answers do not wait in line."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mai.console.messages import WorkEnded, WorkQueued, WorkStarted
from mai.errors import MaiError
from mai.events import Cancel
from mai.text import one_line

_JOIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something that blocks. `label` says what, such as `improve`; `action` raises MaiError.

    `holds_up`: leaving while it runs would cost something, so the person is asked.
    """

    label: str
    action: Callable[[Cancel], object]
    holds_up: bool = False


class Desk:
    """Runs jobs in threads and tells what became of them through `tell`, from those threads."""

    def __init__(self, tell: Callable[[WorkQueued | WorkStarted | WorkEnded], object]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._queue: deque[Job] = deque()
        self._running: dict[threading.Thread, tuple[Job, Cancel]] = {}
        self._current: threading.Thread | None = None
        self._is_closed = False

    @property
    def running(self) -> tuple[str, ...]:
        """The labels of everything that runs, answers and catching up included."""
        with self._lock:
            return tuple(job.label for job, _ in self._running.values())

    @property
    def holds_up(self) -> tuple[str, ...]:
        """The labels of what leaving would cut short, what waits in line included."""
        with self._lock:
            running = self._running.items()
            lost = [job for thread, (job, _) in running if job.holds_up or thread is self._current]
            return tuple(job.label for job in (*lost, *self._queue))

    @property
    def current(self) -> str:
        """The label of the work that Esc would stop, empty where there is none."""
        with self._lock:
            return self._running[self._current][0].label if self._current in self._running else ""

    @property
    def queued(self) -> tuple[str, ...]:
        """The labels of what waits in line."""
        return tuple(job.label for job in tuple(self._queue))

    def give(self, job: Job) -> None:
        """Do `job` now, or after the work that was given before it."""
        with self._lock:
            self._queue.append(job)
        self._tell(WorkQueued())
        self._next()

    def at_once(self, job: Job) -> None:
        """Do `job` beside whatever else runs; Esc does not stop it."""
        with self._lock:
            self._start(job)

    def stop(self) -> bool:
        """Ask the current work to stop; return whether there was any."""
        with self._lock:
            found = self._running.get(self._current) if self._current else None
        if found is not None:
            found[1].set()
        return found is not None

    def drop_queued(self) -> None:
        """Forget what waits in line."""
        with self._lock:
            self._queue.clear()

    def close(self) -> None:
        """Stop everything and wait until it has stopped. Not for the screen's own thread."""
        with self._lock:
            self._is_closed = True
            self._queue.clear()
            running = dict(self._running)
        for _, cancel in running.values():
            cancel.set()
        for thread in running:
            thread.join(_JOIN_S)

    def _next(self) -> None:
        with self._lock:
            if self._current is None and self._queue:
                self._current = self._start(self._queue.popleft())

    def _start(self, job: Job) -> threading.Thread | None:
        if self._is_closed:
            return None
        cancel = Cancel()
        # A daemon: one that will not stop in time must not hold the terminal; what it leaves is
        # what a crash leaves, and the next start goes on from there.
        thread = threading.Thread(target=self._carry_out, args=(job, cancel), daemon=True)
        self._running[thread] = (job, cancel)
        thread.start()
        return thread

    def _carry_out(self, job: Job, cancel: Cancel) -> None:
        self._tell(WorkStarted(job.label))
        error: MaiError | None = None
        try:
            job.action(cancel)
        except MaiError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - a fault in one job must not take the console
            error = as_sentence(raised)
        thread = threading.current_thread()
        with self._lock:
            self._running.pop(thread, None)
            if self._current is thread:
                self._current = None
        self._tell(WorkEnded(job.label, error))
        self._next()


def as_sentence(error: Exception) -> MaiError:
    """Record a fault of Mai's own in the log and return the sentence that says where."""
    from mai.system.logs import record_fault

    where = record_fault(error)
    return MaiError(
        f"This is a fault of mine: {type(error).__name__}: {one_line(str(error))}. "
        f"The details are in {where}."
    )
