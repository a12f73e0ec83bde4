"""The three places that models live in, behind one face, for tests that hold for all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mai.protocols import ChatRequest, Delta, Message, Provider
from mai.providers.endpoint import Timeouts
from mai.providers.gguf import GgufProvider
from mai.providers.lmstudio import LMStudioProvider
from mai.providers.ollama import OllamaProvider
from tests.servers import lmstudio, ollama
from tests.servers.tiny_gguf import write_tiny_gguf

SERVERS = ("ollama", "lmstudio")
CONTEXT = 4096
TIMEOUTS = Timeouts(stall_s=20, facts_s=20, first_token_s=20)
HELLO = ChatRequest((Message("system", "Be terse."), Message("user", "Say hello.")), None, 64)


@dataclass(slots=True)
class Backend:
    """One provider with its server; `server` is None where the engine is real."""

    provider: Any
    server: Any = None

    def another(self, model: str, port: int | None = None) -> Any:
        """Return a provider for another model, or reached through another port."""
        if isinstance(self.provider, GgufProvider):
            return GgufProvider(self.provider._folder, model)
        where = f"http://127.0.0.1:{port or self.server.port}"
        return type(self.provider)(where, model, TIMEOUTS)

    def says(self, text: str, **more: Any) -> None:
        """Have the server say this next; a real engine says what it likes."""
        if self.server is not None:
            kind = ollama if isinstance(self.provider, OllamaProvider) else lmstudio
            fault = more.pop("fault", None)
            answer = kind.Answer(text, fault=kind.Fault(fault) if fault else None, **more)
            self.server.answers(answer)


@contextlib.contextmanager
def opened(name: str, folder: Path) -> Iterator[Backend]:
    """Start the backend `name` with a model `tiny` that holds 4,096 tokens."""
    if name == "ollama":
        can = ("completion", "tools")
        with ollama.OllamaServer(
            ollama.ServedModel("tiny:latest", CONTEXT, can),
            ollama.ServedModel("embedder:latest", 512, ("embedding",)),
        ) as server:
            yield Backend(OllamaProvider(server.url, "tiny:latest", TIMEOUTS), server)
    elif name == "lmstudio":
        with lmstudio.LMStudioServer(
            lmstudio.ServedModel("tiny", CONTEXT, has_tools=True),
            lmstudio.ServedModel("embedder", 512, "embedding"),
        ) as studio:
            yield Backend(LMStudioProvider(studio.url, "tiny", TIMEOUTS), studio)
    else:
        write_tiny_gguf(folder / "tiny.gguf", context_length=CONTEXT)
        yield Backend(GgufProvider(folder, "tiny"))


async def deltas_of(provider: Provider, request: ChatRequest) -> list[Delta]:
    """Return everything a request brings."""
    return [delta async for delta in provider.stream(request)]
