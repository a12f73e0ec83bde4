"""One call to Discord, and what can become of it in four words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from enum import StrEnum
from typing import TypeVar

import discord

from mai.surfaces.discord.payloads import TAKEN
from mai.system.logs import get
from mai.text import one_line

#: Longer than discord.py's own five tries at a failing server take together.
_PATIENCE_S = 120.0
_FORUM = "MAI_DISCORD_CHANNEL is no text channel; a forum takes no messages, so name another"
#: What mends a refusal, by HTTP's status or by the code of Discord's developer documentation,
#: "JSON Error Codes".
_MENDS = {
    401: "the server refuses the bot's token; set DISCORD_BOT_TOKEN to a new one",
    413: "the server takes no message of this size",
    50007: (
        "open the server's Privacy Settings in Discord and allow direct messages, or set "
        "MAI_DISCORD_CHANNEL"
    ),
    **dict.fromkeys((50008, 50024, 220001, 220002, 220003), _FORUM),
}
Result = TypeVar("Result")


class Kind(StrEnum):
    """`gone`: message or channel is not there. `forbidden`: Mai may not. `refused`: a bad request.

    `unsure`: no answer, or none that can be understood; what was asked for may have been done.
    """

    GONE = "gone"
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    UNSURE = "unsure"


class Trouble(Exception):
    """A call to Discord failed. The text is half a sentence that says how.

    `code` is Discord's own, or the status of a server that failed, or 0. `is_told` is set once the
    person has heard of it.
    """

    def __init__(self, kind: Kind, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.kind, self.code, self.is_told = kind, code, False


async def done(call: Awaitable[object]) -> None:
    """Make one call to discord.py whose answer does not matter: that it was taken is success.

    Raises:
        Trouble: the server did not say that it took it.
    """
    taken: list[bool] = []
    token = TAKEN.set(taken)
    try:
        await reached(call)
    except Trouble as trouble:
        if trouble.kind is not Kind.UNSURE or not taken:
            raise
    finally:
        TAKEN.reset(token)


async def reached(call: Awaitable[Result], patience_s: float = _PATIENCE_S) -> Result:
    """Return what one call to discord.py returns.

    Raises:
        Trouble: whatever went wrong.
    """
    try:
        async with asyncio.timeout(patience_s):
            return await call
    except discord.NotFound as error:
        raise Trouble(Kind.GONE, one_line(error.text), error.code) from error
    except discord.Forbidden as error:
        raise Trouble(Kind.FORBIDDEN, one_line(error.text), error.code) from error
    except discord.DiscordServerError as error:
        raise Trouble(Kind.UNSURE, f"the server answers {error.status}", error.status) from error
    except discord.HTTPException as error:
        kind = Kind.REFUSED if 400 <= error.status < 500 else Kind.UNSURE  # noqa: PLR2004 - HTTP
        code = error.code or error.status
        raise Trouble(kind, one_line(error.text or f"status {error.status}"), code) from error
    except Exception as error:  # a proxy's page makes discord.py raise anything
        get("discord").info("a call failed", error=f"{type(error).__name__}: {error}")
        raise Trouble(Kind.UNSURE, "no answer that makes sense") from error


def box_for(trouble: Trouble) -> str:
    """Say which box to tick, or what else mends it; empty where nothing but waiting does."""
    if trouble.kind is Kind.UNSURE:
        return ""
    if trouble.code in _MENDS:
        return _MENDS[trouble.code]
    if trouble.kind is Kind.GONE:
        return "check MAI_DISCORD_CHANNEL, and that the bot is still on that server"
    if trouble.kind is Kind.REFUSED:
        return "the server takes no message of this form; the log has what it said"
    return (
        "give the bot View Channel, Send Messages, Embed Links, Attach Files, Add Reactions and "
        "Read Message History in that channel; `mai doctor` says which is missing"
    )
