"""What a request to a small Discord holds, and whether Discord would take it."""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from tests.servers.discord_world import Json


class Refused(Exception):
    """Discord's answer to what cannot be done: a status, its own code and a sentence."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def check(body: Json) -> None:
    """Refuse what Discord refuses (limits of its developer documentation, "Message Object")."""
    content, embeds = body.get("content") or "", body.get("embeds") or []
    has_more = body.get("components") or body.get("attachments") or body.get("flags")
    if not content and not embeds and not has_more:
        raise Refused(400, 50006, "Cannot send an empty message")
    total = 0
    for embed in embeds:
        texts = [embed.get("title", ""), embed.get("footer", {}).get("text", "")]
        fields = embed.get("fields", [])
        texts += [one[part] for one in fields for part in ("name", "value")]
        total += sum(map(len, texts)) + len(embed.get("description", ""))
        if len(embed.get("description", "")) > 4096 or len(fields) > 25:
            raise Refused(400, 50035, "Invalid Form Body")
        if len(embed.get("title", "")) > 256:
            raise Refused(400, 50035, "Invalid Form Body")
    if len(content) > 2000 or total > 6000 or len(embeds) > 10:
        raise Refused(400, 50035, "Invalid Form Body")
    if len(str(body.get("nonce") or "")) > 25:
        raise Refused(400, 50035, "Invalid Form Body")


@dataclass(frozen=True, slots=True)
class Form:
    """What a request carries: its JSON, and the files beside it."""

    body: Any = None
    files: tuple[tuple[str, bytes], ...] = ()


#: The form of the request that is being answered; each has a task of its own.
FORM: ContextVar[Form] = ContextVar("FORM")


async def read(request: web.Request) -> Form:
    """Read a request's form."""
    if not request.can_read_body:
        return Form()
    if request.content_type == "application/json":
        return Form(await request.json())
    body: Any = {}
    files: list[tuple[str, bytes]] = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)  # nobody nests multiparts here
        if part.name == "payload_json":
            body = json.loads(await part.text())
        else:
            files.append((part.filename or "", bytes(await part.read())))
    return Form(body, tuple(files))
