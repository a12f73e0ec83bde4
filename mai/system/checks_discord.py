"""The doctor's look at Discord: token, owner, server, permissions; and which box to tick where."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from mai.settings import Settings
from mai.system.check import Check, Status
from mai.text import one_line

_API = "https://discord.com/api/v10"
_PORTAL = "https://discord.com/developers/applications"
_TIMEOUT_S = 6.0
_ANSWER_BYTES_MOST = 2_000_000
_OK, _REFUSED, _FORBIDDEN, _MISSING = 200, 401, 403, 404

# Discord's developer documentation, "Permissions": the name of the box and its bit.
_NEEDED = {
    "View Channels": 10,
    "Send Messages": 11,
    "Embed Links": 14,
    "Attach Files": 15,
    "Add Reactions": 6,
    "Read Message History": 16,
}
# The same documentation, "Channel Types".
_NO_TEXT = {4: "a category", 14: "a directory", 15: "a forum", 16: "a media channel"}
_ADMINISTRATOR, _MANAGE_MESSAGES = 1 << 3, 1 << 13
_ALL = sum(1 << bit for bit in _NEEDED.values()) | _MANAGE_MESSAGES


class _Silent(Exception):
    """Discord did not answer, or not with what it documents."""


@dataclass(slots=True)
class _Findings:
    """What was seen, in sentences, and what mends it."""

    status: Status = Status.OK
    seen: list[str] = field(default_factory=list)
    mends: list[str] = field(default_factory=list)

    def add(self, status: Status, text: str, mend: str = "") -> None:
        """Note a sentence, and how bad it is."""
        order = [Status.OK, Status.WARN, Status.FAIL]
        self.status = max(self.status, status, key=order.index)
        if status is Status.OK:
            self.seen.append(text)
        else:  # what is wrong is read first
            self.seen.insert(len(self.mends), text)
            self.mends.append(mend)


def discord(settings: Settings, _repo_dir: Path) -> Check:
    """Is Discord set up, does it take the token, and may the bot do what Mai needs there?"""
    token, user = settings.discord_bot_token, settings.discord_user_id
    if not token or not user:
        if not token and not user:
            text = "Not set up; proposals are answered in the terminal."
            return Check("discord", Status.OK, text)
        missing = "DISCORD_USER_ID" if token else "DISCORD_BOT_TOKEN"
        text = f"{missing} is not set, so Discord stays off."
        return Check("discord", Status.WARN, text, f"export {missing}=…")
    found = _Findings()
    asking = _Api(settings.discord_api or _API, token.get_secret_value().strip())
    try:
        _look(asking, user, settings, found)
    except _Silent as silence:
        found.add(Status.WARN, f"Discord cannot be reached: {silence}.", _when_silent(settings))
    mend = "; then ".join(dict.fromkeys(mend for mend in found.mends if mend))
    return Check("discord", found.status, " ".join(found.seen), mend)


def _when_silent(settings: Settings) -> str:
    if settings.discord_api:
        return f"curl {one_line(settings.discord_api)}/gateway  # MAI_DISCORD_API names this server"
    return "open https://discordstatus.com, and check this machine's network"


def _look(asking: _Api, user: int, settings: Settings, found: _Findings) -> None:
    status, me = asking.get("/users/@me")
    if status == _REFUSED:
        text = "Discord refuses the bot's token."
        mend = f"{_PORTAL} → your application → Bot → Reset Token; export DISCORD_BOT_TOKEN=…"
        found.add(Status.FAIL, text, mend)
        return
    bot = str(me.get("id", ""))
    found.add(Status.OK, f"The bot is {one_line(str(me.get('username', '?')), 40)}.")
    _look_at_application(asking, bot, found)
    _look_at_owner(asking, user, bot, found)
    for channel in (settings.discord_channel, settings.discord_status_channel):
        if channel is not None:
            _look_at_channel(asking, channel, bot, found)


def _look_at_application(asking: _Api, bot: str, found: _Findings) -> None:
    status, application = asking.get("/oauth2/applications/@me")
    if status != _OK:
        return
    page = f"{_PORTAL}/{bot}"
    if application.get("interactions_endpoint_url"):
        text = "An Interactions Endpoint URL is set, so buttons and commands never reach Mai."
        mend = f"{page}/information → Interactions Endpoint URL → empty it"
        found.add(Status.FAIL, text, mend)
    flags = application.get("flags")
    # 1 << 18: granted; 1 << 19: switched on, for bots on fewer than a hundred servers.
    if isinstance(flags, int) and not flags & (1 << 18 | 1 << 19):
        found.add(Status.OK, "No privileged intent is on, and none is needed.")


def _look_at_owner(asking: _Api, user: int, bot: str, found: _Findings) -> None:
    status, owner = asking.get(f"/users/{user}")
    how = "Discord → User Settings → Advanced → Developer Mode; right-click yourself → Copy User ID"
    if status == _MISSING or str(user) == bot or owner.get("bot"):
        whose = "a bot" if status == _OK else "nobody"
        text = f"DISCORD_USER_ID is {whose}, so no reaction ever counts."
        found.add(Status.FAIL, text, f"{how}; export DISCORD_USER_ID=…")
        return
    name = one_line(str(owner.get("global_name") or owner.get("username") or user), 40)
    found.add(Status.OK, f"{name} ({user}) answers.")
    status, guilds = asking.get_list("/users/@me/guilds")
    if status == _OK and not guilds:
        scopes = "scope=bot+applications.commands"
        link = f"https://discord.com/oauth2/authorize?client_id={bot}&{scopes}&permissions={_ALL}"
        text = "The bot is on no server, so it can write to nobody."
        found.add(Status.FAIL, text, f"open {link}")


def _look_at_channel(asking: _Api, channel: int, bot: str, found: _Findings) -> None:
    status, place = asking.get(f"/channels/{channel}")
    if status == _MISSING:
        text = f"There is no channel {channel}."
        mend = "Discord → right-click the channel → Copy Channel ID; export MAI_DISCORD_CHANNEL=…"
        found.add(Status.FAIL, text, mend)
        return
    settings_page = "Discord → the channel's settings → Permissions → the bot's role"
    if status == _FORBIDDEN:
        text = f"The bot does not see channel {channel}."
        found.add(Status.FAIL, text, f"{settings_page} → View Channels")
        return
    name = "#" + one_line(str(place.get("name", channel)), 40)
    if place.get("type") in _NO_TEXT:
        text = f"{name} is {_NO_TEXT[place['type']]}, which takes no messages of a bot."
        mend = (
            "Discord → right-click a text channel → Copy Channel ID; export MAI_DISCORD_CHANNEL=…"
        )
        found.add(Status.FAIL, text, mend)
        return
    guild = place.get("guild_id")
    if guild is None:
        found.add(Status.OK, f"{name} is a direct message.")
        return
    allowed = _permissions(asking, str(guild), place, bot)
    lacking = [box for box, bit in _NEEDED.items() if not allowed & 1 << bit]
    if lacking:
        text = f"In {name} the bot lacks {', '.join(lacking)}."
        found.add(Status.FAIL, text, f"{settings_page} → {', '.join(lacking)}")
    elif not allowed & _MANAGE_MESSAGES:
        text = f"In {name} the bot cannot take others' reactions away; they never count."
        found.add(Status.WARN, text, f"{settings_page} → Manage Messages")
    else:
        found.add(Status.OK, f"In {name} it may do all it needs.")


def _permissions(asking: _Api, guild: str, place: dict[str, Any], bot: str) -> int:
    """Return the bot's permissions in a channel, as the documentation computes them.

    Raises:
        _Silent: what Discord says of roles and overwrites is not what it documents.
    """
    _, server = asking.get(f"/guilds/{guild}")
    _, member = asking.get(f"/guilds/{guild}/members/{bot}")
    mine = {guild, *map(str, member.get("roles", ()))}
    try:
        allowed = 0
        for role in server["roles"]:
            if str(role["id"]) in mine:
                allowed |= int(role["permissions"])
        if allowed & _ADMINISTRATOR:
            return _ALL
        overwrites = {str(one["id"]): one for one in place.get("permission_overwrites", ())}
        roles = [one for name, one in overwrites.items() if name in mine and name != guild]
        steps = [overwrites.get(guild), _together(roles), overwrites.get(bot)]
        for step in steps:
            if step is not None:
                allowed = allowed & ~int(step["deny"]) | int(step["allow"])
    except (KeyError, TypeError, ValueError) as error:
        raise _Silent("it answers something else than it documents") from error
    return allowed


def _together(overwrites: list[dict[str, Any]]) -> dict[str, Any]:
    deny = allow = 0
    for one in overwrites:
        deny, allow = deny | int(one["deny"]), allow | int(one["allow"])
    return {"deny": deny, "allow": allow}


@dataclass(frozen=True, slots=True)
class _Api:
    """Asks Discord's REST API with the bot's token, which stays out of what is printed."""

    url: str
    token: str = field(repr=False)

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the object at `path`, an empty one where there is none."""
        status, answer = self._answer(path)
        return status, answer if isinstance(answer, dict) else {}

    def get_list(self, path: str) -> tuple[int, list[Any]]:
        """Return the status and the list at `path`."""
        status, answer = self._answer(path)
        return status, answer if isinstance(answer, list) else []

    def _answer(self, path: str) -> tuple[int, Any]:
        request = urllib.request.Request(self.url.rstrip("/") + path)  # noqa: S310 - http(s), as set
        request.add_header("Authorization", f"Bot {self.token}")
        # Without an agent of this form Discord refuses every request.
        request.add_header("User-Agent", "DiscordBot (https://mai.invalid, 1)")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - as above
                return response.status, json.loads(response.read(_ANSWER_BYTES_MOST))
        except urllib.error.HTTPError as error:
            with error:
                if error.code in {_REFUSED, _FORBIDDEN, _MISSING}:
                    return error.code, None
                raise _Silent(f"it answers {error.code}") from error
        except (OSError, ValueError, HTTPException, RecursionError) as error:
            raise _Silent("nothing answers, or nothing that makes sense") from error
