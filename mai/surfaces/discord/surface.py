"""Discord as a surface: its rooms, wired once, whichever client is connected."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from mai.core import Core
from mai.errors import MaiError
from mai.events import Event, ProposalChanged
from mai.surfaces.discord.answers import Answers
from mai.surfaces.discord.cards import CardKeeper
from mai.surfaces.discord.client import MaiClient, point_at
from mai.surfaces.discord.commands import Commands
from mai.surfaces.discord.desk import Desk, Lanes
from mai.surfaces.discord.hearing import Hearing
from mai.surfaces.discord.keyed import Keyed
from mai.surfaces.discord.post import Post
from mai.surfaces.discord.reach import Trouble
from mai.surfaces.discord.settings import Account
from mai.surfaces.discord.status import Status
from mai.surfaces.discord.strangers import Strangers
from mai.surfaces.discord.supervisor import Supervisor
from mai.surfaces.discord.sweep import Sweep
from mai.surfaces.discord.talk import Talks
from mai.surfaces.discord.watch import Watch
from mai.system.logs import fault, get

#: Discord answers a few requests at once; more would only wait in discord.py's own line.
_SHOWN_AT_ONCE = 3
_READ_AT_ONCE = 1000
_AGAIN_S = 5.0
SWEEP_EVERY_S = 180.0


class DiscordSurface:
    """Cards, conversation, commands and presence of one Mai, until `run` is cancelled."""

    name = "discord"

    def __init__(
        self,
        core: Core,
        account: Account,
        lanes: Lanes,
        say: Callable[[str], None],
        tell: Callable[[str, str], None],
    ) -> None:
        """`say` tells the terminal a line; `tell` takes the surface's state and a sentence."""
        self._core = core
        self._account = account
        self._desk = desk = Desk(core, account, lanes, Post(account, say), say)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_watching = False
        self._showing = Keyed(self._show, width=_SHOWN_AT_ONCE, say=say)
        self._answering = Keyed(self._consider, width=_READ_AT_ONCE, say=say)
        self._sweeping = Keyed(self._sweep, width=1, say=say)
        strangers, self._talks = Strangers(desk), Talks(desk)
        self._keeper = CardKeeper(desk, self._answering.poke, self._showing.poke)
        self._answers = Answers(
            desk, strangers, self._keeper, self._showing.poke, self._answering.poke
        )
        self._watch = Watch(desk, self._showing.poke)
        self._status = Status(desk, lambda: self._talks.busy)
        self._supervisor = Supervisor(core, account, self._client, say, tell)
        self._hearing = Hearing(
            desk,
            self._answers,
            self._keeper,
            strangers,
            self._talks,
            answer=self._answering.poke,
            spawn=self._spawn,
            speaks=lambda: self._supervisor.speaks,
        )
        self._commands = Commands(
            desk,
            self._status,
            strangers,
            speaks=lambda: self._supervisor.speaks,
            resumed=lambda: self._sweeping.poke("sweep"),
        )
        self._sweeper = Sweep(desk, self._answering.poke, self._replied, self._answers.ask_why)
        self._strangers = strangers

    async def run(self) -> None:
        """Be at Discord until cancelled, or until it refuses the token."""
        point_at(self._account)
        loop = asyncio.get_running_loop()

        def heard(event: Event) -> None:
            if isinstance(event, ProposalChanged):
                with contextlib.suppress(RuntimeError):  # the loop is about to end
                    loop.call_soon_threadsafe(self._watch.nudge)

        forget = self._core.events.subscribe(heard)
        try:
            await self._supervisor.run()
        finally:
            forget()
            for keyed in (self._showing, self._answering, self._sweeping):
                await keyed.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- a client comes and goes -------------------------------------------------------------

    def _client(self) -> MaiClient:
        client = MaiClient(
            self._hearing,
            commands=self._commands.tree,
            connected=self._connected,
            lost=self._supervisor.lost,
            say=self._desk.say,
            asks_for_gateway=bool(self._account.api and not self._account.gateway),
        )
        self._desk.post.use(client)
        return client

    def _connected(self) -> None:
        self._supervisor.connected()
        self._answers.heard.clear()
        self._sweeping.poke("sweep")
        if not self._is_watching:
            self._is_watching = True
            rooms = (self._watch.run, self._strangers.run, self._status.run, self._sweep_often)
            for room in rooms:
                self._spawn(self._kept(room))

    async def _show(self, proposal_id: str) -> None:
        await self._keeper.show(proposal_id)

    async def _consider(self, proposal_id: str) -> None:
        await self._answers.consider(proposal_id)

    async def _sweep(self, _key: str) -> None:
        await self._sweeper.run()

    async def _sweep_often(self) -> None:
        """Read the open cards again every few minutes: a server may lose an event."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            self._sweeping.poke("sweep")

    async def _replied(self, message: Any) -> None:
        await self._hearing.message(message, is_old=True)

    async def _kept(self, room: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run what is to run for as long as Mai does; a fault in it must not end it for good."""
        while True:
            try:
                await room()
            except (Trouble, MaiError) as error:
                get("discord").info("a room begins again", why=str(error))
            except Exception as error:  # noqa: BLE001 - else no card would follow any more, silently
                self._desk.say(fault(error, "at Discord"))
            await asyncio.sleep(_AGAIN_S)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, Trouble | MaiError):
            get("discord").info("something at Discord was left undone", why=str(error))
        else:
            self._desk.say(fault(error, "at Discord"))
