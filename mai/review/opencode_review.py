"""opencode as a second agent, over its local HTTP server. Off unless `MAI_REVIEWER=opencode`.

opencode is an agent with tools of its own. For a review it is given none: the session denies every
permission, and each message switches the tools off, so that a diff cannot make it do anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import httpx

from mai.errors import (
    BadAnswer,
    ProviderDied,
    ProviderError,
    ProviderStalled,
    ProviderUnreachable,
    SettingsError,
)
from mai.protocols import ChatRequest, Delta, ModelInfo
from mai.providers.endpoint import Endpoint
from mai.review.claude_review import Redact, hidden
from mai.text import one_line

DEFAULT_PORT = 4096
LEAVES = (
    "I ask opencode to review this: title, diff, risk report and trial go to its server on this "
    "machine, with what looks like a secret hidden, and from there to the model it is set up with."
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TIMEOUT = httpx.Timeout(180.0, connect=2.0)
_ABORT_S = 2.0
_TOOLS = ("bash", "edit", "write", "patch", "read", "grep", "glob", "list", "webfetch", "task")
_OK = 200
_UNAUTHORIZED = 401


class OpencodeProvider:
    """Whatever model opencode is set up with, or `provider/model`, for reviews."""

    name = "opencode"

    def __init__(self, endpoint: str, model: str, password: str, redact: Redact) -> None:
        """Ask the server at `endpoint`; nothing is opened yet.

        Raises:
            SettingsError: the endpoint is no address on this machine, or the model has no slash.
        """
        self._endpoint = Endpoint.parse(endpoint, DEFAULT_PORT)
        if self._endpoint.host not in _LOOPBACK:
            raise SettingsError("MAI_OPENCODE_ENDPOINT must be on this machine.")
        self._provider_id, slash, self._model_id = model.partition("/")
        if model and not slash:
            raise SettingsError("MAI_OPENCODE_MODEL is written provider/model.")
        self.model = model or "its own model"
        self._password = password
        self._redact = redact

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Give the answer in one piece; closing the iterator has the server stop.

        Raises:
            ContextOverflow: the prompt is too long to have its secrets hidden in one piece.
            ProviderError: the server is not there, refuses, or answers nonsense.
        """
        system = "\n\n".join(
            hidden(one.content, self._redact) for one in request.messages if one.role == "system"
        )
        text = "\n\n".join(
            hidden(one.content, self._redact) for one in request.messages if one.role != "system"
        )
        try:
            async with self._client() as client:
                permission = [{"permission": "*", "pattern": "*", "action": "deny"}]
                session = await _json(
                    client.post("/session", json={"title": "A review", "permission": permission})
                )
                session_id = _session_id(session)
                try:
                    answer = await _json(
                        client.post(f"/session/{session_id}/message", json=self._body(system, text))
                    )
                finally:
                    await _ended(client, session_id)
        except httpx.ConnectError as error:
            raise ProviderUnreachable(
                f"No opencode answers at {self._endpoint}; `opencode serve` starts it."
            ) from error
        except httpx.TimeoutException as error:
            raise ProviderStalled("opencode did not answer in time.") from error
        except httpx.HTTPError as error:
            raise ProviderDied(f"opencode went away: {one_line(str(error))}.") from error
        yield Delta(_text(answer))
        yield Delta(is_last=True)

    async def models(self) -> Sequence[ModelInfo]:
        """List the one that is asked."""
        await asyncio.sleep(0)
        return (ModelInfo(self.model, self.name),)

    async def close(self) -> None:
        """Nothing stays open between requests."""

    def _client(self) -> httpx.AsyncClient:
        user = self._endpoint.user or "opencode"
        password = self._endpoint.password or self._password
        return httpx.AsyncClient(
            base_url=self._endpoint.url,
            timeout=_TIMEOUT,
            auth=(user, password) if password else None,
            trust_env=False,
            follow_redirects=False,
        )

    def _body(self, system: str, text: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "system": system,
            "tools": {"*": False, **dict.fromkeys(_TOOLS, False)},
            "parts": [{"type": "text", "text": text}],
        }
        if self._model_id:
            body["model"] = {"providerID": self._provider_id, "modelID": self._model_id}
        return body


async def _json(call: Any) -> Any:
    response = await call
    if response.status_code == _UNAUTHORIZED:
        raise ProviderError("opencode wants its password: OPENCODE_SERVER_PASSWORD.")
    if response.status_code != _OK:
        said = one_line(response.text, 200)
        raise ProviderError(f"opencode answers {response.status_code}: {said}")
    try:
        return response.json()
    except ValueError as error:
        raise BadAnswer("What opencode answers is not JSON.") from error


def _session_id(session: Any) -> str:
    found = session.get("id") if isinstance(session, dict) else None
    if not isinstance(found, str) or not found.replace("_", "").isalnum():
        raise BadAnswer("opencode names no session.")
    return found


def _text(answer: Any) -> str:
    info = answer.get("info") if isinstance(answer, dict) else None
    parts = answer.get("parts") if isinstance(answer, dict) else None
    fault = info.get("error") if isinstance(info, dict) else None
    if fault:
        raise ProviderError(f"opencode's model failed: {one_line(str(fault), 200)}")
    if not isinstance(parts, list):
        raise BadAnswer("opencode's answer has no parts.")
    texts = [
        part["text"]
        for part in parts
        if isinstance(part, dict)
        and part.get("type") == "text"
        and isinstance(part.get("text"), str)
    ]
    return "".join(texts)


async def _ended(client: httpx.AsyncClient, session_id: str) -> None:
    """Stop what the server may still compute, and leave no session behind."""
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_ABORT_S):
            await client.post(f"/session/{session_id}/abort")
            await client.delete(f"/session/{session_id}")
