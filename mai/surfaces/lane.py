"""Work that blocks, done in threads for an event loop that must not."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class Lane:
    """`width` threads that take what they are given in turn.

    The threads are daemons: work that does not end must not keep the process from ending. What it
    leaves is what a crash leaves, and the next start goes on from there.
    """

    def __init__(self, name: str, width: int = 1) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = 0
        self._last_s = float("-inf")
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(width)
        ]
        for thread in self._threads:
            thread.start()

    async def do(self, action: Callable[[], Result]) -> Result:
        """Return what `action` returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def work() -> None:
            try:
                result = action()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                self._tell(loop, future, None, error)
            else:
                self._tell(loop, future, result, None)

        with self._lock:
            self._open += 1
        self._work.put(work)
        return await future

    @property
    def idle_s(self) -> float:
        """For how many seconds there has been nothing to do; 0 while there is."""
        with self._lock:
            return 0.0 if self._open else time.monotonic() - self._last_s

    def close(self, grace_s: float) -> bool:
        """Take nothing more, and return whether all work ended within `grace_s` seconds."""
        deadline = time.monotonic() + grace_s
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            with self._lock:
                self._open -= 1
                self._last_s = time.monotonic()

    @staticmethod
    def _tell(
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
        result: object,
        error: BaseException | None,
    ) -> None:
        def tell() -> None:
            if future.done():  # whoever asked has gone
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        try:
            loop.call_soon_threadsafe(tell)
        except RuntimeError:  # the loop was closed; nobody waits any more
            return
