"""Messages and reactions of a small Discord: posting, paging, editing, reacting."""

from __future__ import annotations

from urllib.parse import unquote

from aiohttp import web

from tests.servers.discord_faults import answer
from tests.servers.discord_forms import FORM, Refused, check
from tests.servers.discord_gateway import Gateway
from tests.servers.discord_world import BOT, Habit, Json, Posted, World, emoji_json

_MOST = 100


class Messages:
    """Answers what is asked about messages, and tells the gateway what changed."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self.world = world
        self.gateway = gateway
        self.base = ""

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return the routes below `prefix`."""
        channel = prefix + "/channels/{channel}/messages"
        message = channel + "/{message}"
        return [
            web.get(channel, self._history),
            web.post(channel, self._post),
            web.get(message, self._get),
            web.patch(message, self._edit),
            web.delete(message, self._delete),
            web.get(message + "/reactions/{emoji}", self._who_reacted),
            web.put(message + "/reactions/{emoji}/@me", self._react),
            web.delete(message + "/reactions/{emoji}/{user}", self._unreact),
            web.get("/attachments/{message}/{place}/{name}", self._file),
        ]

    # --- messages ----------------------------------------------------------------------------

    async def _history(self, request: web.Request) -> web.Response:
        channel = self.place(request)
        self._has(Habit.HAS_NO_HISTORY)
        self._needs(channel, "READ_MESSAGE_HISTORY")
        limit = min(int(request.query.get("limit", 50)), _MOST)
        ids = sorted(m.id for m in self.world.messages.values() if m.channel == channel)
        if after := request.query.get("after"):
            ids = [one for one in ids if one > int(after)][:limit]
        else:
            before = int(request.query.get("before", 1 << 63))
            ids = [one for one in ids if one < before][-limit:]
        shown = [self.world.as_json(self.world.messages[one], self.base) for one in ids]
        return answer(shown[::-1])  # the newest first, whichever way was asked

    async def _get(self, request: web.Request) -> web.Response:
        self._needs(self.place(request), "READ_MESSAGE_HISTORY")
        return answer(self.world.as_json(self._message(request), self.base))

    async def _post(self, request: web.Request) -> web.Response:
        channel, body = self.place(request), FORM.get().body
        self._needs(channel, "SEND_MESSAGES")
        if body.get("embeds"):
            self._takes_embeds()
            self._needs(channel, "EMBED_LINKS")
        if FORM.get().files:
            self._needs(channel, "ATTACH_FILES")
            if Habit.FILES_FAIL in self.world.habits:
                raise Refused(500, 0, "Internal Server Error")
        check(body)
        if body.get("enforce_nonce"):
            for known in self.world.messages.values():
                if known.nonce == str(body["nonce"]) and known.author == BOT:
                    return answer(self.world.as_json(known, self.base))
        reference = body.get("message_reference") or {}
        message = Posted(
            self.world.next_id(),
            channel,
            BOT,
            body.get("content") or "",
            body.get("embeds") or [],
            body.get("components") or [],
            list(FORM.get().files),
            nonce=str(body["nonce"]) if body.get("nonce") else None,
            reply_to=int(reference["message_id"]) if reference else None,
            allowed_mentions=body.get("allowed_mentions"),
        )
        self.world.messages[message.id] = message
        await self.tell_of(message, "MESSAGE_CREATE")
        return answer(self.world.as_json(message, self.base))

    async def _edit(self, request: web.Request) -> web.Response:
        message, body = self._message(request), FORM.get().body
        if message.author != BOT:
            raise Refused(403, 50005, "Cannot edit a message authored by another user")
        if body.get("embeds"):
            self._takes_embeds()
        check({"content": message.content, "embeds": message.embeds, **body})
        message.versions.append(message.text)
        message.content = (body["content"] or "") if "content" in body else message.content
        message.embeds = (body["embeds"] or []) if "embeds" in body else message.embeds
        message.components = (
            (body["components"] or []) if "components" in body else message.components
        )
        await self.tell_of(message, "MESSAGE_UPDATE")
        if Habit.ANSWERS_IN_WORDS in self.world.habits:
            return web.Response(text="done")
        return answer(self.world.as_json(message, self.base))

    async def _delete(self, request: web.Request) -> web.Response:
        message = self._message(request)
        if message.author != BOT:
            self._needs(message.channel, "MANAGE_MESSAGES")
        await self.forget(message)
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.Response:
        message = self.world.messages[int(request.match_info["message"])]
        return web.Response(body=message.files[int(request.match_info["place"])][1])

    async def tell_of(self, message: Posted, event: str) -> None:
        """Tell everybody that a message is there or changed."""
        where = self.world.where(message.channel)
        member = {"member": self.world.member(message.author)} if where else {}
        await self.gateway.broadcast(
            event, {**self.world.as_json(message, self.base), **where, **member}
        )

    async def forget(self, message: Posted) -> None:
        """Delete a message and tell everybody."""
        self.world.messages.pop(message.id, None)
        where = {"id": str(message.id), "channel_id": str(message.channel)}
        await self.gateway.broadcast(
            "MESSAGE_DELETE", {**where, **self.world.where(message.channel)}
        )

    # --- reactions ---------------------------------------------------------------------------

    async def _who_reacted(self, request: web.Request) -> web.Response:
        users = sorted(self._message(request).reactions.get(_emoji(request), ()))
        if request.query.get("type", "0") != "0":
            users = []
        after, limit = int(request.query.get("after", 0)), int(request.query.get("limit", 25))
        if Habit.PAGES_FROM_THE_START in self.world.habits and after not in users:
            after = 0
        found = [user for user in users if user > after][: min(limit, _MOST)]
        return answer([self.world.users[user] for user in found])

    async def _react(self, request: web.Request) -> web.Response:
        message = self._message(request)
        self._needs(message.channel, "ADD_REACTIONS")
        await self.react(BOT, message, _emoji(request))
        if Habit.ANSWERS_IN_WORDS in self.world.habits:
            return web.Response(text="<done>", content_type="text/html")
        return web.Response(status=204)

    async def _unreact(self, request: web.Request) -> web.Response:
        message, given = self._message(request), request.match_info["user"]
        user = BOT if given == "@me" else int(given)
        self._has(Habit.REMOVES_NOTHING)
        if user != BOT:
            if not self.world.is_in_guild(message.channel):
                raise Refused(403, 50003, "Cannot execute action on a DM channel")
            self._needs(message.channel, "MANAGE_MESSAGES")
        await self.unreact(user, message, _emoji(request))
        return web.Response(status=204)

    async def react(self, user: int, message: Posted, emoji: str) -> None:
        """Let somebody react and tell everybody, once however often they do."""
        users = message.reactions.setdefault(emoji, [])
        if user in users:
            return
        users.append(user)
        await self._tell_reaction("ADD", user, message, emoji)

    async def react_at_once(self, user: int, message: Posted, *emojis: str) -> None:
        """Let somebody react with several, none of which anybody can see without the others."""
        for emoji in emojis:
            message.reactions.setdefault(emoji, []).append(user)
        for emoji in emojis:
            await self._tell_reaction("ADD", user, message, emoji)

    async def blink(self, user: int, message: Posted, emoji: str) -> None:
        """Let somebody react and take it back before anybody can look."""
        await self._tell_reaction("ADD", user, message, emoji)
        await self._tell_reaction("REMOVE", user, message, emoji)

    async def unreact(self, user: int, message: Posted, emoji: str) -> None:
        """Take somebody's reaction away and tell everybody."""
        users = message.reactions.get(emoji, [])
        if user not in users:
            return
        users.remove(user)
        await self._tell_reaction("REMOVE", user, message, emoji)

    async def _tell_reaction(self, what: str, user: int, message: Posted, emoji: str) -> None:
        event: Json = {
            "user_id": str(user),
            "channel_id": str(message.channel),
            "message_id": str(message.id),
            "message_author_id": str(message.author),
            "emoji": emoji_json(emoji),
            "type": 0,
            "burst": False,
            **self.world.where(message.channel),
        }
        if Habit.BARE_EVENTS in self.world.habits:
            event = {name: event[name] for name in ("user_id", "channel_id", "message_id", "emoji")}
        if event.get("guild_id") and what == "ADD":
            event["member"] = self.world.member(user)
        await self.gateway.broadcast(f"MESSAGE_REACTION_{what}", event)

    # --- finding -----------------------------------------------------------------------------

    def place(self, request: web.Request) -> int:
        """Return the channel a request is about. Raises Refused."""
        channel = int(request.match_info["channel"])
        if channel not in self.world.channels:
            raise Refused(404, 10003, "Unknown Channel")
        if self.world.is_in_guild(channel) and "VIEW_CHANNEL" in self.world.denied:
            raise Refused(403, 50001, "Missing Access")
        return channel

    def _message(self, request: web.Request) -> Posted:
        channel = self.place(request)
        message = self.world.messages.get(int(request.match_info["message"]))
        if message is None or message.channel != channel:
            raise Refused(404, 10008, "Unknown Message")
        return message

    def _has(self, habit: Habit) -> None:
        """Refuse as a server does that does not know the way. Raises Refused."""
        if habit in self.world.habits:
            raise Refused(404, 0, "404: Not Found")

    def _takes_embeds(self) -> None:
        if Habit.REFUSES_EMBEDS in self.world.habits:
            raise Refused(400, 50035, "Invalid Form Body: embeds[0].flags is unknown")

    def _needs(self, channel: int, permission: str) -> None:
        if self.world.is_in_guild(channel):
            if permission in self.world.denied:
                raise Refused(403, 50013, "Missing Permissions")
        elif permission == "SEND_MESSAGES" and channel - 70_000 in self.world.closed_dms:
            raise Refused(403, 50007, "Cannot send messages to this user")


def _emoji(request: web.Request) -> str:
    return unquote(request.match_info["emoji"])
