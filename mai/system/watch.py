"""Watches the machine in a thread: half an hour of history, and each sample to who wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from mai.settings import Settings
from mai.system.resources import History, Meter, Sample

INTERVAL_S = 2.0
HISTORY_MINUTES = 30.0


class Watch:
    """Samples until it is closed. A sample costs well under a millisecond."""

    def __init__(
        self,
        settings: Settings,
        listener: Callable[[Sample], object],
        interval_s: float = INTERVAL_S,
    ) -> None:
        """Start at once; `listener` is called in the watch's thread and must be quick."""
        self.history = History(HISTORY_MINUTES, interval_s)
        self._settings = settings
        self._listener = listener
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mai-watch", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop watching. Waits for a sample that is being taken."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        with Meter(self._settings) as meter:
            while not self._stop.wait(self._interval_s):
                sample = meter.sample()
                self.history.add(sample)
                self._listener(sample)
