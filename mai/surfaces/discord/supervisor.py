"""Keeps a client connected: starts it, watches it, starts another when it has ended.

discord.py resumes a session by itself. What it does not survive ends the client, and here another
one begins: a first connection that fails, frames that are no frames, a gateway that takes
connections and drops them at once. Its own waits grow to a quarter of an hour; these stay short.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import time
from collections import deque
from collections.abc import Callable

import discord

from mai.core import Core
from mai.errors import RepoBusy
from mai.repo.locks import claim
from mai.surfaces.discord.client import MaiClient
from mai.surfaces.discord.settings import Account
from mai.system.logs import get
from mai.text import one_line

_FIRST_S, _LAST_S, _STEADY_S = 1.0, 60.0, 60.0
_TAKE_OVER_EVERY_S = 3.0
_SILENT_S = 15.0
#: So many drops in so many seconds are a gateway that does not want to be talked to.
_DROPS, _DROPS_WITHIN_S = 6, 10.0
_BAD_TOKEN, _BAD_INTENTS = 4004, frozenset({4013, 4014})


class Supervisor:
    """One client after another, for as long as `run` is not cancelled.

    `speaks` says whether this Mai answers talk and commands: one process does for each bot.
    """

    def __init__(
        self,
        core: Core,
        account: Account,
        client: Callable[[], MaiClient],
        say: Callable[[str], None],
        tell: Callable[[str, str], None],
    ) -> None:
        self.speaks = False
        self._core = core
        self._account = account
        self._make = client
        self._say = say
        self._tell = tell
        self._client: MaiClient | None = None
        self._drops: deque[float] = deque(maxlen=_DROPS)
        self._ready_s: float | None = None
        self._complaint: asyncio.TimerHandle | None = None
        self._trouble = ""
        self._was_lost = False
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Keep a client connected. Ends by itself only where Discord refuses the bot."""
        with contextlib.ExitStack() as held:
            await self._alone(held)
            voice = asyncio.get_running_loop().create_task(self._find_voice(held))
            try:
                await self._keep()
            finally:
                voice.cancel()
                if self._complaint is not None:
                    self._complaint.cancel()

    def connected(self) -> None:
        """The client is connected, or connected again."""
        self._ready_s = time.monotonic()
        if self._complaint is not None:
            self._complaint.cancel()
            self._complaint = None
        self._trouble = ""
        me = self._client.user if self._client else None
        if self._was_lost:
            self._say("Discord: connected again.")
        self._was_lost = False
        self._tell("connected", f"as {one_line(str(me), 40)}" if me else "")

    def lost(self) -> None:
        """The connection is gone for now."""
        self._tell("connecting", "")
        self._drops.append(time.monotonic())
        self._complain_soon("the connection is lost")
        if len(self._drops) == _DROPS and self._drops[-1] - self._drops[0] < _DROPS_WITHIN_S:
            self._drops.clear()
            if self._client is not None:
                task = asyncio.get_running_loop().create_task(self._client.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    # --- one client after another ------------------------------------------------------------

    async def _keep(self) -> None:
        wait_s = _FIRST_S
        while True:
            self._ready_s = None
            self._tell("connecting", "")
            if not self._trouble:
                self._complain_soon("it does not answer")
            refusal = await self._one()
            if refusal:
                self._say(f"Discord: {refusal}")
                self._tell("refused", refusal)
                return
            if self._ready_s and time.monotonic() - self._ready_s > _STEADY_S:
                wait_s = _FIRST_S
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            wait_s = min(wait_s * 2, _LAST_S)

    async def _one(self) -> str:
        """Run one client to its end; return why there is no use in another, or nothing."""
        client = self._client = self._make()
        why = "the connection ended"
        try:
            await client.start(self._account.token, reconnect=False)
        except discord.LoginFailure:
            return _REFUSALS["token"]
        except discord.PrivilegedIntentsRequired:
            return _REFUSALS["intents"]
        except discord.ConnectionClosed as error:
            if error.code == _BAD_TOKEN:
                return _REFUSALS["token"]
            if error.code in _BAD_INTENTS:
                return _REFUSALS["intents"]
            why = f"Discord closed the connection with {error.code}"
        except Exception as error:  # noqa: BLE001 - a client that cannot go on is replaced
            why = f"{type(error).__name__}: {one_line(str(error))}"
        finally:
            with contextlib.suppress(Exception):  # it is half open, and thrown away
                await client.close()
        get("discord").info("the client ended", why=why)
        self._complain_soon(f"I cannot connect ({why})")
        return ""

    def _complain_soon(self, what: str) -> None:
        """Say what is wrong, once, unless it is mended soon; the last thing known is said."""
        self._trouble = what
        if self._complaint is None:
            loop = asyncio.get_running_loop()
            self._complaint = loop.call_later(_SILENT_S, self._complain)

    def _complain(self) -> None:
        self._was_lost = True
        self._say(
            f"Discord: {self._trouble}; I keep trying. Proposals wait, and the terminal takes "
            "answers."
        )

    # --- one Mai at a time -------------------------------------------------------------------

    async def _alone(self, held: contextlib.ExitStack) -> None:
        """Wait until no other process shows this repo's cards."""
        is_told = False
        while True:
            try:
                held.enter_context(self._core.repo.claim("discord"))
            except RepoBusy:
                if not is_told:
                    is_told = True
                    self._tell("elsewhere", "another Mai here shows this repo's proposals there")
                await asyncio.sleep(_TAKE_OVER_EVERY_S)
            else:
                return

    async def _find_voice(self, held: contextlib.ExitStack) -> None:
        """Answer talk and commands once no other process does it for the same bot."""
        folder = self._core.settings.data_dir / "locks"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = "discord-" + hashlib.sha256(self._account.token.encode()).hexdigest()[:16]
        while not self.speaks:
            try:
                held.enter_context(claim(folder, name))
                self.speaks = True
            except RepoBusy:
                await asyncio.sleep(_TAKE_OVER_EVERY_S)


_REFUSALS = {
    "token": (
        "it refuses the bot's token. Open https://discord.com/developers/applications, your "
        "application, Bot, Reset Token, and set DISCORD_BOT_TOKEN to the new one."
    ),
    "intents": (
        "it refuses the intents. Mai asks for none that is privileged: check at "
        "https://discord.com/developers/applications that the application is not restricted."
    ),
}
