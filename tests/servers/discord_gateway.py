"""The gateway of a small Discord: v10, JSON, zlib-stream or plain, with sessions that resume."""

from __future__ import annotations

import json
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.servers.discord_world import APPLICATION, BOT, GUILD, Json, World

HEARTBEAT_MS = 41_250


@dataclass(slots=True)
class Link:
    """One websocket. `session` is set once it has identified or resumed."""

    socket: web.WebSocketResponse
    request: web.Request
    packer: Any = None
    session: Session | None = None

    async def send(
        self, op: int, data: Any = None, *, name: str | None = None, number: int | None = None
    ) -> None:
        """Send one payload."""
        await self.send_raw(json.dumps({"op": op, "d": data, "s": number, "t": name}).encode())

    async def send_raw(self, payload: bytes) -> None:
        """Send bytes that need not be a payload."""
        if self.socket.closed:
            return
        try:
            if self.packer is not None:
                packed = self.packer.compress(payload) + self.packer.flush(zlib.Z_SYNC_FLUSH)
                await self.socket.send_bytes(packed)
            else:
                await self.socket.send_str(payload.decode("utf-8", "replace"))
        except (ConnectionError, RuntimeError):  # it went away; what was missed is sent on resume
            return

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self.request.transport is not None:
            self.request.transport.abort()


@dataclass(slots=True)
class Session:
    """What a client is owed: every event since it identified, numbered."""

    identity: str
    intents: int
    link: Link | None = None
    sent: list[tuple[int, str, Any]] = field(default_factory=list)

    async def dispatch(self, name: str, data: Any) -> None:
        """Send an event now, or once the client has resumed."""
        self.sent.append((len(self.sent) + 1, name, data))
        if self.link is not None:
            await self.link.send(0, data, name=name, number=len(self.sent))


class Gateway:
    """Accepts clients and tells them what happens."""

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.token = token
        self.url = ""
        self.sessions: dict[str, Session] = {}
        self.links: list[Link] = []
        self.identified = 0
        self.resumed = 0
        self.heartbeats = 0
        self.presences: list[Json] = []
        #: So many connections are refused before the next one is accepted.
        self.refusals = 0
        #: While this is set, every connection is taken and dropped again.
        self.hangs_up = False
        self.hung_up = 0
        #: While this is set, connections are taken and nothing is ever said on them.
        self.is_silent = False
        #: What the next connections are told where others are greeted, and then cut.
        self.odd_greetings: list[bytes] = []
        #: While this is set, it is all that READY carries.
        self.odd_ready: Json | None = None
        #: Identifying is answered with this close code while it is set.
        self.rejects_with = 0

    async def broadcast(self, name: str, data: Any) -> None:
        """Tell every session, connected or not."""
        for session in list(self.sessions.values()):
            await session.dispatch(name, data)

    def cut(self) -> None:
        """Cut every connection without a word."""
        for link in self.links:
            link.abort()

    async def close(self, code: int) -> None:
        """Close every connection with a code."""
        for link in list(self.links):
            await link.socket.close(code=code)

    async def tell(self, op: int, data: Any = None) -> None:
        """Send an opcode to everybody, such as 7 (reconnect) or 9 (invalid session)."""
        if op == 9 and data is False:
            self.sessions.clear()
        for link in list(self.links):
            await link.send(op, data)

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Serve one websocket until it ends."""
        if self.refusals > 0:
            self.refusals -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse(compress=False, max_msg_size=0)
        await socket.prepare(request)
        if self.hangs_up:
            self.hung_up += 1
            if request.transport is not None:
                request.transport.abort()
            return socket
        is_packed = request.query.get("compress") == "zlib-stream"
        link = Link(socket, request, zlib.compressobj() if is_packed else None)
        self.links.append(link)
        try:
            if self.odd_greetings:
                await link.send_raw(self.odd_greetings.pop(0))
            elif not self.is_silent:
                await link.send(10, {"heartbeat_interval": HEARTBEAT_MS, "_trace": []})
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    await self._heard(link, json.loads(message.data))
        finally:
            self.links.remove(link)
            if link.session is not None and link.session.link is link:
                link.session.link = None
        return socket

    async def _heard(self, link: Link, payload: Json) -> None:
        data: Any = payload.get("d")
        match payload["op"]:
            case 1:
                self.heartbeats += 1
                await link.send(11)
            case 2:
                await self._identify(link, data)
            case 3:
                self.presences.append(data)
            case 6:
                await self._resume(link, data)

    async def _identify(self, link: Link, data: Json) -> None:
        self.identified += 1
        if data["token"] != self.token:
            await link.socket.close(code=4004, message=b"Authentication failed.")
            return
        if self.rejects_with:
            await link.socket.close(code=self.rejects_with)
            return
        session = Session(secrets.token_hex(16), data["intents"], link)
        if self.odd_ready is not None:
            await session.dispatch("READY", self.odd_ready)
            return
        link.session = self.sessions[session.identity] = session
        await session.dispatch(
            "READY",
            {
                "v": 10,
                "user": {**self.world.users[BOT], "verified": True, "mfa_enabled": False},
                "guilds": [{"id": str(GUILD), "unavailable": True}],
                "session_id": session.identity,
                "session_type": "normal",
                "resume_gateway_url": self.url,
                "application": {"id": str(APPLICATION), "flags": self.world.application_flags},
                "private_channels": [],
                "relationships": [],
                "_trace": [],
            },
        )
        await session.dispatch("GUILD_CREATE", self.world.guild())

    async def _resume(self, link: Link, data: Json) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None:
            await link.send(9, data=False)
            return
        self.resumed += 1
        session.link, link.session = link, session
        for number, name, event in list(session.sent):
            if number > (data["seq"] or 0):
                await link.send(0, event, name=name, number=number)
        await session.dispatch("RESUMED", {"_trace": []})
