"""A small Discord on loopback, for the real discord.py: REST v10, gateway v10, and what goes wrong.

It runs in a thread of its own, so that a test can drive it while Mai runs in another process:

    with DiscordServer() as server:
        card = server.until(lambda: server.posted_by_mai(), "a card")[0]
        server.reacts(OWNER, card.id, "👍")

Written from Discord's developer documentation, not from what Mai sends.
"""

from __future__ import annotations

import asyncio
import copy
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from aiohttp import web

from tests.servers.discord_faults import Fault, How
from tests.servers.discord_gateway import Gateway
from tests.servers.discord_rest import PREFIX, Asked, Rest
from tests.servers.discord_world import (
    APPLICATION,
    BOT,
    GENERAL,
    GUILD,
    OTHER_BOT,
    OWNER,
    SECOND,
    STATUS,
    STRANGER,
    WEBHOOK,
    Habit,
    Json,
    Posted,
    World,
)

TOKEN = "MTAwMDAwMDAwMDAwMDAwMDAw.GaBcDe.made-up-for-a-test-server-on-loopback"
_TERMINATION_S = 60.0
_PATIENCE_S = 60.0
Found = TypeVar("Found")


class DiscordServer:
    """One server; start and stop it as a context manager. Its methods may be called anywhere."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.world = World()
        self.gateway = Gateway(self.world, token)
        self.rest = Rest(self.world, self.gateway, token)
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Event | None = None
        self._ready = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="discord")
        self.rest.changed = self._notify

    @property
    def environment(self) -> dict[str, str]:
        """What makes Mai talk to this server as the owner's bot."""
        return {
            "MAI_DISCORD_API": f"http://127.0.0.1:{self.port}{PREFIX}",
            "MAI_DISCORD_GATEWAY": f"ws://127.0.0.1:{self.port}/gateway/",
            "DISCORD_BOT_TOKEN": self.token,
            "DISCORD_USER_ID": str(OWNER),
            "MAI_DISCORD_UNDO_S": "0",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_TERMINATION_S):
            raise RuntimeError("the server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._done is not None:
            self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(_TERMINATION_S)

    # --- looking -----------------------------------------------------------------------------

    def until(
        self, found: Callable[[], Found], what: str, patience_s: float = _PATIENCE_S
    ) -> Found:
        """Wait until `found` returns something true, and return it."""
        deadline = time.monotonic() + patience_s
        while not (answer := found()):
            if time.monotonic() > deadline:
                break
            with self._changed:  # never while `found` runs: it asks the thread that notifies
                self._changed.wait(0.05)
        else:
            return answer
        seen = "\n---\n".join(one.text for one in self.posted_by_mai())
        raise AssertionError(f"{what} did not happen. Mai's messages:\n{seen}")

    def posted_by_mai(self, containing: str = "") -> list[Posted]:
        """Return the bot's messages, the oldest first, as they are now."""
        return self._call(self._posted(containing))

    def message(self, identity: int) -> Posted | None:
        """Return a message as it is now, None where it is gone."""
        return next((one for one in self.posted_by_mai() if one.id == identity), None)

    @property
    def asked(self) -> list[Asked]:
        """Every request so far."""
        return list(self.rest.asked)

    def count(self, method: str, part: str) -> int:
        """Return how many requests had that method and that part in their path."""
        return sum(one.method == method and part in one.path for one in self.asked)

    def answers_to(self, interaction: int) -> list[str]:
        """Return what was said to a click or a command."""
        return [str(one.get("content") or "") for one in self.rest.answered.get(interaction, [])]

    # --- what people do ----------------------------------------------------------------------

    def reacts(self, user: int, message: int, emoji: str) -> None:
        """Let somebody react."""
        self._call(self.rest.messages.react(user, self.world.messages[message], emoji))

    def unreacts(self, user: int, message: int, emoji: str) -> None:
        """Take somebody's reaction away."""
        self._call(self.rest.messages.unreact(user, self.world.messages[message], emoji))

    def reacts_at_once(self, user: int, message: int, *emojis: str) -> None:
        """Let somebody react with several emoji in no time, however busy the machine is."""
        self._call(self.rest.messages.react_at_once(user, self.world.messages[message], *emojis))

    def blinks(self, user: int, message: int, emoji: str) -> None:
        """Let somebody react and take it back in no time."""
        self._call(self.rest.messages.blink(user, self.world.messages[message], emoji))

    def edits(self, message: int, **values: Any) -> None:
        """Change a message as Discord or a moderator does, and tell everybody."""
        self._call(self._edits(self.world.messages[message], values))

    def says(
        self,
        user: int,
        text: str,
        *,
        channel: int | None = None,
        reply_to: int | None = None,
        files: tuple[tuple[str, bytes], ...] = (),
        webhook: int | None = None,
    ) -> int:
        """Let somebody write, to the bot directly unless a channel is named; return its id."""
        where = self.world.dm_with(user) if channel is None else channel
        message = Posted(self.world.next_id(), where, user, text, files=list(files))
        message.reply_to, message.webhook = reply_to, webhook
        return self._call(self._says(message))

    def clicks(self, user: int, message: int, custom_id: str) -> int:
        """Let somebody press a button; return the interaction's id."""
        data = {"custom_id": custom_id, "component_type": 2}
        return self._call(self._interacts(user, 3, data, self.world.messages[message]))

    def commands(self, user: int, name: str, **options: str) -> int:
        """Let somebody use an application command; return the interaction's id."""
        given = [{"name": key, "type": 3, "value": value} for key, value in options.items()]
        known = {one["name"]: one["id"] for one in self.rest.commands}
        data = {"id": known[name], "name": name, "type": 1, "options": given}
        return self._call(self._interacts(user, 2, data, None))

    def deletes(self, message: int) -> None:
        """Delete a message."""
        self._call(self.rest.messages.forget(self.world.messages[message]))

    # --- what goes wrong ---------------------------------------------------------------------

    def fails(self, what: str, how: How, times: int = 1, number: float = 0, code: int = 0) -> Fault:
        """Script what becomes of the next requests whose `METHOD /path` matches `what`."""
        fault = Fault(what, how, times, number, code)
        self._do(lambda: self.rest.faults.append(fault))
        return fault

    def cut(self) -> None:
        """Cut every gateway connection without a word."""
        self._do(self.gateway.cut)

    def closes(self, code: int) -> None:
        """Close every gateway connection with a code."""
        self._call(self.gateway.close(code))

    def tells(self, op: int, data: Any = None) -> None:
        """Send an opcode, such as 7 (reconnect) or 9 (invalid session)."""
        self._call(self.gateway.tell(op, data))

    def dispatches(self, event: str, data: Any) -> None:
        """Send any event, also one that makes no sense."""
        self._call(self.gateway.broadcast(event, data))

    def sends_raw(self, payload: bytes) -> None:
        """Send bytes that are no payload at all."""
        self._call(self._raw(payload))

    # --- the thread --------------------------------------------------------------------------

    async def _run(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(middlewares=[self.rest.guard], client_max_size=32_000_000)
        app.add_routes([*self.rest.routes(), web.get("/gateway/", self.gateway.accept)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            self.gateway.url = f"ws://127.0.0.1:{self.port}/gateway/"
            self.rest.messages.base = f"http://127.0.0.1:{self.port}"
            await web.SockSite(runner, listening).start()
            self._ready.set()
            await self._done.wait()
            self.gateway.cut()
            await runner.cleanup()

    def _call(self, work: Coroutine[Any, Any, Found]) -> Found:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_TERMINATION_S)

    def _do(self, action: Callable[[], object]) -> None:
        async def act() -> None:
            action()

        self._call(act())

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    async def _posted(self, containing: str) -> list[Posted]:
        found = [one for one in self.world.messages.values() if one.author == BOT]
        return [copy.deepcopy(one) for one in found if containing in one.text]

    async def _raw(self, payload: bytes) -> None:
        for link in list(self.gateway.links):
            await link.send_raw(payload)

    async def _edits(self, message: Posted, values: Json) -> None:
        for name, value in values.items():
            setattr(message, name, value)
        await self.rest.messages.tell_of(message, "MESSAGE_UPDATE")

    async def _says(self, message: Posted) -> int:
        self.world.messages[message.id] = message
        await self.rest.messages.tell_of(message, "MESSAGE_CREATE")
        return message.id

    async def _interacts(self, user: int, kind: int, data: Json, message: Posted | None) -> int:
        channel = message.channel if message else self.world.dm_with(user)
        identity = self.world.next_id()
        event: Json = {
            "id": str(identity),
            "application_id": str(APPLICATION),
            "type": kind,
            "token": f"secret{identity}",
            "version": 1,
            "channel_id": str(channel),
            "channel": self.world.channels[channel],
            "data": data,
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {},
            "context": 0 if self.world.is_in_guild(channel) else 1,
            "app_permissions": "0",
            "attachment_size_limit": 10_485_760,
        }
        if message is not None:
            event["message"] = self.world.as_json(message, self.rest.messages.base)
        if self.world.is_in_guild(channel):
            member = {**self.world.member(user), "permissions": "0"}
            event |= {"guild_id": str(GUILD), "guild_locale": "en-US", "member": member}
        else:
            event["user"] = self.world.users[user]
        await self.gateway.broadcast("INTERACTION_CREATE", event)
        return identity


__all__ = [
    "BOT",
    "GENERAL",
    "GUILD",
    "OTHER_BOT",
    "OWNER",
    "SECOND",
    "STATUS",
    "STRANGER",
    "TOKEN",
    "WEBHOOK",
    "DiscordServer",
    "Fault",
    "Habit",
    "How",
    "Posted",
]
