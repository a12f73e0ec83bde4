"""One thing at a time for each key, again if it was asked for meanwhile, later if it failed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from mai.errors import MaiError
from mai.surfaces.discord.reach import Kind, Trouble, box_for
from mai.system.logs import fault

_FIRST_S, _LAST_S = 1.0, 60.0
#: What a few tries do not mend is said. A try can take half a minute by itself.
_TELL_AFTER_S = 8.0


class Keyed:
    """Runs `action(key)` for keys that are poked, up to `width` at once."""

    def __init__(
        self,
        action: Callable[[str], Awaitable[None]],
        *,
        width: int,
        say: Callable[[str], None],
    ) -> None:
        self._action = action
        self._say = say
        self._room = asyncio.Semaphore(width)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, float] = {}
        self._alarms: dict[str, tuple[float, asyncio.Event]] = {}
        self._waits_s: dict[str, float] = {}
        self._failing_since_s: dict[str, float] = {}

    def poke(self, key: str, delay_s: float = 0.0) -> None:
        """See to `key` in `delay_s`. What runs for it already is run once more when it ends.

        What only waits, such as after a failure, is woken where that is sooner.
        """
        if key in self._alarms:
            due_s, alarm = self._alarms[key]
            if time.monotonic() + delay_s < due_s:
                self._alarms[key] = (time.monotonic() + delay_s, alarm)
                alarm.set()
            return
        if key in self._running:
            self._again[key] = min(delay_s, self._again.get(key, delay_s))
            return
        task = asyncio.get_running_loop().create_task(self._run(key, delay_s))
        self._running[key] = task
        task.add_done_callback(lambda _: self._ended(key))

    @property
    def busy(self) -> int:
        """How many keys are seen to or wait for it."""
        return len(self._running)

    async def close(self) -> None:
        """Stop everything."""
        tasks = list(self._running.values())
        self._again.clear()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: str) -> None:
        self._running.pop(key, None)
        if (delay_s := self._again.pop(key, None)) is not None:
            self.poke(key, delay_s)

    async def _run(self, key: str, delay_s: float) -> None:
        await self._sleep(key, time.monotonic() + delay_s)
        async with self._room:
            began_s = time.monotonic()
            try:
                await self._action(key)
            except (Trouble, MaiError) as error:
                self._later(key)
                since_s = self._failing_since_s.setdefault(key, began_s)
                if _is_worth_telling(error, time.monotonic() - since_s):
                    self._say(f"Discord: {_told(error)}. I keep trying.".replace("..", "."))
            except Exception as error:  # noqa: BLE001 - a fault with one card must not take the rest
                self._say(fault(error, "at Discord"))
                self._later(key)
            else:
                self._waits_s.pop(key, None)
                self._failing_since_s.pop(key, None)

    async def _sleep(self, key: str, due_s: float) -> None:
        """Wait until `due_s` on the monotonic clock, or until `poke` asks for an earlier time."""
        alarm = asyncio.Event()
        self._alarms[key] = (due_s, alarm)
        try:
            while (wait_s := self._alarms[key][0] - time.monotonic()) > 0:
                alarm.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await alarm.wait()
        finally:
            del self._alarms[key]

    def _later(self, key: str) -> None:
        """See to `key` again after a wait that doubles."""
        wait_s = self._waits_s.get(key, _FIRST_S)
        self._waits_s[key] = min(wait_s * 2, _LAST_S)
        self._again.setdefault(key, wait_s)


def _is_worth_telling(error: Trouble | MaiError, since_s: float) -> bool:
    if isinstance(error, Trouble):
        if error.is_told:
            return False
        if error.kind is Kind.FORBIDDEN:  # waiting does not mend it
            return True
    return since_s >= _TELL_AFTER_S


def _told(error: Trouble | MaiError) -> str:
    if isinstance(error, MaiError):
        return error.sentence
    box = box_for(error)
    return f"{error}: {box}" if box else str(error)
