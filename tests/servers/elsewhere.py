"""Reviewers that are not Mai's own, on loopback: Anthropic's Messages API and opencode's server.

    with ClaudeServer() as server:
        server.answers.append('{"verdict": "approve", "concerns": []}')

`server.bodies` is what was sent; `server.fault` what goes wrong: `drop`, `refuse`, `nonsense`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from tests.servers.threaded import ThreadedServer


class _Recorded(ThreadedServer):
    def __init__(self) -> None:
        super().__init__()
        self.answers: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.fault = ""

    async def _keep(self, request: web.Request) -> str:
        self.bodies.append(json.loads(await request.text() or "{}"))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return self.answers.pop(0) if self.answers else "ok"


class ClaudeServer(_Recorded):
    """Speaks server-sent events as the Messages API does."""

    def routes(self) -> list[web.RouteDef]:
        """Return the one route."""
        return [web.post("/v1/messages", self._message)]

    async def _message(self, request: web.Request) -> web.StreamResponse:
        text = await self._keep(request)
        if self.fault == "refuse":
            error = {"type": "authentication_error", "message": "invalid x-api-key"}
            return web.json_response({"type": "error", "error": error}, status=401)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        usage = {"input_tokens": 7, "output_tokens": 1}
        message: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "claude",
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        await _event(response, "message_start", message=message)
        block = {"type": "text", "text": ""}
        await _event(response, "content_block_start", index=0, content_block=block)
        delta = {"type": "text_delta", "text": text}
        await _event(response, "content_block_delta", index=0, delta=delta)
        if self.fault == "drop":
            assert request.transport is not None
            request.transport.close()
            return response
        await _event(response, "content_block_stop", index=0)
        stop = {"stop_reason": "end_turn", "stop_sequence": None}
        await _event(response, "message_delta", delta=stop, usage={"output_tokens": 3})
        await _event(response, "message_stop")
        return response


class OpencodeServer(_Recorded):
    """Has sessions, and answers a message once it is whole. `calls` lists what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def routes(self) -> list[web.RouteDef]:
        """Return the session's routes."""
        return [
            web.post("/session", self._session),
            web.post("/session/{id}/message", self._message),
            web.post("/session/{id}/abort", self._other),
            web.delete("/session/{id}", self._other),
        ]

    async def _session(self, request: web.Request) -> web.Response:
        self.calls.append("session")
        self.bodies.append(await request.json())
        if self.fault == "refuse":
            return web.Response(status=401)
        return web.json_response({"id": "ses_1", "title": "A review"})

    async def _message(self, request: web.Request) -> web.Response:
        self.calls.append("message")
        text = await self._keep(request)
        if self.fault == "drop":
            assert request.transport is not None
            request.transport.close()
        if self.fault == "stall":
            self.stalled.set()
            await asyncio.sleep(3600)
        if self.fault == "nonsense":
            return web.Response(text="<html>")
        info = {"error": {"name": "ProviderAuthError"}} if self.fault == "model" else {}
        parts = [{"type": "step-start"}, {"type": "text", "text": text}]
        return web.json_response({"info": info, "parts": parts})

    async def _other(self, request: web.Request) -> web.Response:
        self.calls.append(request.path.rpartition("/")[2])
        return web.json_response(data=True)


async def _event(response: web.StreamResponse, name: str, **data: Any) -> None:
    body = json.dumps({"type": name, **data})
    await response.write(f"event: {name}\ndata: {body}\n\n".encode())
