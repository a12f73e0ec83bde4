"""Ollama through its own client: streaming, a context that fits, errors in one sentence each.

Two traps are handled here. The server's default context is a few thousand tokens and past it the
*front* of the prompt is dropped with status 200, so every request carries its own `num_ctx` and the
server's count is compared with ours. And a pooled connection belongs to the event loop that opened
it, so each request has a client of its own; `mai.providers.base.ask` runs a loop per question.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import ollama
from pydantic import ValidationError

from mai.errors import ContextOverflow, ModelNotFound, ProviderError, ProviderUnreachable
from mai.protocols import ChatRequest, Delta, ModelInfo
from mai.providers.base import closing
from mai.providers.endpoint import Endpoint
from mai.providers.tokens import TokenEstimate, estimate_messages
from mai.text import one_line

DEFAULT_PORT = 11434
#: Room for what a reasoning model thinks before it answers; it counts against the answer.
THINKING_TOKENS = 2048
#: Ollama loads the model anew for each context size, so sizes come in few steps.
CONTEXT_STEPS = (2048, 4096, 8192, 12288, 16384, 24576, 32768, 49152, 65536, 98304, 131072)
#: Chat templates trim spaces and SentencePiece merges some signs: so much below is fine.
FLOOR_SLACK = 0.9
_HTTP_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. The first token waits for the model to load and the prompt to be read.

    `facts_s` is for questions that need no model: what there is, and what it can hold.
    """

    connect_s: float = 2.0
    facts_s: float = 10.0
    first_token_s: float = 600.0
    stall_s: float = 60.0


@dataclass(frozen=True, slots=True)
class _Facts:
    context_length: int
    capabilities: tuple[str, ...]


class OllamaProvider:
    """One model of one Ollama server."""

    name = "ollama"

    def __init__(self, endpoint: str, model: str, timeouts: Timeouts | None = None) -> None:
        """Think with `model` at `endpoint`; nothing is opened yet.

        Raises:
            SettingsError: the endpoint is no address.
        """
        self.model = model
        self._endpoint = Endpoint.parse(endpoint, DEFAULT_PORT)
        self._timeouts = timeouts or Timeouts()
        self._facts: _Facts | None = None
        self._context_step = 0
        self._tls: ssl.SSLContext | None = None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece; closing the iterator closes the connection.

        Raises:
            ContextOverflow: the prompt does not fit, or the server cut it.
            ModelNotFound: the server does not have the model.
            ProviderUnreachable: no server, or it went away or stalled.
            ProviderError: the server says something went wrong.
        """
        prompt = estimate_messages(request.messages)
        with self._errors():
            async with self._client() as client:
                facts = await self._known_facts(client)
                thinks = "thinking" in facts.capabilities
                answer_tokens = request.answer_tokens + (THINKING_TOKENS if thinks else 0)
                options: dict[str, Any] = {
                    "num_ctx": self._context(prompt, answer_tokens, facts.context_length),
                    "num_predict": answer_tokens,
                }
                if request.temperature is not None:
                    options["temperature"] = request.temperature
                parts = await client.chat(
                    model=self.model,
                    messages=[
                        {"role": message.role, "content": message.content}
                        for message in request.messages
                    ],
                    stream=True,
                    options=options,
                    format=dict(request.schema) if request.schema else None,
                    # A grammar and free thinking exclude each other.
                    think=False if thinks and request.schema else None,
                )
                async with closing(parts), closing(self._deltas(parts, prompt)) as deltas:
                    async for delta in deltas:
                        yield delta

    async def models(self) -> Sequence[ModelInfo]:
        """List what the server has, with context lengths and capabilities.

        Raises:
            ProviderError: as for `stream`.
        """
        with self._errors():
            async with asyncio.timeout(self._timeouts.facts_s), self._client() as client:
                listed = [entry for entry in (await client.list()).models if entry.model]
                found = []
                for entry in listed:
                    facts = _facts(await client.show(str(entry.model)))
                    found.append(
                        ModelInfo(
                            str(entry.model),
                            self.name,
                            int(entry.size or 0),
                            facts.context_length,
                            facts.capabilities,
                        )
                    )
        return found

    async def context_length(self) -> int:
        """Return how many tokens the model can hold, 0 where the server does not say.

        Raises:
            ProviderError: as for `stream`.
        """
        if self._facts is not None:
            return self._facts.context_length
        with self._errors():
            async with self._client() as client:
                return (await self._known_facts(client)).context_length

    async def close(self) -> None:
        """Nothing stays open between requests."""

    def _client(self) -> ollama.AsyncClient:
        self._tls = self._tls or ssl.create_default_context()
        auth = (self._endpoint.user, self._endpoint.password) if self._endpoint.user else None
        return ollama.AsyncClient(
            host=self._endpoint.url,
            timeout=httpx.Timeout(self._timeouts.first_token_s, connect=self._timeouts.connect_s),
            auth=auth,
            verify=self._tls,
            # A prompt holds a person's code: it goes to the server named, through no proxy.
            trust_env=False,
            follow_redirects=False,
        )

    async def _known_facts(self, client: ollama.AsyncClient) -> _Facts:
        if self._facts is None:
            async with asyncio.timeout(self._timeouts.facts_s):
                self._facts = _facts(await client.show(self.model))
        return self._facts

    def _context(self, prompt: TokenEstimate, answer_tokens: int, limit: int) -> int:
        """Return `num_ctx`: the step that holds prompt and answer, never below an earlier one."""
        needed = prompt.most + answer_tokens
        if limit and needed > limit:
            raise ContextOverflow(
                f"{self.model} holds {limit} tokens; this prompt needs up to {prompt.most} and "
                f"{answer_tokens} more for the answer."
            )
        step = next((step for step in CONTEXT_STEPS if step >= needed), needed)
        self._context_step = max(self._context_step, step)
        return min(self._context_step, limit) if limit else self._context_step

    async def _deltas(
        self, parts: AsyncIterator[ollama.ChatResponse], prompt: TokenEstimate
    ) -> AsyncIterator[Delta]:
        timeout_s = self._timeouts.first_token_s
        while True:
            async with asyncio.timeout(timeout_s):
                part = await anext(parts, None)
            if part is None:
                raise ProviderUnreachable(
                    f"Ollama at {self._endpoint} went away in the middle of an answer."
                )
            timeout_s = self._timeouts.stall_s
            text, thinking = part.message.content or "", part.message.thinking or ""
            if text or thinking:
                yield Delta(text, thinking)
            if part.done:
                counted = part.prompt_eval_count or 0
                # 0 or none: the server answered from its cache and did not count.
                if counted and counted < prompt.fewest * FLOOR_SLACK:
                    raise ContextOverflow(
                        f"Ollama read {counted} of at least {prompt.fewest} tokens: it cut the "
                        "prompt, so I do not use its answer."
                    )
                yield Delta(is_last=True, prompt_tokens=counted, answer_tokens=part.eval_count or 0)
                return

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what the client raises into Mai's own errors."""
        where = f"Ollama at {self._endpoint}"
        try:
            yield
        except ollama.ResponseError as error:
            raise self._refused(error) from error
        except (httpx.ConnectError, httpx.ConnectTimeout, ConnectionError) as error:
            raise ProviderUnreachable(
                f"No model server answers at {self._endpoint}; `ollama serve` starts one."
            ) from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise ProviderUnreachable(f"{where} has stopped sending; I gave up waiting.") from error
        except httpx.TransportError as error:
            raise ProviderUnreachable(f"{where} went away in the middle of an answer.") from error
        except (ValidationError, json.JSONDecodeError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderError(f"{where} sent something that is not its protocol.") from error

    def _refused(self, error: ollama.ResponseError) -> ProviderError:
        said = one_line(error.error)
        if error.status_code == _HTTP_NOT_FOUND:
            return ModelNotFound(
                f"Ollama has no model {self.model}; `ollama pull {self.model}` gets it."
            )
        if "context" in said and "exceed" in said:
            return ContextOverflow(f"The prompt does not fit {self.model}: {said}.")
        if error.status_code < 0:
            return ProviderError(f"Ollama stopped in the middle of an answer: {said}.")
        return ProviderError(
            f"Ollama at {self._endpoint} answered {error.status_code}: {said or 'nothing more'}."
        )


def _facts(shown: ollama.ShowResponse) -> _Facts:
    info: Mapping[str, Any] = shown.modelinfo or {}
    lengths = [
        value
        for key, value in info.items()
        if key.endswith(".context_length") and isinstance(value, int)
    ]
    return _Facts(max(lengths, default=0), tuple(shown.capabilities or ()))
