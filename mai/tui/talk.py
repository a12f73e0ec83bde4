"""The conversation without a screen: what was said, and the next answer piece by piece."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from mai.errors import Cancelled
from mai.events import Cancel, Said
from mai.protocols import Delta, Message

if TYPE_CHECKING:
    from mai.core import Core

STILL_NO_MODEL = "Still no model here; `/improve` works without one, `/model` says more."


class Talk:
    """One conversation. Not for several threads at once."""

    def __init__(self) -> None:
        self.history: list[Message] = []
        self._has_excused_itself = False

    def reply(self, core: Core, text: str, cancel: Cancel) -> Iterator[Delta]:
        """Yield the answer to `text` and remember both once the answer is whole.

        Blocks the calling thread, which must have no event loop of its own.

        Raises:
            ProviderError: the model or its server failed.
            Cancelled: `cancel` was set; the half answer is not remembered.
        """
        provider = core.provider()
        if provider.name == "reflex":
            # Nothing is read for an answer that is always the same, however long the question.
            from mai.providers.reflex import NO_MODEL

            yield Delta(STILL_NO_MODEL if self._has_excused_itself else NO_MODEL)
            yield Delta(is_last=True)
            self._has_excused_itself = True
            return
        self._has_excused_itself = False
        pieces: list[str] = []
        from mai.agent.turn import turn
        from mai.providers.pace import expected_pace
        from mai.providers.thinking import without_thinking

        snapshot = core.repo.snapshot(core.repo.tip(core.repo.branch()))
        answering = turn(
            provider,
            snapshot,
            tuple(self.history),
            text,
            toolbox=core.mind.toolbox(cancel),
            memories=core.mind.recall(text),
            pace=asyncio.run(expected_pace(provider, core.settings.cpu_cores_available)),
            tell=lambda told: core.events.publish(Said(told)),
        )
        for delta in _stepped(answering, cancel):
            pieces.append(delta.text)
            yield delta
        answer = without_thinking("".join(pieces))
        self.history += [Message("user", text), Message("assistant", answer)]
        core.mind.talked(text, answer)


def _stepped(stream: AsyncIterator[Delta], cancel: Cancel) -> Iterator[Delta]:
    """Drive `stream` from a thread without a loop; `cancel` ends the wait for the next piece."""
    with asyncio.Runner() as runner:
        waiting: list[asyncio.Task[Delta | None]] = []
        loop = runner.get_loop()

        async def next_piece() -> Delta | None:
            task = asyncio.ensure_future(_next(stream))
            waiting.append(task)
            try:
                return await task
            finally:
                waiting.remove(task)

        def stop() -> None:
            # The loop may be closed by the time somebody asks; there is nothing to stop then.
            with contextlib.suppress(RuntimeError):
                for task in tuple(waiting):
                    loop.call_soon_threadsafe(task.cancel)

        cancel.on_set(stop)
        try:
            while not cancel.is_set:
                try:
                    delta = runner.run(next_piece())
                except asyncio.CancelledError:
                    break
                if delta is None:
                    return
                yield delta
            raise Cancelled("Stopped while the model was answering.")
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                runner.run(close())


async def _next(stream: AsyncIterator[Delta]) -> Delta | None:
    return await anext(stream, None)
