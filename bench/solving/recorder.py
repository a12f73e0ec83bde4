"""Every question to a model and its answer, with what they cost, kept in a file as they come."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mai.protocols import ChatRequest, Delta
from mai.providers.gguf import GgufProvider


@dataclass(slots=True)
class Exchange:
    """One question and its answer. `first_s` is when its first words came, `seconds` its end."""

    task: str
    side: str
    stage: str
    messages: list[dict[str, str]]
    temperature: float | None
    schema: bool
    answer: str = ""
    read: int = 0
    written: int = 0
    first_s: float = 0.0
    seconds: float = 0.0
    is_cut: bool = False


@dataclass(slots=True)
class Recorder:
    """Appends exchanges to `path`. The three labels say what the next ones are about."""

    path: Path
    task: str = ""
    side: str = ""
    stage: str = ""
    taken: list[Exchange] = field(default_factory=list)
    first_words_s: float | None = None
    _since_s: float = field(default_factory=time.monotonic)

    def about(self, task: str, side: str) -> None:
        """Label what comes next, forget what came before and start the clock anew."""
        self.task, self.side, self.stage, self.taken = task, side, "", []
        self.first_words_s, self._since_s = None, time.monotonic()

    def add(self, exchange: Exchange) -> None:
        """Keep one exchange."""
        self.taken.append(exchange)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(exchange), ensure_ascii=False) + "\n")

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Record whatever any GGUF model of this process is asked, until the end of the block.

        The provider that Mai itself opens is what is recorded, so nothing of it is replaced.
        """
        stream = GgufProvider.stream

        async def recorded(
            provider: GgufProvider, request: ChatRequest
        ) -> AsyncGenerator[Delta, None]:
            exchange = Exchange(
                self.task,
                self.side,
                self.stage,
                [{"role": one.role, "content": one.content} for one in request.messages],
                request.temperature,
                request.schema is not None,
            )
            started_s = time.monotonic()
            try:
                async with contextlib.aclosing(stream(provider, request)) as deltas:
                    async for delta in deltas:
                        if delta.text and not exchange.first_s:
                            exchange.first_s = time.monotonic() - started_s
                            if self.first_words_s is None:
                                self.first_words_s = time.monotonic() - self._since_s
                        exchange.answer += delta.text
                        if delta.is_last:
                            exchange.read = delta.prompt_tokens
                            exchange.written = delta.answer_tokens
                            exchange.is_cut = delta.is_cut
                        yield delta
            finally:
                exchange.seconds = time.monotonic() - started_s
                self.add(exchange)

        GgufProvider.stream = recorded  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            GgufProvider.stream = stream  # type: ignore[method-assign]
