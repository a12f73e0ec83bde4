"""What goes wrong at a small Discord, as a script: which request, how, and how often."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiohttp import web


class How(StrEnum):
    """What becomes of a request.

    `lost` and `cut-after` are carried out and their answer never arrives; `dropped` is not.
    """

    STATUS = "status"
    RATE_LIMIT = "rate-limit"
    GLOBAL_RATE_LIMIT = "global-rate-limit"
    DROPPED = "dropped"
    LOST = "lost"
    SLOW = "slow"
    GARBAGE = "garbage"
    CUT_GATEWAY = "cut-gateway"


@dataclass(slots=True)
class Fault:
    """One line of the script. `what` is searched in `METHOD /path`; `times` counts down.

    `number` is the status for STATUS, Discord's error code in `code`; seconds for the others.
    """

    what: str
    how: How
    times: int = 1
    number: float = 0.0
    code: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Whether it hits this request; if so, once less is left of it."""
        if self.times > 0 and re.search(self.what, f"{method} {path}"):
            self.times -= 1
            return True
        return False


async def instead(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """Return what is answered without carrying the request out, None where it is carried out."""
    match fault.how:
        case How.STATUS:
            body = {"message": "So it was scripted.", "code": fault.code}
            return answer(body, int(fault.number))
        case How.RATE_LIMIT | How.GLOBAL_RATE_LIMIT:
            return _too_fast(fault.number, is_global=fault.how is How.GLOBAL_RATE_LIMIT)
        case How.GARBAGE:
            page = "<html>a proxy says hello</html>"
            return web.Response(text=page, content_type="text/html")
        case How.DROPPED:
            return dropped(request)
        case How.SLOW:
            await asyncio.sleep(fault.number)
    return None


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return JSON; discord.py compares the content type to exactly this, without a charset."""
    text = json.dumps(body).encode()
    kind = {"Content-Type": "application/json"}
    return web.Response(body=text, status=status, headers={**kind, **(headers or {})})


def dropped(request: web.Request) -> web.Response:
    """Cut the connection that the request came on."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _too_fast(seconds: float, *, is_global: bool) -> web.Response:
    # discord.py takes a 429 without `Via` for a ban by the network in front of Discord.
    headers = {"Retry-After": str(int(seconds) + 1), "Via": "1.1 google"}
    if is_global:
        headers["X-RateLimit-Global"] = "true"
    text = {"message": "You are being rate limited.", "retry_after": seconds, "global": is_global}
    return answer(text, 429, headers)
