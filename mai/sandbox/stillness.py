"""Reports once that a container neither computes nor prints."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STILL_S = 30.0
#: Less CPU time than this since the last sign of work is none: a sleeping Python takes that.
_WORK_S = 0.2

Say = Callable[[str], None]


class Stillness:
    """Receives the heartbeats of one container and reports when it shows no work."""

    def __init__(self, say: Say, after_s: float) -> None:
        self._say, self._after_s = say, after_s
        self._worked_at, self._cpu_s = time.monotonic(), 0.0
        self._is_over = threading.Event()

    def pulse(self, cpu_s: float | None) -> None:
        """Take a sign of life: the CPU seconds used so far, or None where something was printed."""
        if cpu_s is None or cpu_s - self._cpu_s >= _WORK_S:
            self._worked_at = time.monotonic()
            self._cpu_s = self._cpu_s if cpu_s is None else cpu_s

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch meanwhile."""
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._is_over.set()
            watcher.join()

    def _watch(self) -> None:
        while (left_s := self._worked_at + self._after_s - time.monotonic()) > 0:
            if self._is_over.wait(left_s):
                return
        self._say(
            f"The container of this run has neither computed nor printed for {self._after_s:g} s. "
            "I go on waiting; Ctrl+C stops the run and removes the container, and a proposal is "
            "kept."
        )
