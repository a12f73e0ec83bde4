"""Asking a provider from code that is not async, and getting an answer of a given shape."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mai.errors import Cancelled, ContextOverflow, ProviderError
from mai.events import Cancel
from mai.protocols import (
    CanExpect,
    CanWeigh,
    ChatRequest,
    Delta,
    Expectation,
    KnowsContext,
    Message,
    Provider,
)
from mai.providers.faults import Remedy, remedy_for
from mai.providers.thinking import without_thinking
from mai.text import from_model, one_line

#: A model that loops must not fill the memory: no answer to a prompt of ours is this long.
MAX_ANSWER_CHARACTERS = 400_000
#: The same answer this often is a loop, whatever is left of the rounds.
SAME_ANSWERS = 3

_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)

Answer = TypeVar("Answer", bound=BaseModel)
Item = TypeVar("Item")
Made = TypeVar("Made")


def context_tokens(provider: Provider) -> int:
    """Return how many tokens the provider's model holds, 0 where it cannot say.

    Raises:
        ProviderError: its server failed.
    """
    if not isinstance(provider, KnowsContext):
        return 0
    with asyncio.Runner() as runner:
        return runner.run(provider.context_length())


def refitted(provider: Provider, work: Callable[[int], Made]) -> Made:
    """Return what `work` makes, given how many tokens the model in use holds (0: not known).

    Where a smaller model takes over while it works, what was fitted to the larger one does not fit
    any more, and `work` is done again from its beginning.

    Raises:
        ContextOverflow: it does not fit the model that was there from the beginning to the end.
        ProviderError: as `work` raises it, or the model's server failed.
    """
    context = context_tokens(provider)
    while True:
        try:
            return work(context)
        except ContextOverflow:
            now = context_tokens(provider)
            if not is_smaller(now, context):
                raise
            context = now


def is_smaller(now: int, before: int) -> bool:
    """Whether a context has shrunk to a size that is known."""
    return 0 < now < before or bool(now and not before)


def ask(provider: Provider, request: ChatRequest, cancel: Cancel) -> str:
    """Return the whole answer, without what the model thought aloud first.

    Blocks the calling thread, which must have no event loop of its own; `cancel` ends the wait
    at once and closes the connection, so that the server stops computing. Where a second try may
    help, it is made once: half an answer is thrown away.

    Raises:
        ProviderError: the model or its server failed, or the answer has no end.
        Cancelled: somebody asked to stop.
    """
    if cancel.is_set:
        raise Cancelled("Stopped before the model was asked.")
    try:
        return _ask_once(provider, request, cancel)
    except ProviderError as error:
        if remedy_for(error) is not Remedy.RETRY or cancel.is_set:
            raise
    return _ask_once(provider, request, cancel)


def ask_json(
    provider: Provider,
    request: ChatRequest,
    model: type[Answer],
    cancel: Cancel,
    rounds: int = 3,
) -> Answer:
    """Return the answer as a `model`, asking again with what was wrong, `rounds` times at most.

    `request.schema` is used where it is set, else the schema of `model`. Grammars do not enforce
    everything a schema says, so the answer is validated whoever constrained it.

    Raises:
        ProviderError: no answer fits, or the model repeats itself.
        Cancelled: somebody asked to stop.
    """
    schema = request.schema or model.model_json_schema()
    messages = request.messages
    seen: Counter[str] = Counter()
    fault = "it was asked no question"
    for _ in range(rounds):
        asked = ChatRequest(messages, schema, request.answer_tokens, request.temperature)
        try:
            answer = ask(provider, asked, cancel)
        except ContextOverflow:
            if messages is request.messages:
                raise
            # The prompt fills the context, so there is no room to say what was wrong with the
            # last answer; asked the same again, a model often answers better.
            answer = ask(provider, replace(asked, messages=request.messages), cancel)
        try:
            return model.model_validate(parse_json(answer))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            fault = f"{'.'.join(str(part) for part in first['loc']) or 'it'}: {first['msg']}"
        except ValueError as error:
            fault = str(error)
        fault = one_line(fault)
        seen[answer] += 1
        if seen[answer] >= SAME_ANSWERS:
            break
        again = f"That answer does not fit: {fault}. Answer again with one JSON object only."
        messages = (*request.messages, Message("assistant", answer), Message("user", again))
    tries = sum(seen.values())
    raise ProviderError(f"{provider.model} gave no usable answer in {tries} tries; {fault}.")


def parse_json(text: str) -> Any:
    """Read the JSON value in `text`, which may stand in a fence or among words.

    Raises:
        ValueError: there is none.
    """
    candidates = [text.strip(), *(found.strip() for found in _FENCED.findall(text))]
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        candidates.append(text[start : end + 1])
    fault = "it is empty"
    for candidate in filter(None, candidates):
        try:
            # Not strict: constrained decoding still lets raw control characters into strings.
            return json.loads(candidate, strict=False)
        except RecursionError:
            fault = "it is nested too deeply"
        except ValueError as error:
            fault = f"it is not JSON ({error})"
    raise ValueError(fault)


@contextlib.asynccontextmanager
async def closing(stream: AsyncIterator[Item]) -> AsyncIterator[AsyncIterator[Item]]:
    """Close `stream` on the way out, however that is: closing is what stops the server."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def left_alone(work: Callable[[], object]) -> None:
    """Do `work` in a thread of its own that nobody waits for once this wait is cancelled.

    `asyncio.to_thread` would hold the loop's end up until the thread is through, and loading a
    model takes as long as it takes. Raises what `work` does.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except BaseException as raised:  # noqa: BLE001 - handed on to whoever waits
            error = raised
        # The loop may be gone, and then nobody asks how it went.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=run, name="mai-load", daemon=True).start()
    await done


def _ask_once(provider: Provider, request: ChatRequest, cancel: Cancel) -> str:
    with asyncio.Runner() as runner:
        return from_model(without_thinking(runner.run(_answer(provider, request, cancel))))


def weigh(
    provider: Provider, request: ChatRequest, words: Sequence[str], cancel: Cancel
) -> Sequence[float] | None:
    """Return how likely each of `words` begins the answer, None where the provider cannot say.

    Raises:
        ProviderError: the model or its server failed.
        Cancelled: somebody asked to stop.
    """
    if not isinstance(provider, CanWeigh):
        return None
    if cancel.is_set:
        raise Cancelled("Stopped before the model was asked.")
    with asyncio.Runner() as runner:
        return runner.run(_stoppable(provider.weigh(request, words), cancel))


def expect(
    provider: Provider,
    request: ChatRequest,
    answer: str,
    spans: Sequence[tuple[int, int]],
    cancel: Cancel,
) -> Sequence[Expectation] | None:
    """Return what the model expected in `spans` of `answer`, None where the provider cannot say.

    Raises:
        ProviderError: the model or its server failed.
        Cancelled: somebody asked to stop.
    """
    if not isinstance(provider, CanExpect):
        return None
    if cancel.is_set:
        raise Cancelled("Stopped before the model was asked.")
    with asyncio.Runner() as runner:
        return runner.run(_stoppable(provider.expect(request, answer, spans), cancel))


async def _answer(provider: Provider, request: ChatRequest, cancel: Cancel) -> str:
    return await _stoppable(_read(provider.stream(request)), cancel)


async def _stoppable(asked: Coroutine[Any, Any, Made], cancel: Cancel) -> Made:
    work = asyncio.create_task(asked)
    release = _cancel_with(work, cancel)
    try:
        return await work
    except asyncio.CancelledError as stopped:
        if not cancel.is_set:
            raise
        raise Cancelled("Stopped while the model was answering.") from stopped
    finally:
        release()


async def _read(stream: AsyncIterator[Delta]) -> str:
    pieces: list[str] = []
    length = 0
    async with closing(stream) as deltas:
        async for delta in deltas:
            pieces.append(delta.text)
            length += len(delta.text) + len(delta.thinking)
            check_ends(length)
    return "".join(pieces)


def check_ends(length: int) -> None:
    """Stop a model that goes on and on, whether it answers or thinks.

    Raises:
        ProviderError: `length` characters are more than any answer has.
    """
    if length > MAX_ANSWER_CHARACTERS:
        raise ProviderError(
            f"The answer had no end; I stopped after {MAX_ANSWER_CHARACTERS} characters."
        )


def _cancel_with(task: asyncio.Task[Any], cancel: Cancel) -> Callable[[], None]:
    """Cancel `task` from whichever thread `cancel` is set in; the result lets go of the task."""
    # `Cancel` keeps its callbacks for as long as it lives, and the loop is gone long before.
    holder = [task]
    loop = task.get_loop()

    def stop() -> None:
        # The loop may close between the look and the call; then there is nothing left to stop.
        with contextlib.suppress(RuntimeError):
            for waiting in tuple(holder):
                loop.call_soon_threadsafe(waiting.cancel)

    cancel.on_set(stop)
    return holder.clear
