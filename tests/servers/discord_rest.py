"""The REST API of a small Discord, v10: what Mai uses, with Discord's limits and error codes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.servers.discord_faults import Fault, How, answer, dropped, instead
from tests.servers.discord_forms import FORM, Refused, check, read
from tests.servers.discord_gateway import Gateway
from tests.servers.discord_messages import Messages
from tests.servers.discord_world import (
    APPLICATION,
    BOT,
    GUILD,
    OWNER,
    Habit,
    Json,
    Posted,
    World,
)

PREFIX = "/api/v10"
_NO_TOKEN = ("/interactions/", "/webhooks/")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the server got it, without the prefix in its path."""

    method: str
    path: str
    body: Any = None


class Rest:
    """Answers requests and tells the gateway what they changed."""

    def __init__(self, world: World, gateway: Gateway, token: str) -> None:
        self.world = world
        self.gateway = gateway
        self.token = token
        self.messages = Messages(world, gateway)
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.commands: list[Json] = []
        #: What was answered to clicks and commands, by the interaction's id.
        self.answered: dict[int, list[Json]] = {}
        self.changed: Callable[[], None] = lambda: None

    def routes(self) -> list[web.RouteDef]:
        """Return every route, for an application with `guard` as its middleware."""
        table: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.Response]]] = {
            ("GET", "/users/@me"): self._me,
            ("GET", "/users/{user}"): self._user,
            ("POST", "/users/@me/channels"): self._open_dm,
            ("GET", "/oauth2/applications/@me"): self._application,
            ("GET", "/gateway"): self._gateway,
            ("GET", "/gateway/bot"): self._gateway,
            ("GET", "/users/@me/guilds"): self._guilds,
            ("GET", "/guilds/{guild}"): self._guild,
            ("GET", "/guilds/{guild}/members/{user}"): self._member,
            ("GET", "/channels/{channel}"): self._channel,
            ("POST", "/channels/{channel}/typing"): self._typing,
            ("PUT", "/applications/{application}/commands"): self._commands,
            ("POST", "/interactions/{interaction}/{secret}/callback"): self._callback,
            ("POST", "/webhooks/{application}/{secret}"): self._follow_up,
            ("PATCH", "/webhooks/{application}/{secret}/messages/@original"): self._follow_up,
        }
        found = [web.route(method, PREFIX + path, call) for (method, path), call in table.items()]
        return found + self.messages.routes(PREFIX)

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Record the request, let the script of faults have it, else answer it."""
        if not request.path.startswith(PREFIX):
            plain: web.StreamResponse = await handler(request)
            return plain
        path = request.path.removeprefix(PREFIX)
        FORM.set(await read(request))
        self.asked.append(Asked(request.method, path, FORM.get().body))
        fault = next((one for one in self.faults if one.takes(request.method, path)), None)
        try:
            return await self._answered(request, handler, path, fault)
        finally:
            self.changed()

    async def _answered(
        self, request: web.Request, handler: Any, path: str, fault: Fault | None
    ) -> web.StreamResponse:
        if fault is not None:
            scripted = await instead(request, fault)
            if scripted is not None:
                return scripted
        if not path.startswith(_NO_TOKEN) and not self._is_authorised(request):
            return answer({"message": "401: Unauthorized", "code": 0}, 401)
        try:
            done: web.StreamResponse = await handler(request)
        except Refused as error:
            done = answer({"message": str(error), "code": error.code}, error.status)
        if fault is not None and fault.how is How.CUT_GATEWAY:
            self.gateway.cut()
        if fault is not None and fault.how is How.LOST:
            return dropped(request)
        done.headers.update({"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "49"})
        done.headers.update({"X-RateLimit-Reset-After": "1.0", "Via": "1.1 google"})
        return done

    def _is_authorised(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bot {self.token}"

    # --- who and where -----------------------------------------------------------------------

    async def _me(self, _request: web.Request) -> web.Response:
        return answer(self.world.users[BOT])

    async def _user(self, request: web.Request) -> web.Response:
        found = self.world.users.get(int(request.match_info["user"]))
        if found is None:
            raise Refused(404, 10013, "Unknown User")
        return answer(found)

    async def _application(self, _request: web.Request) -> web.Response:
        return answer(
            {
                "id": str(APPLICATION),
                "name": "mai",
                "icon": None,
                "description": "",
                "bot_public": False,
                "bot_require_code_grant": False,
                "verify_key": "00",
                "owner": self.world.users[OWNER],
                "team": None,
                "flags": self.world.application_flags,
                "summary": "",
                "interactions_endpoint_url": self.world.endpoint,
            }
        )

    async def _gateway(self, _request: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        return answer({"url": self.gateway.url, "shards": 1, "session_start_limit": limit})

    async def _guilds(self, _request: web.Request) -> web.Response:
        return answer([{"id": str(GUILD), "name": "workshop"}] if self.world.is_invited else [])

    async def _guild(self, _request: web.Request) -> web.Response:
        return answer(self.world.guild())

    async def _member(self, request: web.Request) -> web.Response:
        return answer(self.world.member(int(request.match_info["user"])))

    async def _open_dm(self, _request: web.Request) -> web.Response:
        user = int(FORM.get().body["recipient_id"])
        if user not in self.world.users:
            raise Refused(400, 50033, "Invalid Recipient(s)")
        return answer(self.world.channels[self.world.dm_with(user)])

    async def _channel(self, request: web.Request) -> web.Response:
        return answer(self.world.channels[self.messages.place(request)])

    async def _typing(self, request: web.Request) -> web.Response:
        self.messages.place(request)
        return web.Response(status=204)

    # --- commands and clicks -----------------------------------------------------------------

    async def _commands(self, _request: web.Request) -> web.Response:
        if Habit.HAS_NO_COMMANDS in self.world.habits:
            raise Refused(403, 50001, "Missing Access")
        self.commands = [
            {"id": str(7_000 + place), "application_id": str(APPLICATION), "version": "1", **one}
            for place, one in enumerate(FORM.get().body)
        ]
        return answer(self.commands)

    async def _callback(self, request: web.Request) -> web.Response:
        interaction, body = int(request.match_info["interaction"]), FORM.get().body
        if self.answered.get(interaction):
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        check(body.get("data") or {"content": "-"})
        self.answered.setdefault(interaction, []).append(body.get("data") or {})
        if request.query.get("with_response", "").lower() not in {"1", "true"}:
            return web.Response(status=204)
        told = {"id": str(interaction), "type": 2, "response_message_loading": True}
        return answer({"interaction": told, "resource": {"type": body["type"]}})

    async def _follow_up(self, request: web.Request) -> web.Response:
        interaction = int(request.match_info["secret"].removeprefix("secret"))
        check(FORM.get().body)
        self.answered.setdefault(interaction, []).append(FORM.get().body)
        message = Posted(self.world.next_id(), self.world.dm_with(OWNER), BOT)
        message.content = FORM.get().body.get("content") or ""
        return answer(self.world.as_json(message, self.messages.base))
