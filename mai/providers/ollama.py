"""Ollama through its own client: streaming, a context that fits, errors in one sentence each.

Two traps are handled here. The server's default context is a few thousand tokens and past it the
*front* of the prompt is dropped with status 200, so every request carries its own `num_ctx` and the
server's count is compared with ours. And a pooled connection belongs to the event loop that opened
it, so each request has a client of its own; `mai.providers.base.ask` runs a loop per question.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import ollama

from mai.errors import BadAnswer, ProviderDied
from mai.protocols import ChatRequest, Delta, ModelInfo, Progress, ToolCall
from mai.providers.base import closing
from mai.providers.endpoint import Endpoint, Timeouts
from mai.providers.gguf_header import kv_bytes_per_token
from mai.providers.ollama_faults import translated
from mai.providers.tokens import TokenEstimate, check_counted, check_fits, estimate_request
from mai.providers.weighing import LISTED_TOKENS, weights
from mai.providers.wire import ollama_messages, tool_definitions
from mai.text import one_line

DEFAULT_PORT = 11434
#: Room for what a reasoning model thinks before it answers; it counts against the answer.
THINKING_TOKENS = 2048
#: Ollama loads the model anew for each context size, so sizes come in few steps.
CONTEXT_STEPS = (2048, 4096, 8192, 12288, 16384, 24576, 32768, 49152, 65536, 98304, 131072)
#: How long Ollama keeps a model that `load` asked for; each request starts the time anew.
KEEP_ALIVE = "30m"


@dataclass(frozen=True, slots=True)
class _Facts:
    context_length: int
    capabilities: tuple[str, ...]
    kv_bytes_per_token: int


class OllamaProvider:
    """One model of one Ollama server."""

    name = "ollama"

    def __init__(
        self,
        endpoint: str,
        model: str,
        timeouts: Timeouts | None = None,
        context_limit: int = 0,
    ) -> None:
        """Think with `model` at `endpoint`; nothing is opened yet.

        `context_limit` is the longest context, in tokens, that the machine's memory holds; 0 means
        that only the model's own limit counts.

        Raises:
            SettingsError: the endpoint is no address.
        """
        self.model = model
        self._endpoint = Endpoint.parse(endpoint, DEFAULT_PORT)
        self._timeouts = timeouts or Timeouts()
        self._context_limit = context_limit
        self._facts: _Facts | None = None
        self._context_step = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece; closing the iterator closes the connection.

        Raises:
            ContextOverflow: the prompt does not fit, or the server cut it.
            ModelNotFound: the server does not have the model.
            OutOfMemory: the model does not fit the memory that is free.
            ProviderUnreachable: no server, or it went away or stalled.
            ProviderError: the server says something went wrong.
        """
        prompt = estimate_request(request)
        with self._errors():
            async with self._client() as client:
                facts = await self._known_facts(client)
                thinks = "thinking" in facts.capabilities
                context, answer_tokens = self._room(prompt, request.answer_tokens, facts)
                options: dict[str, Any] = {"num_ctx": context, "num_predict": answer_tokens}
                if request.temperature is not None:
                    options["temperature"] = request.temperature
                offers_tools = "tools" in facts.capabilities and not request.schema
                parts = await client.chat(
                    model=self.model,
                    messages=ollama_messages(request.messages),
                    tools=tool_definitions(request.tools) if offers_tools else None,
                    stream=True,
                    options=options,
                    format=dict(request.schema) if request.schema else None,
                    # A grammar and free thinking exclude each other.
                    think=False if thinks and request.schema else None,
                )
                async with closing(parts), closing(self._deltas(parts, prompt)) as deltas:
                    async for delta in deltas:
                        yield delta

    async def weigh(self, request: ChatRequest, words: Sequence[str]) -> Sequence[float] | None:
        """Return each word's log-probability as the answer's first token.

        None where the model thinks first, or the server is older than 0.12.11.

        Raises:
            ProviderError: as for `stream`.
        """
        prompt = estimate_request(request)
        with self._errors():
            async with self._client() as client, asyncio.timeout(self._timeouts.first_token_s):
                facts = await self._known_facts(client)
                if "thinking" in facts.capabilities:
                    return None
                context, _ = self._room(prompt, 1, facts)
                answer = await client.chat(
                    model=self.model,
                    messages=ollama_messages(request.messages),
                    options={"num_ctx": context, "num_predict": 1, "temperature": 0},
                    logprobs=True,
                    top_logprobs=LISTED_TOKENS,
                )
        check_counted("Ollama", answer.prompt_eval_count or 0, prompt)
        listed = answer.logprobs[0].top_logprobs if answer.logprobs else None
        return weights([one.model_dump() for one in listed], words) if listed else None

    async def models(self) -> Sequence[ModelInfo]:
        """List what the server has, with context lengths and capabilities.

        Raises:
            ProviderError: as for `stream`.
        """
        with self._errors():
            async with asyncio.timeout(self._timeouts.facts_s), self._client() as client:
                listed = [entry for entry in (await client.list()).models if entry.model]
                running = await _running(client)
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
                            facts.kv_bytes_per_token,
                            entry.model in running,
                            str(entry.model_dump().get("digest") or ""),
                        )
                    )
        return found

    async def context_length(self) -> int:
        """Return how many tokens the model can hold here, 0 where nobody knows.

        Raises:
            ProviderError: as for `stream`.
        """
        if self._facts is None:
            with self._errors():
                async with self._client() as client:
                    await self._known_facts(client)
        return self._limit(self._facts.context_length if self._facts else 0)

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector per text; a text that is too long is refused, not cut.

        Raises:
            ProviderError: as for `stream`, or the model cannot embed.
        """
        if not texts:
            return []
        with self._errors():
            async with self._client() as client, asyncio.timeout(self._timeouts.first_token_s):
                answer = await client.embed(model=self.model, input=list(texts), truncate=False)
        if len(answer.embeddings) != len(texts):
            raise BadAnswer(
                f"Ollama gave {len(answer.embeddings)} vectors for {len(texts)} texts; "
                "I use none of them."
            )
        return [list(vector) for vector in answer.embeddings]

    async def load(self, context_tokens: int = 0) -> None:
        """Have the server load the model now. Raises ProviderError as for `stream`."""
        options = {"num_ctx": context_tokens} if context_tokens else None
        with self._errors():
            async with self._client() as client, asyncio.timeout(self._timeouts.first_token_s):
                await client.generate(model=self.model, options=options, keep_alive=KEEP_ALIVE)
        self._context_step = max(self._context_step, context_tokens)

    async def unload(self) -> None:
        """Have the server free the model's memory. Raises ProviderError as for `stream`."""
        with self._errors():
            async with self._client() as client, asyncio.timeout(self._timeouts.facts_s):
                await client.generate(model=self.model, keep_alive=0)

    async def pull(self) -> AsyncGenerator[Progress, None]:
        """Have the server fetch the model; closing the iterator stops it, what came is kept.

        Raises:
            ProviderError: as for `stream`; ModelNotFound where the registry has no such model.
        """
        with self._errors():
            async with (
                self._client() as client,
                closing(await client.pull(self.model, stream=True)) as parts,
            ):
                while True:
                    async with asyncio.timeout(self._timeouts.stall_s):
                        part = await anext(parts, None)
                    if part is None:
                        raise ProviderDied(
                            f"Ollama at {self._endpoint} went away before it had {self.model}."
                        )
                    share = (part.completed or 0) / part.total if part.total else None
                    yield Progress(one_line(part.status or "working", 80), share)
                    if part.status == "success":
                        return

    async def close(self) -> None:
        """Nothing stays open between requests."""

    def _client(self) -> ollama.AsyncClient:
        auth = (self._endpoint.user, self._endpoint.password) if self._endpoint.user else None
        return ollama.AsyncClient(
            host=self._endpoint.url,
            timeout=httpx.Timeout(self._timeouts.first_token_s, connect=self._timeouts.connect_s),
            auth=auth,
            verify=_tls(),
            # A prompt holds a person's code: it goes to the server named, through no proxy.
            trust_env=False,
            follow_redirects=False,
        )

    async def _known_facts(self, client: ollama.AsyncClient) -> _Facts:
        if self._facts is None:
            async with asyncio.timeout(self._timeouts.facts_s):
                self._facts = _facts(await client.show(self.model))
        return self._facts

    def _limit(self, own: int) -> int:
        return min(own, self._context_limit) if own and self._context_limit else own

    def _room(self, prompt: TokenEstimate, answer_tokens: int, facts: _Facts) -> tuple[int, int]:
        """Return `num_ctx` and `num_predict`.

        The context is the step that holds prompt and answer, never below an earlier one. A model
        that thinks gets room for it where there is some.
        """
        limit = self._limit(facts.context_length)
        check_fits(self.model, prompt, answer_tokens, limit)
        if "thinking" in facts.capabilities:
            spare = limit - prompt.most - answer_tokens if limit else THINKING_TOKENS
            answer_tokens += min(THINKING_TOKENS, spare)
        needed = prompt.most + answer_tokens
        step = next((step for step in CONTEXT_STEPS if step >= needed), needed)
        self._context_step = max(self._context_step, step)
        return (min(self._context_step, limit) if limit else self._context_step), answer_tokens

    async def _deltas(
        self, parts: AsyncIterator[ollama.ChatResponse], prompt: TokenEstimate
    ) -> AsyncIterator[Delta]:
        timeout_s = self._timeouts.first_token_s
        while True:
            async with asyncio.timeout(timeout_s):
                part = await anext(parts, None)
            if part is None:
                raise ProviderDied(
                    f"Ollama at {self._endpoint} went away in the middle of an answer."
                )
            timeout_s = self._timeouts.stall_s
            text, thinking = part.message.content or "", part.message.thinking or ""
            calls = tuple(
                ToolCall(call.function.name, dict(call.function.arguments))
                for call in part.message.tool_calls or ()
            )
            if text or thinking or calls:
                yield Delta(text, thinking, tool_calls=calls)
            if part.done:
                counted = part.prompt_eval_count or 0
                check_counted("Ollama", counted, prompt)
                yield Delta(
                    is_last=True,
                    prompt_tokens=counted,
                    answer_tokens=part.eval_count or 0,
                    is_cut=part.done_reason == "length",
                )
                return

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        with translated(self._endpoint, self.model):
            yield


@functools.cache
def _tls() -> ssl.SSLContext:
    # Reading the machine's certificates takes longer than most requests.
    return ssl.create_default_context()


async def _running(client: ollama.AsyncClient) -> set[str]:
    try:
        return {str(entry.model) for entry in (await client.ps()).models}
    except ollama.ResponseError:  # servers that only speak like Ollama may lack this route
        return set()


def _facts(shown: ollama.ShowResponse) -> _Facts:
    info: Mapping[str, Any] = shown.modelinfo or {}
    lengths = [
        value
        for key, value in info.items()
        if key.endswith(".context_length") and isinstance(value, int)
    ]
    return _Facts(
        max(lengths, default=0), tuple(shown.capabilities or ()), kv_bytes_per_token(info)
    )
