"""Makes payloads of other servers what discord.py takes for granted.

Servers of Discord's kind leave fields out, send null for them, or objects in place of ids, and
discord.py's models then drop the whole message or event. What it needs is put in here, with the
value that says least: a reaction is nobody's own, a direct message has no guild.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import discord

_REACTION = {"me": False, "me_burst": False, "burst_colors": ()}
_DEEPEST = 20

#: Set once the server has taken the request of the running call, whatever its answer is worth.
TAKEN: ContextVar[list[bool] | None] = ContextVar("TAKEN", default=None)


def settle(value: Any, depth: int = 0) -> Any:
    """Return a payload with the fields that discord.py reads of messages, reactions and members.

    The payload is changed in place. Parts of an unknown form are left as they are.
    """
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        for item in value:
            settle(item, depth + 1)
        return value
    if not isinstance(value, dict):
        return value
    if value.get("guild_id", "") is None:
        del value["guild_id"]
    if isinstance(value.get("reactions"), list):
        value["reactions"] = [one for one in map(_reaction, value["reactions"]) if one]
    member = value.get("member")
    if isinstance(member, dict) and isinstance(member.get("roles"), list):
        roles = (role.get("id") if isinstance(role, dict) else role for role in member["roles"])
        member["roles"] = [str(role) for role in roles if role is not None]
    for name, part in value.items():
        if name not in {"reactions", "content"}:
            settle(part, depth + 1)
    return value


def _reaction(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict) or not isinstance(value.get("emoji"), dict):
        return None
    emoji = {"id": None, "name": None, **value["emoji"]}
    count = value.get("count")
    users = value.get("user_ids")
    if not isinstance(count, int):
        count = len(users) if isinstance(users, list) else 1
    details = value.get("count_details")
    if not isinstance(details, dict) or not {"normal", "burst"} <= details.keys():
        details = {"normal": count, "burst": 0}
    more = {name: value.get(name, default) or default for name, default in _REACTION.items()}
    return {**value, **more, "emoji": emoji, "count": count, "count_details": details}


def settle_answers(client: discord.Client) -> None:
    """Have every answer of the REST API settled before discord.py reads it."""
    http: Any = client.http
    ask: Callable[..., Awaitable[Any]] = http.request

    async def settled(*arguments: Any, **more: Any) -> Any:
        answer = await ask(*arguments, **more)
        if (taken := TAKEN.get()) is not None:
            taken.append(True)
        return settle(answer)

    http.request = settled
