"""GGUF files in this process: any `*.gguf` in MODEL_CACHE_DIR, thought with by llama.cpp."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from mai.errors import (
    BadAnswer,
    ContextOverflow,
    ModelNotFound,
    OutOfMemory,
    ProviderDied,
    ProviderError,
    ProviderStalled,
)
from mai.protocols import ChatRequest, Delta, Expectation, ModelInfo
from mai.providers import gguf_engine, gguf_files
from mai.providers.base import closing, left_alone
from mai.providers.faults import is_memory_fault
from mai.providers.gguf_engine import Engine
from mai.providers.tokens import TokenEstimate, check_counted, check_fits
from mai.providers.weighing import LISTED_TOKENS, expectation, pieces_of, weights
from mai.providers.wire import CallCollector, openai_messages, tool_definitions
from mai.text import one_line

_FIRST_TOKEN_S = 600.0
_STALL_S = 60.0
_HTTP_OK = 200


class GgufProvider:
    """One GGUF file."""

    name = "gguf"

    def __init__(self, folder: Path, model: str, context_limit: int = 0) -> None:
        """Think with `model`, a file's name in `folder` with or without `.gguf`; loads nothing yet.

        `context_limit` is the longest context, in tokens, that the machine's memory holds.
        """
        self.model = model.removesuffix(gguf_files.SUFFIX)
        self._folder = folder
        self._context_limit = context_limit
        self._engine: Engine | None = None
        self._embedder: Engine | None = None
        self._loading = threading.Lock()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece; closing the iterator stops the computing.

        Raises:
            ContextOverflow: the prompt, counted by the model's own tokenizer, does not fit.
            ModelNotFound: there is no such file.
            OutOfMemory: it does not fit the memory that is free.
            ProviderError: the engine failed.
        """
        await self.load()
        engine = _there(self._engine)
        with self._errors():
            async with engine.client(httpx.Timeout(_FIRST_TOKEN_S)) as client:
                body = self._body(request)
                counted = await self._count(client, body)
                prompt = TokenEstimate(counted, counted)
                check_fits(self.model, prompt, request.answer_tokens, engine.context_length)
                where = "/v1/chat/completions"
                async with client.stream("POST", where, json=body) as response:
                    if response.status_code != _HTTP_OK:
                        raise self._refused(await response.aread())
                    async with closing(self._deltas(response.aiter_lines(), prompt)) as deltas:
                        async for delta in deltas:
                            yield delta

    async def weigh(self, request: ChatRequest, words: Sequence[str]) -> Sequence[float] | None:
        """Return each word's log-probability as the answer's first token; nothing is generated.

        Raises:
            ProviderError: as for `stream`.
        """
        await self.load()
        engine = _there(self._engine)
        with self._errors():
            async with engine.client(httpx.Timeout(_FIRST_TOKEN_S)) as client:
                body = self._body(replace(request, schema=None, tools=(), answer_tokens=1))
                counted = await self._count(client, body)
                prompt = TokenEstimate(counted, counted)
                check_fits(self.model, prompt, 1, engine.context_length)
                body |= {"stream": False, "logprobs": True, "top_logprobs": LISTED_TOKENS}
                del body["stream_options"], body["return_progress"]
                response = await client.post("/v1/chat/completions", json=body)
                if response.status_code != _HTTP_OK:
                    raise self._refused(response.content)
                tokens = (response.json()["choices"][0].get("logprobs") or {}).get("content") or []
                return weights(tokens[0]["top_logprobs"], words) if tokens else None

    async def expect(
        self, request: ChatRequest, answer: str, spans: Sequence[tuple[int, int]]
    ) -> Sequence[Expectation]:
        """Return what the model expected at each token of `answer` that lies in `spans`.

        Raises:
            ProviderError: as for `stream`.
        """
        await self.load()
        engine = _there(self._engine)
        with self._errors():
            async with engine.client(httpx.Timeout(_FIRST_TOKEN_S)) as client:
                asked = {"messages": openai_messages(request.messages)}
                written = str((await self._json(client, "/apply-template", asked))["prompt"])
                body = {"content": written, "add_special": True, "parse_special": True}
                prompt = (await self._json(client, "/tokenize", body))["tokens"]
                body = {"content": answer, "add_special": False, "with_pieces": True}
                tokens = pieces_of((await self._json(client, "/tokenize", body))["tokens"], answer)
                counted = TokenEstimate(len(prompt), len(prompt))
                check_fits(self.model, counted, len(tokens), engine.context_length)
                found = []
                for at, token in enumerate(tokens):
                    if not token.is_in(spans):
                        continue
                    # What was read stays with the engine: each token costs one step.
                    ids = [*prompt, *(earlier.id for earlier in tokens[:at])]
                    body = {"prompt": ids, "n_predict": 1, "temperature": 0, "cache_prompt": True}
                    body["n_probs"] = LISTED_TOKENS
                    answered = await self._json(client, "/completion", body)
                    step = answered["completion_probabilities"][0]
                    found.append(expectation(token, step["top_logprobs"]))
                return found

    async def models(self) -> Sequence[ModelInfo]:
        """List the files that can be read, in order of name."""
        return await asyncio.to_thread(gguf_files.list_models, self._folder)

    async def context_length(self) -> int:
        """Return how many tokens are, or would be, allocated.

        Raises:
            ProviderError: the file is not there or not a model.
        """
        if self._engine is not None:
            return self._engine.context_length
        found = await asyncio.to_thread(gguf_files.find, self._folder, self.model)
        own = found.context_length or gguf_engine.DEFAULT_CONTEXT
        return min(own, self._context_limit) if self._context_limit else own

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector per text.

        Raises:
            ProviderError: as for `stream`; a text that is too long is refused, not cut.
        """
        if not texts:
            return []
        if self._embedder is None:
            await left_alone(self._take_embedder)
        with self._errors():
            async with _there(self._embedder).client(httpx.Timeout(_FIRST_TOKEN_S)) as client:
                response = await client.post("/v1/embeddings", json={"input": list(texts)})
                if response.status_code != _HTTP_OK:
                    raise self._refused(response.content)
                entries = sorted(response.json()["data"], key=lambda entry: int(entry["index"]))
                return [[float(value) for value in entry["embedding"]] for entry in entries]

    async def load(self, context_tokens: int = 0) -> None:
        """Put the model into memory; one loaded with another context is loaded anew.

        Raises:
            ProviderError: as for `stream`.
        """
        if self._engine is not None:
            if not context_tokens or context_tokens <= self._engine.context_length:
                return
            await self.unload()
        await left_alone(lambda: self._take(context_tokens))

    async def unload(self) -> None:
        """Free the memory, unless somebody else thinks with the same file."""
        await left_alone(self._let_go)

    async def close(self) -> None:
        """Free the memory."""
        await self.unload()

    # These run in threads that a cancelled caller does not wait for. What such a thread loads is
    # known here all the same, or nobody could free it, and whoever comes next waits for its lock.

    def _take(self, context_tokens: int) -> None:
        path = gguf_files.path_of(self._folder, self.model)
        with self._loading:
            if self._engine is None:
                self._engine = gguf_engine.acquire(path, context_tokens or self._context_limit)

    def _take_embedder(self) -> None:
        path = gguf_files.path_of(self._folder, self.model)
        limit = self._context_limit or gguf_engine.DEFAULT_CONTEXT
        with self._loading:
            if self._embedder is None:
                self._embedder = gguf_engine.acquire(path, limit, embeds=True)

    def _let_go(self) -> None:
        with self._loading:
            engines = [engine for engine in (self._engine, self._embedder) if engine is not None]
            self._engine = self._embedder = None
        for engine in engines:
            gguf_engine.release(engine)

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "messages": openai_messages(request.messages),
            "max_tokens": request.answer_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            # Told how far it is, the server notices at the next batch that nobody listens any
            # more; without, it reads a long prompt to its end first.
            "return_progress": True,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.schema:
            schema = {"name": "answer", "schema": dict(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.tools:
            body["tools"] = tool_definitions(request.tools)
        return body

    async def _json(self, client: httpx.AsyncClient, where: str, body: Mapping[str, Any]) -> Any:
        response = await client.post(where, json=body)
        if response.status_code != _HTTP_OK:
            raise self._refused(response.content)
        return response.json()

    async def _count(self, client: httpx.AsyncClient, body: dict[str, Any]) -> int:
        """Return how many tokens the prompt is, by the model's own template and tokenizer."""
        asked: dict[str, Any] = {}
        asked |= {name: body[name] for name in ("messages", "tools") if name in body}
        prompt = str((await self._json(client, "/apply-template", asked))["prompt"])
        written = {"content": prompt, "add_special": True, "parse_special": True}
        return len((await self._json(client, "/tokenize", written))["tokens"])

    async def _deltas(
        self, lines: AsyncIterator[str], prompt: TokenEstimate
    ) -> AsyncIterator[Delta]:
        calls = CallCollector()
        is_cut = False
        timeout_s = _FIRST_TOKEN_S
        while True:
            async with asyncio.timeout(timeout_s):
                line = await anext(lines, None)
            if line is None:
                raise ProviderDied("llama.cpp stopped in the middle of an answer.")
            timeout_s = _STALL_S
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            part = json.loads(line.removeprefix("data: "))
            if "error" in part:
                raise self._refused(line.removeprefix("data: ").encode())
            for choice in part["choices"]:
                said = choice["delta"]
                text, thinking = said.get("content") or "", said.get("reasoning_content") or ""
                calls.add(said.get("tool_calls"))
                is_cut = is_cut or choice.get("finish_reason") == "length"
                if text or thinking:
                    yield Delta(text, thinking)
            usage = part.get("usage")
            if usage:
                counted = int(usage["prompt_tokens"])
                check_counted("llama.cpp", counted, prompt)
                # Calls cut short by the answer's end are no calls; the caller sees `is_cut`.
                found = () if is_cut else calls.calls()
                if found:
                    yield Delta(tool_calls=found)
                answered = int(usage["completion_tokens"])
                yield Delta(
                    is_last=True, prompt_tokens=counted, answer_tokens=answered, is_cut=is_cut
                )
                return

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (httpx.TimeoutException, TimeoutError) as error:
            raise ProviderStalled("llama.cpp has stopped answering; I gave up waiting.") from error
        except httpx.HTTPError as error:
            raise ProviderDied("llama.cpp stopped in the middle of an answer.") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadAnswer("llama.cpp sent something that is not its protocol.") from error

    def _refused(self, body: bytes) -> ProviderError:
        try:
            error = json.loads(body)["error"]
            kind, said = str(error.get("type", "")), one_line(str(error.get("message", "")))
        except (ValueError, KeyError, TypeError, AttributeError):
            kind, said = "", one_line(body.decode("utf-8", "replace"))
        if kind == "exceed_context_size_error":
            return ContextOverflow(f"The prompt does not fit {self.model}: {said}.")
        if is_memory_fault(said):
            return OutOfMemory(f"{self.model} does not fit the memory that is free: {said}.")
        return ProviderError(f"llama.cpp refused the request: {said or 'it says no more'}.")


def _there(engine: Engine | None) -> Engine:
    if engine is None:
        raise ModelNotFound("The model was taken out of memory while it was asked.")
    return engine
