"""LM Studio through its own SDK.

Three traps are handled here. Without an address the SDK probes ports of its own, so it always gets
one. A model somebody loaded keeps the context it was loaded with, whatever is asked for, so that is
the limit then; what overflows it is an error and never cut. And the SDK's connections belong to one
event loop and do not survive a server that dies, so each request has a client of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any

import lmstudio
from lmstudio.json_api import LMStudioUnknownMessageWarning

from mai.errors import BadAnswer, ModelNotFound, SettingsError
from mai.protocols import ChatRequest, Delta, ModelInfo, Progress
from mai.providers.base import closing
from mai.providers.endpoint import Endpoint, Timeouts
from mai.providers.lmstudio_faults import translated
from mai.providers.lmstudio_pull import Download, downloadable
from mai.providers.lmstudio_wire import (
    chat_of,
    config_of,
    deltas_of,
    model_info,
    response_format_of,
)
from mai.providers.tokens import TokenEstimate, check_fits, estimate_request

DEFAULT_PORT = 1234
_LOGGERS = (
    "AsyncRemoteCall", "AsyncWebsocketHandler", "ChannelHandler", "ChatResponseEndpoint",
    "GetOrLoadEndpoint", "ModelDownloadEndpoint", "RemoteCallHandler", "_AsyncLMStudioWebsocket",
)  # fmt: skip


class LMStudioProvider:
    """One model of one LM Studio."""

    name = "lmstudio"

    def __init__(
        self,
        endpoint: str,
        model: str,
        timeouts: Timeouts | None = None,
        context_limit: int = 0,
    ) -> None:
        """Think with `model` at `endpoint`; nothing is opened yet.

        `context_limit` is the longest context, in tokens, that the machine's memory holds.

        Raises:
            SettingsError: the endpoint is no address, or one the SDK cannot reach.
        """
        self.model = model
        where = Endpoint.parse(endpoint, DEFAULT_PORT)
        if where.scheme != "http":
            raise SettingsError("LM Studio's SDK speaks plain http only; set such an address.")
        self._host = where.url.removeprefix("http://").partition("/")[0]
        self._timeouts = timeouts or Timeouts()
        self._context_limit = context_limit
        _quieten()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece; closing the iterator tells the server to stop and hangs up.

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
                model = await self._ready(client)
                async with asyncio.timeout(self._timeouts.facts_s):
                    limit = await model.get_context_length()
                check_fits(self.model, prompt, request.answer_tokens, max(0, limit))
                prediction = await model.respond_stream(
                    chat_of(request.messages),
                    response_format=response_format_of(request),
                    config=config_of(request),
                )
                found = deltas_of(prediction, prompt, self._timeouts)
                async with closing(found) as deltas:
                    async for delta in deltas:
                        yield delta

    async def models(self) -> Sequence[ModelInfo]:
        """List what was downloaded, with sizes and the longest context of each.

        Raises:
            ProviderError: as for `stream`.
        """
        with self._errors():
            async with asyncio.timeout(self._timeouts.facts_s), self._client() as client:
                loaded = frozenset(
                    [
                        str((await handle.get_info()).model_key)
                        for handle in await client.list_loaded_models()
                    ]
                )
                downloaded = await client.list_downloaded_models()
                return [model_info(model, loaded) for model in downloaded]

    async def context_length(self) -> int:
        """Return how many tokens the model holds as it is loaded, or would be; 0 if unknown.

        Raises:
            ProviderError: as for `stream`.
        """
        with self._errors():
            async with asyncio.timeout(self._timeouts.facts_s), self._client() as client:
                held = await self._loaded(client)
                if held is not None:
                    return max(0, int(await held.get_context_length()))
                return self._wanted_context(await self._downloaded(client))

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector per text; a text that is too long is refused, not cut.

        Raises:
            ProviderError: as for `stream`.
        """
        if not texts:
            return []
        with self._errors():
            async with asyncio.timeout(self._timeouts.first_token_s), self._client() as client:
                model = await client.embedding.model(self.model)
                limit = await model.get_context_length()
                for text in texts:
                    counted = await model.count_tokens(text)
                    check_fits(self.model, TokenEstimate(counted, counted), 0, max(0, limit))
                vectors = await model.embed(list(texts))
        found = [[float(value) for value in vector] for vector in vectors]  # type: ignore[union-attr]  # a list was given, so a list of lists comes
        if len(found) != len(texts) or not all(found):
            raise BadAnswer("LM Studio gave no vector for some of the texts; I use none of them.")
        return found

    async def load(self, context_tokens: int = 0) -> None:
        """Load the model; one held with a shorter context than asked for is loaded anew.

        Raises:
            ProviderError: as for `stream`.
        """
        with self._errors():
            async with asyncio.timeout(self._timeouts.first_token_s), self._client() as client:
                held = await self._loaded(client)
                if held is not None and context_tokens > await held.get_context_length():
                    await held.unload()
                await self._ready(client, context_tokens)

    async def unload(self) -> None:
        """Free the model's memory. Raises ProviderError as for `stream`."""
        with self._errors():
            async with asyncio.timeout(self._timeouts.facts_s), self._client() as client:
                held = await self._loaded(client)
                if held is not None:
                    await held.unload()

    async def pull(self) -> AsyncGenerator[Progress, None]:
        """Have LM Studio download the model; closing the iterator hangs up, which stops it.

        Raises:
            ModelNotFound: its catalogue has no such model.
            ProviderError: as for `stream`.
        """
        with self._errors():
            async with self._client() as client:
                async with asyncio.timeout(self._timeouts.facts_s):
                    option = await downloadable(client, self.model)
                work = Download(option)
                try:
                    while True:
                        async with asyncio.timeout(self._timeouts.stall_s):
                            progress = await work.next()
                        if progress is None:
                            return
                        yield progress
                finally:
                    await work.stop()

    async def close(self) -> None:
        """Nothing stays open between requests."""

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[lmstudio.AsyncClient]:
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(self._timeouts.facts_s):
                client = await stack.enter_async_context(lmstudio.AsyncClient(self._host))
            yield client

    async def _loaded(self, client: lmstudio.AsyncClient) -> Any:
        """Return a handle to the model where it is in memory, else None."""
        for handle in await client.list_loaded_models():
            if handle.identifier == self.model:
                return handle
        for handle in await client.list_loaded_models():
            if (await handle.get_info()).model_key == self.model:
                return handle
        return None

    async def _ready(self, client: lmstudio.AsyncClient, context_tokens: int = 0) -> Any:
        """Return a handle to the model, loaded with a context that fits where it is not yet."""
        async with asyncio.timeout(self._timeouts.first_token_s):
            held = await self._loaded(client)
            if held is not None:
                return held
            downloaded = await self._downloaded(client)
            wanted = context_tokens or self._wanted_context(downloaded)
            if downloaded.type == "embedding":
                return await client.embedding.model(self.model)
            return await client.llm.model(
                self.model, config={"contextLength": wanted} if wanted else None
            )

    async def _downloaded(self, client: lmstudio.AsyncClient) -> Any:
        for model in await client.list_downloaded_models():
            if model.model_key == self.model:
                return model
        raise ModelNotFound(f"LM Studio has no model {self.model}; `lms get` finds one.")

    def _wanted_context(self, downloaded: Any) -> int:
        own = int(downloaded.info.max_context_length or 0)
        return min(own, self._context_limit) if own and self._context_limit else own

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        with translated(self._host, self.model):
            yield


class _Silent(logging.Filter):
    """Keeps the SDK's log off the screen; what matters of it arrives as an error."""

    def filter(
        self,
        record: logging.LogRecord,  # noqa: ARG002 - nothing passes, whatever it is
    ) -> bool:
        return False


def _quieten() -> None:
    # Its loggers are named after its classes, and warnings would reach the terminal by themselves.
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(found, _Silent) for found in logger.filters):
            logger.addFilter(_Silent())
    # A newer server says things this SDK does not know, which is no news to a person.
    warnings.filterwarnings("ignore", category=LMStudioUnknownMessageWarning)
