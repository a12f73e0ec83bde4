"""Runs what a Mai that people meet at a distance needs: the caretaker and every surface set up."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time

from mai.core import Core
from mai.events import Said, SurfaceChanged
from mai.surfaces.caretaker import ASK_HERE_AFTER_S, Caretaker
from mai.surfaces.lane import Lane
from mai.system.logs import fault, get

_PAUSED = "paused"
_SAME_AGAIN_S = 600.0
_AFTER_A_FAULT_S = 30.0


class Host:
    """Threads of its own, from `start` to `stop`. Tells everything through `core.events`."""

    def __init__(
        self, core: Core, *, keeps_inbox: bool = True, asks_after_s: float = ASK_HERE_AFTER_S
    ) -> None:
        """`keeps_inbox` is false beside a console, which finishes and expires by itself.

        `asks_after_s` is how long nobody answers before the terminal is asked too.
        """
        self._core = core
        self._keeps_inbox = keeps_inbox
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._caretaker = Caretaker(
            core,
            idle_s=lambda: self._lanes["land"].idle_s if self._lanes else math.inf,
            is_paused=lambda: bool(core.cards.fact(_PAUSED)),
            say=self.say,
            asks_after_s=asks_after_s,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin: keep the inbox, and be at Discord where it is set up."""
        from mai.surfaces.discord.settings import Account

        account = Account.of(self._core.settings)
        if account is not None:
            widths = {"look": 4, "refuse": 1, "land": 1, "work": 1}
            self._lanes = {name: Lane(f"mai-{name}", width) for name, width in widths.items()}
        if self._keeps_inbox:
            self._caretaker.start()
        if account is None:
            missing = Account.missing(self._core.settings)
            self._tell("off", f"because {missing} is not set" if missing else "")
            return
        self._thread = threading.Thread(
            target=self._run_discord, args=(account,), name="mai-discord", daemon=True
        )
        self._thread.start()

    def stop(self, grace_s: float) -> bool:
        """End everything; return whether all work had ended within `grace_s` seconds.

        What had not is left as a crash leaves it: the next start goes on from there.
        """
        deadline = time.monotonic() + grace_s
        self._stopped.set()
        with self._lock:
            loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join(grace_s)
        has_ended = self._caretaker.stop(max(0.0, deadline - time.monotonic()))
        for lane in self._lanes.values():
            has_ended &= lane.close(max(0.0, deadline - time.monotonic()))
        return has_ended and not (self._thread and self._thread.is_alive())

    def say(self, text: str) -> None:
        """Tell the terminal a line, the same one not twice in ten minutes of the same trouble."""
        now_s = time.monotonic()
        with self._lock:
            if now_s - self._said.get(text, float("-inf")) < _SAME_AGAIN_S:
                return
            self._said = {
                line: at_s for line, at_s in self._said.items() if now_s - at_s < _SAME_AGAIN_S
            }
            self._said[text] = now_s
        self._core.events.publish(Said(text))

    def _tell(self, state: str, detail: str) -> None:
        if state == "connected":
            with self._lock:  # what is said after this is about another trouble
                self._said.clear()
        get("surfaces").info("surface changed", surface="discord", state=state, detail=detail)
        self._core.events.publish(SurfaceChanged("discord", state, detail))

    # --- Discord's thread --------------------------------------------------------------------

    def _run_discord(self, account: object) -> None:
        while not self._stopped.is_set():
            try:
                asyncio.run(self._discord(account))
            except asyncio.CancelledError:
                return
            except Exception as error:  # noqa: BLE001 - the inbox is kept whatever Discord does
                self.say(fault(error, "ended Discord"))
                self._tell("off", "it ended by a fault and begins again in a moment")
                self._stopped.wait(_AFTER_A_FAULT_S)
            else:
                return  # Discord refuses the bot; a person must do something first

    async def _discord(self, account: object) -> None:
        from mai.surfaces.discord.desk import Lanes
        from mai.surfaces.discord.settings import Account
        from mai.surfaces.discord.surface import DiscordSurface

        assert isinstance(account, Account)  # noqa: S101 - `start` made it
        surface = DiscordSurface(self._core, account, Lanes(**self._lanes), self.say, self._tell)
        with self._lock:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._stopped.is_set():  # by whoever came before there was a task to cancel
            return
        await surface.run()
