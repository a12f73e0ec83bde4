"""A provider of several models, best first: it falls back where one fails, and yields to pressure.

Whatever it does it says. What decides is `mai.providers.pressure`; here are the clock, the models
and the words.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace

from mai.errors import OutOfMemory, ProviderDied, ProviderError, ProviderUnreachable
from mai.protocols import (
    CanLoad,
    ChatRequest,
    Delta,
    KnowsContext,
    ModelInfo,
    Provider,
)
from mai.providers.base import closing
from mai.providers.faults import Remedy, remedy_for
from mai.providers.pressure import Move, Outcome, Reading, State, judge, read
from mai.text import one_line

#: A person reads about five tokens a second; under this they wait.
SLOW_TOKENS_PER_S = 2.0
#: Shorter answers say nothing about speed.
_MEASURED_TOKENS = 16

Say = Callable[[str], object]


class SwitchingProvider:
    """Thinks with the best model that works. `name` and `model` are those in use now."""

    def __init__(
        self,
        providers: Sequence[Provider],
        say: Say,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use `providers`, best first; `say` gets a sentence for every change, in any thread."""
        self._providers = tuple(providers)
        self._say = say
        self._clock = clock
        self._state = State()
        self._answering = 0
        self._lock = threading.Lock()
        self.name = self._providers[0].name
        self.model = self._providers[0].model

    @property
    def rungs(self) -> tuple[Provider, ...]:
        """The models it may think with, best first."""
        return self._providers

    @property
    def is_answering(self) -> bool:
        """Whether a model is at work."""
        return self._answering > 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Answer with the model in use; one that fails before its first word is replaced.

        Raises:
            ProviderError: no model is left, the fault is the prompt's, or the answer broke off in
                the middle, when another's words must not follow.
        """
        before = self._state
        is_second_try = False
        with self._busy():
            while True:
                rung = self._state.rung
                has_begun = False
                try:
                    async with closing(self._timed(rung, request)) as deltas:
                        async for delta in deltas:
                            has_begun = True
                            yield delta
                except ProviderError as error:
                    remedy = remedy_for(error)
                    if remedy is Remedy.STOP:
                        raise
                    if remedy is Remedy.RETRY or has_begun:
                        self._judged(Outcome.FAILED, rung)
                        if has_begun:
                            raise
                        if not is_second_try:
                            is_second_try = True
                            continue
                    if not await self._fell_back(rung, error):
                        # Nobody answers, so none of them is better than where we began.
                        self._settle(replace(before, failures=self._state.failures))
                        raise
                    is_second_try = False
                else:
                    return

    async def models(self) -> Sequence[ModelInfo]:
        """List what the provider in use has. Raises ProviderError as it does."""
        return await self._current.models()

    async def context_length(self) -> int:
        """Return how many tokens the model in use holds, 0 where it cannot say.

        Raises:
            ProviderError: its server failed, and so did every other.
        """
        while True:
            rung = self._state.rung
            current = self._providers[rung]
            if not isinstance(current, KnowsContext):
                return 0
            try:
                return await current.context_length()
            except ProviderError as error:
                if remedy_for(error) is Remedy.STOP or not await self._fell_back(rung, error):
                    raise

    async def close(self) -> None:
        """Let go of every model."""
        for provider in self._providers:
            await provider.close()

    def observe(self, reading: Reading) -> None:
        """Take the machine's load in, and move where it has lasted. Any thread may call it."""
        with self._lock:
            reading = replace(reading, is_answering=reading.is_answering or self._answering > 0)
            state, move = read(self._state, reading, len(self._providers))
            self._take(state)
        if move is not None:
            self._tell(move, move.why)

    @property
    def _current(self) -> Provider:
        return self._providers[self._state.rung]

    @contextlib.contextmanager
    def _busy(self) -> Iterator[None]:
        with self._lock:
            self._answering += 1
        try:
            yield
        finally:
            with self._lock:
                self._answering -= 1

    async def _timed(self, rung: int, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        began: float | None = None
        async with closing(self._providers[rung].stream(request)) as deltas:
            async for delta in deltas:
                now = self._clock()
                began = now if began is None else began
                if delta.is_last:
                    self._judged(_speed(delta.answer_tokens, now - began), rung)
                yield delta

    def _judged(self, outcome: Outcome, rung: int) -> None:
        """Take an outcome in, unless somebody has moved on from `rung` meanwhile."""
        with self._lock:
            if rung != self._state.rung:
                return
            state, move = judge(self._state, outcome, self._clock(), len(self._providers))
            self._take(state)
        if move is not None:
            self._tell(move, move.why)

    async def _fell_back(self, rung: int, error: ProviderError) -> bool:
        """Go on to the next model that may work; false where there is none."""
        if self._state.rung != rung:
            return True  # three failures, or the watch, have moved already
        failed = self._providers[rung]
        is_gone = isinstance(error, ProviderUnreachable) and not isinstance(error, ProviderDied)
        for below in range(rung + 1, len(self._providers)):
            with self._lock:
                state, _ = judge(self._state, Outcome.LOST, self._clock(), len(self._providers))
                self._take(state)
            # A server that is gone takes all of its models along.
            if not is_gone or self._providers[below].name != failed.name:
                self._tell(Move(rung, below, ""), _reason(error))
                break
        else:
            return False
        if isinstance(error, OutOfMemory) and isinstance(failed, CanLoad):
            # What is left of it in memory is what the next one needs.
            with contextlib.suppress(ProviderError):
                await failed.unload()
        return True

    def _settle(self, state: State) -> None:
        with self._lock:
            move = Move(self._state.rung, state.rung, "no other model answers either")
            self._take(state)
        if move.from_rung != move.to_rung:
            self._tell(move, move.why)

    def _take(self, state: State) -> None:
        self._state = state
        self.name, self.model = self._current.name, self._current.model

    def _tell(self, move: Move, why: str) -> None:
        old, new = self._providers[move.from_rung], self._providers[move.to_rung]
        again = " again" if not move.is_down else ""
        self._say(f"I think with {_shown(new)}{again}, not {_shown(old)}: {why.rstrip('.')}.")


def _speed(tokens: int, seconds: float) -> Outcome:
    is_slow = tokens >= _MEASURED_TOKENS and tokens < SLOW_TOKENS_PER_S * seconds
    return Outcome.SLOW if is_slow else Outcome.GOOD


def _shown(provider: Provider) -> str:
    return one_line(provider.model, 60)


def _reason(error: ProviderError) -> str:
    return one_line(error.sentence, 200)
