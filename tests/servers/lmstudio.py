"""LM Studio's own protocol on loopback, for the real SDK: a greeting, then WebSockets of JSON.

    with LMStudioServer(ServedModel("qwen2.5-coder-7b")) as server:
        server.answers("Hello.", Answer("par", fault=Fault.DROP))

Answers are given in order; with none left, it says "ok". `server.predictions` is what was asked.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiohttp import WSMsgType, web

from tests.servers.threaded import ThreadedServer

DEFAULT_CONTEXT = 4096
PIECE_CHARACTERS = 8
_TOKEN = re.compile(r"\w+|[^\w\s]")

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Fault(StrEnum):
    """What goes wrong with an answer, after its text where it has any."""

    PREDICTION_ERROR = "prediction-error"
    DROP = "drop"
    STALL = "stall"
    CLOSED_CHANNEL = "closed-channel"
    TRUNCATED_PROMPT = "truncated-prompt"
    NOT_THE_PROTOCOL = "not-the-protocol"
    CUT_ANSWER = "cut-answer"
    UNLOADED = "unloaded"


_STOPS: dict[Fault | None, str] = {
    Fault.CUT_ANSWER: "maxPredictedTokensReached",
    Fault.UNLOADED: "modelUnloaded",
}
#: After these no proper end is sent.
_ENDLESS = frozenset(
    {Fault.PREDICTION_ERROR, Fault.CLOSED_CHANNEL, Fault.DROP, Fault.NOT_THE_PROTOCOL}
)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that was downloaded. `kind`: llm or embedding."""

    name: str
    context_length: int = 8192
    kind: str = "llm"
    has_tools: bool = False
    size_bytes: int = 4_700_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one request."""

    text: str = ""
    thinking: str = ""
    fault: Fault | None = None
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()


class LMStudioServer(ThreadedServer):
    """One server; start and stop it as a context manager."""

    def __init__(self, *models: ServedModel) -> None:
        super().__init__()
        self.models = {model.name: model for model in models}
        #: Context length of each model in memory.
        self.loaded: dict[str, int] = {}
        #: What `pull` finds.
        self.catalogue: dict[str, ServedModel] = {}
        #: The parameters of each prediction asked for, history and settings.
        self.predictions: list[dict[str, Any]] = []
        #: Said where a model is loaded, such as that memory ran out.
        self.load_fault = ""
        self._answers: deque[Answer] = deque()

    def answers(self, *answers: str | Answer) -> None:
        """Say these next, in this order."""
        self._answers.extend(
            answer if isinstance(answer, Answer) else Answer(answer) for answer in answers
        )

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The settings of each prediction, by key."""
        return [
            {
                field["key"]: field["value"]
                for layer in asked["predictionConfigStack"]["layers"]
                for field in layer["config"]["fields"]
            }
            for asked in self.predictions
        ]

    def routes(self) -> list[web.RouteDef]:
        """Return the greeting and one socket per namespace."""
        spaces = "llm|embedding|system|files|repository"
        return [
            web.get("/lmstudio-greeting", self._greeting),
            web.get(f"/{{space:{spaces}}}", self._socket),
            # The real one answers every other path with 200 and an error in the body.
            web.get("/{path:.*}", self._elsewhere),
        ]

    async def _greeting(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"lmstudio": True})

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        said = f"Unexpected endpoint or method. (GET {request.path}). Returning 200 anyway"
        return web.json_response({"error": said})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive_json()
        await socket.send_json({"success": True})
        channels: dict[int, asyncio.Task[None]] = {}
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._message(socket, request, channels, json.loads(message.data))
        finally:
            for task in channels.values():
                if not task.done():
                    self.hung_up.set()
                    task.cancel()
        return socket

    async def _message(
        self,
        socket: web.WebSocketResponse,
        request: web.Request,
        channels: dict[int, asyncio.Task[None]],
        message: dict[str, Any],
    ) -> None:
        space = request.match_info["space"]
        match message["type"]:
            case "rpcCall":
                answer = self._call(space, message["endpoint"], message.get("parameter") or {})
                await socket.send_json({"callId": message["callId"], **answer})
            case "channelCreate":
                channels[message["channelId"]] = asyncio.create_task(
                    self._channel(socket, request, space, message)
                )
            case "channelSend" if message["message"].get("type") == "cancel":
                self.hung_up.set()
                channels[message["channelId"]].cancel()

    def _call(self, space: str, endpoint: str, asked: dict[str, Any]) -> dict[str, Any]:
        match endpoint:
            case "listLoaded":
                names = [name for name in self.loaded if self.models[name].kind == space]
                result: Any = [self._instance(name) for name in names]
            case "listDownloadedModels":
                result = [_described(model) for model in self.models.values()]
            case "unloadModel":
                result = self.loaded.pop(asked["identifier"], None) and None
            case "searchModels":
                term = asked["opts"].get("searchTerm", "")
                found = [name for name in self.catalogue if term in name]
                result = {"results": [_found(name, name == term) for name in found]}
            case "getModelDownloadOptions":
                name = asked["modelSearchResultIdentifier"]["identifier"].partition("/")[2]
                result = {"results": [_option(self.catalogue[name])]}
            case _:
                return self._call_model(endpoint, asked)
        return {"type": "rpcResult", "result": result}

    def _call_model(self, endpoint: str, asked: dict[str, Any]) -> dict[str, Any]:
        name = self._meant(asked.get("specifier") or asked.get("modelSpecifier") or {})
        if name is None:
            return {"type": "rpcError", "error": _missing()}
        match endpoint:
            case "getModelInfo":
                result: Any = self._instance(name)
            case "countTokens":
                result = {"tokenCount": len(_TOKEN.findall(asked["inputString"]))}
            case "embedString":
                text = asked["inputString"]
                result = {"embedding": [float(len(text)), float(text.count(" ")), 1.0]}
            case _:
                return {"type": "rpcError", "error": {"title": f"Unknown endpoint {endpoint}"}}
        return {"type": "rpcResult", "result": result}

    async def _channel(
        self,
        socket: web.WebSocketResponse,
        request: web.Request,
        space: str,
        message: dict[str, Any],
    ) -> None:
        channel, asked = message["channelId"], message["creationParameter"]

        async def send(part: dict[str, Any]) -> None:
            await socket.send_json({"type": "channelSend", "channelId": channel, "message": part})

        async def fail(error: dict[str, Any]) -> None:
            await socket.send_json({"type": "channelError", "channelId": channel, "error": error})

        try:
            match message["endpoint"]:
                case "getOrLoad" | "loadModel":
                    error = await self._load(send, space, asked)
                case "downloadModel":
                    error = await self._download(send, asked["downloadIdentifier"])
                case _:
                    error = await self._predict(send, request, asked)
            if error is not None:
                await fail(error)
            await socket.send_json({"type": "channelClose", "channelId": channel})
        except ConnectionError:
            self.hung_up.set()

    async def _load(self, send: Send, space: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        name = asked.get("modelKey") or asked["identifier"]
        if name not in self.models:
            return _missing()
        if self.load_fault:
            return {"title": "Failed to load model", "cause": self.load_fault}
        if name in self.loaded:
            await send({"type": "alreadyLoaded", "info": self._instance(name)})
            return None
        wanted = {
            field["key"]: field["value"]
            for layer in (asked.get("loadConfigStack") or {}).get("layers", [])
            for field in layer["config"]["fields"]
        }
        await send(
            {"type": "startLoading", "identifier": name, "info": _described(self.models[name])}
        )
        await send({"type": "loadProgress", "progress": 0.5})
        self.loaded[name] = wanted.get(f"{space}.load.contextLength", DEFAULT_CONTEXT)
        await send({"type": "loadSuccess", "info": self._instance(name)})
        return None

    async def _download(self, send: Send, name: str) -> dict[str, Any] | None:
        for done in (0, 50, 100):
            update = {"downloadedBytes": done, "totalBytes": 100, "speedBytesPerSecond": 1.0}
            await send({"type": "downloadProgress", "update": update})
        await send({"type": "startFinalizing"})
        self.models[name] = self.catalogue[name]
        await send({"type": "success", "defaultIdentifier": name})
        return None

    async def _predict(
        self, send: Send, request: web.Request, asked: dict[str, Any]
    ) -> dict[str, Any] | None:
        name = self._meant(asked["modelSpecifier"])
        if name is None:
            return _missing()
        self.predictions.append(asked)
        answer = self._answers.popleft() if self._answers else Answer("ok")
        try:
            await self._fragments(send, answer)
            error = await self._fault(send, request, answer)
            stop = _STOPS.get(answer.fault, "eosFound")
        except asyncio.CancelledError:
            error, stop = None, "userStopped"
        if answer.fault not in _ENDLESS:
            await send(self._end(name, asked, answer, stop))
        return error

    async def _fault(
        self, send: Send, request: web.Request, answer: Answer
    ) -> dict[str, Any] | None:
        match answer.fault:
            case Fault.PREDICTION_ERROR:
                return {"title": "The model has crashed", "cause": "exit code 139"}
            case Fault.DROP if request.transport is not None:
                request.transport.abort()
            case Fault.STALL:
                self.stalled.set()
                await asyncio.Event().wait()
            case Fault.NOT_THE_PROTOCOL:
                await send({"type": "success", "stats": "<html>", "modelInfo": 7})
        return None

    async def _fragments(self, send: Send, answer: Answer) -> None:
        await send({"type": "promptProcessingProgress", "progress": 1.0})
        for kind, text in (("reasoning", answer.thinking), ("none", answer.text)):
            for at in range(0, len(text), PIECE_CHARACTERS):
                fragment = {
                    "content": text[at : at + PIECE_CHARACTERS],
                    "tokensCount": 1,
                    "containsDrafted": False,
                    "reasoningType": kind,
                }
                await send({"type": "fragment", "fragment": fragment})
        for name, arguments in answer.calls:
            call = {"type": "function", "name": name, "id": "call-1", "arguments": arguments}
            await send({"type": "toolCallGenerationStart"})
            await send({"type": "toolCallGenerationEnd", "toolCallRequest": call})

    def _end(self, name: str, asked: dict[str, Any], answer: Answer, stop: str) -> dict[str, Any]:
        prompt = json.dumps(asked["history"])
        counted = len(_TOKEN.findall(prompt)) // (
            8 if answer.fault is Fault.TRUNCATED_PROMPT else 1
        )
        said = len(_TOKEN.findall(answer.text))
        return {
            "type": "success",
            "stats": {
                "stopReason": stop,
                "promptTokensCount": counted,
                "predictedTokensCount": said,
                "totalTokensCount": counted + said,
            },
            "modelInfo": self._instance(name),
            "loadModelConfig": {"fields": []},
            "predictionConfig": {"fields": []},
        }

    def _meant(self, specifier: dict[str, Any]) -> str | None:
        if specifier.get("type") == "instanceReference":
            name = str(specifier["instanceReference"]).removeprefix("ref-")
        else:
            name = str(specifier.get("query", {}).get("identifier", ""))
        return name if name in self.loaded else None

    def _instance(self, name: str) -> dict[str, Any]:
        return {
            **_described(self.models[name]),
            "identifier": name,
            "instanceReference": f"ref-{name}",
            "contextLength": self.loaded[name],
        }


def _described(model: ServedModel) -> dict[str, Any]:
    described = {
        "type": model.kind,
        "modelKey": model.name,
        "format": "gguf",
        "displayName": model.name,
        "path": f"somebody/{model.name}.gguf",
        "sizeBytes": model.size_bytes,
        "maxContextLength": model.context_length,
        "architecture": "llama",
    }
    if model.kind == "llm":
        described |= {"vision": False, "trainedForToolUse": model.has_tools}
    return described


def _found(name: str, is_exact: bool) -> dict[str, Any]:
    where = {"type": "catalog", "identifier": f"somebody/{name}"}
    return {"name": name, "identifier": where, "exact": is_exact}


def _option(model: ServedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "sizeBytes": model.size_bytes,
        "fitEstimation": "fullGPUOffload",
        "downloadIdentifier": model.name,
        "indexedModelIdentifier": model.name,
        "recommended": True,
    }


def _missing() -> dict[str, Any]:
    return {
        "title": "No model found that fits the query",
        "displayData": {
            "code": "generic.noModelMatchingQuery",
            "query": {},
            "loadedModelsSample": [],
            "totalLoadedModels": 0,
        },
    }
