"""Ollama's native API on loopback, for the real client: NDJSON streams, counts, and faults.

The server runs in a thread of its own, so that sync and async code can talk to it alike:

    with OllamaServer(ServedModel("tiny:latest")) as server:
        server.answers("Hello.", Answer("par", fault=Fault.DROP))

Answers are given in order; with none left, it says "ok". `server.requests` is what it was sent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

from tests.servers.threaded import ThreadedServer

CREATED_AT = "2026-01-02T03:04:05.000000000Z"
DEFAULT_CONTEXT = 4096
PIECE_CHARACTERS = 8
_TOKEN = re.compile(r"\w+|[^\w\s]")


class Fault(StrEnum):
    """What goes wrong with an answer, after its text where it has any."""

    SERVER_ERROR = "server-error"
    MIDSTREAM_ERROR = "midstream-error"
    DROP = "drop"
    STALL = "stall"
    TRUNCATED_PROMPT = "truncated-prompt"
    NO_END = "no-end"
    NOT_THE_PROTOCOL = "not-the-protocol"
    OUT_OF_MEMORY = "out-of-memory"
    CUT_ANSWER = "cut-answer"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model the server has."""

    name: str
    context_length: int = 8192
    capabilities: tuple[str, ...] = ("completion",)
    size_bytes: int = 4_700_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one chat request."""

    text: str = ""
    thinking: str = ""
    fault: Fault | None = None
    #: Name and arguments of each tool call, sent after the text.
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    #: What could have been the first token, with its log-probability.
    likely: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What the server was sent. `headers` have lower-case names."""

    path: str
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class OllamaServer(ThreadedServer):
    """One server; start and stop it as a context manager."""

    def __init__(self, *models: ServedModel, password: str = "") -> None:
        """Serve `models`; with `password`, to the user `mai` only."""
        super().__init__()
        self.models = {model.name: model for model in models}
        self.requests: list[Request] = []
        #: Names of the models in memory.
        self.loaded: set[str] = set()
        #: What the registry has for `pull`.
        self.registry: dict[str, ServedModel] = {}
        self._password = password
        self._answers: deque[Answer] = deque()

    @property
    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the chat requests so far."""
        return [request.body for request in self.requests if request.path == "/api/chat"]

    def answers(self, *answers: str | Answer) -> None:
        """Say these next, in this order."""
        self._answers.extend(
            answer if isinstance(answer, Answer) else Answer(answer) for answer in answers
        )

    def routes(self) -> list[web.RouteDef]:
        """Return Ollama's routes."""
        return [
            web.post("/api/chat", self._chat),
            web.post("/api/show", self._show),
            web.get("/api/tags", self._tags),
            web.get("/api/version", self._version),
            web.get("/api/ps", self._ps),
            web.post("/api/generate", self._generate),
            web.post("/api/embed", self._embed),
            web.post("/api/pull", self._pull),
        ]

    def application(self) -> web.Application:
        """Return the application, which writes down what it is sent."""
        return web.Application(middlewares=[self._recorded])

    @web.middleware
    async def _recorded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else {}
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Request(request.path, body, headers))
        if self._password:
            given = headers.get("authorization", "")
            pair = base64.b64encode(f"mai:{self._password}".encode()).decode()
            if given != f"Basic {pair}":
                return web.json_response({"error": "unauthorized"}, status=401)
        response: web.StreamResponse = await handler(request)
        return response

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = self.requests[-1].body
        if self._model(body) is None:
            return _missing(body)
        answer = self._answers.popleft() if self._answers else Answer("ok")
        if answer.fault is Fault.SERVER_ERROR:
            return web.json_response({"error": "llama runner process has died"}, status=500)
        if answer.fault is Fault.OUT_OF_MEMORY:
            said = "model requires more system memory (9.1 GiB) than is available (3.2 GiB)"
            return web.json_response({"error": said}, status=500)
        self.loaded.add(str(body["model"]))
        if not body.get("stream", True):
            return web.json_response(_whole(self._last(body, answer), body, answer))
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        try:
            await self._stream(request, response, body, answer)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up.set()
            raise
        return response

    async def _stream(
        self,
        request: web.Request,
        response: web.StreamResponse,
        body: dict[str, Any],
        answer: Answer,
    ) -> None:
        pieces = [{"content": "", "thinking": piece} for piece in _pieces(answer.thinking)]
        pieces += [{"content": piece} for piece in _pieces(answer.text)]
        for piece in pieces:
            await response.write(_line(_part(body, piece, done=False)))
        if answer.calls:
            calls = [
                {"function": {"name": name, "arguments": arguments}}
                for name, arguments in answer.calls
            ]
            await response.write(
                _line(_part(body, {"content": "", "tool_calls": calls}, done=False))
            )
        match answer.fault:
            case Fault.MIDSTREAM_ERROR:
                await response.write(_line({"error": "unexpected EOF of the runner"}))
            case Fault.DROP:
                if request.transport is not None:
                    request.transport.abort()
            case Fault.STALL:
                self.stalled.set()
                await asyncio.Event().wait()
            case Fault.NOT_THE_PROTOCOL:
                await response.write(b"<html>a proxy says hello</html>\n")
            case Fault.NO_END:
                pass
            case _:
                await response.write(_line(self._last(body, answer)))

    def _last(self, body: dict[str, Any], answer: Answer) -> dict[str, Any]:
        prompt = " ".join(message.get("content", "") for message in body["messages"])
        limit = body.get("options", {}).get("num_ctx", DEFAULT_CONTEXT)
        counted = min(len(_TOKEN.findall(prompt)), limit)
        if answer.fault is Fault.TRUNCATED_PROMPT:
            counted //= 4
        return {
            **_part(body, {"content": ""}, done=True),
            "done_reason": "length" if answer.fault is Fault.CUT_ANSWER else "stop",
            "prompt_eval_count": counted,
            "eval_count": len(_TOKEN.findall(answer.text)),
        }

    async def _show(self, _request: web.Request) -> web.StreamResponse:
        body = self.requests[-1].body
        model = self._model(body)
        if model is None:
            return _missing(body)
        return web.json_response(
            {
                "details": {"family": "llama", "parameter_size": "7B"},
                "model_info": {
                    "general.architecture": "llama",
                    "llama.context_length": model.context_length,
                    "llama.block_count": 16,
                    "llama.embedding_length": 2048,
                    "llama.attention.head_count": 16,
                    "llama.attention.head_count_kv": 4,
                },
                "capabilities": list(model.capabilities),
            }
        )

    async def _tags(self, _request: web.Request) -> web.StreamResponse:
        listed = [
            {"name": model.name, "model": model.name, "size": model.size_bytes}
            for model in self.models.values()
        ]
        return web.json_response({"models": listed})

    async def _version(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"version": "0.13.0"})

    async def _ps(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"models": [{"model": name} for name in sorted(self.loaded)]})

    async def _generate(self, _request: web.Request) -> web.StreamResponse:
        body = self.requests[-1].body
        if self._model(body) is None:
            return _missing(body)
        (self.loaded.discard if body.get("keep_alive") == 0 else self.loaded.add)(body["model"])
        return web.json_response({"model": body["model"], "response": "", "done": True})

    async def _embed(self, _request: web.Request) -> web.StreamResponse:
        body = self.requests[-1].body
        model = self._model(body)
        if model is None:
            return _missing(body)
        if any(len(_TOKEN.findall(text)) > model.context_length for text in body["input"]):
            said = "the input length exceeds the context length"
            return web.json_response({"error": said}, status=400)
        vectors = [[float(len(text)), float(text.count(" ")), 1.0] for text in body["input"]]
        return web.json_response({"model": model.name, "embeddings": vectors})

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        name = str(self.requests[-1].body.get("model", ""))
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        await response.write(_line({"status": "pulling manifest"}))
        if name not in self.registry:
            await response.write(_line({"error": "pull model manifest: file does not exist"}))
            return response
        for share in (0, 50, 100):
            part = {"status": "pulling 0a1b", "digest": "sha256:0a1b", "total": 100}
            await response.write(_line({**part, "completed": share}))
        self.models[name] = self.registry[name]
        await response.write(_line({"status": "success"}))
        return response

    def _model(self, body: dict[str, Any]) -> ServedModel | None:
        name = str(body.get("model", ""))
        return self.models.get(name) or self.models.get(f"{name}:latest")


def closed_port() -> int:
    """Return a port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS)]


def _part(body: dict[str, Any], message: dict[str, Any], *, done: bool) -> dict[str, Any]:
    return {
        "model": body["model"],
        "created_at": CREATED_AT,
        "message": {"role": "assistant", **message},
        "done": done,
    }


def _whole(last: dict[str, Any], body: dict[str, Any], answer: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": answer.text}
    if not (body.get("logprobs") and answer.likely):
        return {**last, "message": message}
    listed = [{"token": token, "logprob": value} for token, value in answer.likely]
    listed = listed[: body.get("top_logprobs", 0)]
    return {**last, "message": message, "logprobs": [{**listed[0], "top_logprobs": listed}]}


def _line(part: dict[str, Any]) -> bytes:
    return json.dumps(part).encode() + b"\n"


def _missing(body: dict[str, Any]) -> web.StreamResponse:
    return web.json_response({"error": f"model '{body.get('model')}' not found"}, status=404)
