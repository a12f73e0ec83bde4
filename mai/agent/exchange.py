"""Answers and looks in turn, until an answer is no call of a tool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace

from mai.agent.tools import Found, Toolbox
from mai.agent.written_calls import call_schema, calls_in, looks_like_call, may_be_call
from mai.errors import ContextOverflow, ProviderError
from mai.protocols import ChatRequest, Delta, Message, Provider, ToolCall
from mai.providers.base import check_ends, closing
from mai.providers.thinking import without_thinking
from mai.providers.tokens import estimate_request
from mai.text import from_model

#: A question that takes more looks than this is a task.
MOST_CALLS = 8
_LOOKS = 16
_CALL_CHARACTERS = 1_000
_DROPPED = "(What this found was dropped to make room.)"

Tell = Callable[[str], None]


def _length(delta: Delta) -> int:
    """Return how much of an answer's room a piece takes; a call is worth a paragraph."""
    return len(delta.text) + len(delta.thinking) + _CALL_CHARACTERS * len(delta.tool_calls)


class _Held:
    """An answer as it arrives: a written call is not for the person, so what may be one waits."""

    def __init__(self) -> None:
        self.is_shown = False
        self._pieces: list[str] = []
        self._length = 0
        self._next_look = 0

    @property
    def whole(self) -> str:
        """All that has arrived."""
        return "".join(self._pieces)

    def add(self, text: str) -> str:
        """Take a piece in, and return what may be shown now."""
        if not text:
            return ""
        self._pieces.append(text)
        self._length += len(text)
        if self.is_shown:
            return text
        if self._length < self._next_look:
            return ""
        whole = self.whole
        # Looking at all of it for every piece would take the square of its length.
        self._next_look = self._length + self._length // _LOOKS
        self.is_shown = not may_be_call(without_thinking(whole))
        return whole if self.is_shown else ""


class Exchange:
    """One question and everything that is looked up for it. `tell` hears each look."""

    def __init__(
        self, provider: Provider, toolbox: Toolbox, context: int, *, is_native: bool, tell: Tell
    ) -> None:
        self._provider = provider
        self._toolbox = toolbox
        self._context = context
        self._is_native = is_native
        self._tell = tell
        self._seen: set[str] = set()
        self._has_repeated = False
        self._asked = 0

    async def run(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Yield the last answer piece by piece; calls and what they find stay inside."""
        self._asked = len(request.messages)
        for turn in range(MOST_CALLS + 1):
            is_last = turn == MOST_CALLS or self._has_repeated
            if is_last:
                request = _without_tools(request)
            held = _Held()
            calls: list[ToolCall] = []
            last = Delta(is_last=True)
            length = 0
            async with closing(self._provider.stream(request)) as deltas:
                async for delta in deltas:
                    length += _length(delta)
                    check_ends(length)
                    calls += delta.tool_calls
                    last = delta if delta.is_last else last
                    if delta.thinking:
                        yield Delta(thinking=delta.thinking)
                    if fit_to_show := held.add(delta.text):
                        yield Delta(fit_to_show)
            answer = from_model(without_thinking(held.whole))
            is_written = not calls and not held.is_shown
            if is_written:
                calls = await self._written(request, answer)
            if is_last and calls and (is_written or not answer.strip()):
                raise ProviderError(
                    f"{self._provider.model} looks again and again and gives no answer; ask for "
                    "less, or name the file with @."
                )
            if not calls or is_last:
                if not held.is_shown:
                    yield Delta(held.whole)
                yield last
                return
            request = await self._looked(request, answer, calls, is_written=is_written)

    async def _written(self, request: ChatRequest, answer: str) -> list[ToolCall]:
        """Return the calls that an answer is; broken ones are asked for again by schema."""
        known = [tool.name for tool in self._toolbox.tools]
        if calls := calls_in(answer, known):
            return calls
        if not looks_like_call(answer, known):
            return []
        schema = call_schema(self._toolbox.tools)
        again = Message("user", "That call cannot be read. Write the JSON object again.")
        messages = (*request.messages, Message("assistant", answer), again)
        wanted = replace(request, messages=messages, schema=schema)
        pieces: list[str] = []
        length = 0
        async with closing(self._provider.stream(wanted)) as deltas:
            async for delta in deltas:
                pieces.append(delta.text)
                length += _length(delta)
                check_ends(length)
        return calls_in(from_model(without_thinking("".join(pieces))), known)

    async def _looked(
        self, request: ChatRequest, answer: str, calls: Sequence[ToolCall], *, is_written: bool
    ) -> ChatRequest:
        """Carry the calls out and return the request that goes on from what they found.

        What was written as text is answered as text, whatever the model is said to do natively.
        """
        is_native = self._is_native and not is_written
        said = Message("assistant", answer, tuple(calls) if is_native else ())
        messages = [*request.messages, said]
        for call in calls[:MOST_CALLS]:
            what = f"{call.name} {sorted(call.arguments.items(), key=str)}"
            self._has_repeated = self._has_repeated or what in self._seen
            self._seen.add(what)
            found: Found = await asyncio.to_thread(self._toolbox.run, call)
            self._tell(f"I look: {found.summary}")
            if is_native:
                messages.append(
                    Message("tool", found.text, tool_name=call.name, call_id=call.call_id)
                )
            else:
                messages.append(Message("user", found.text))
        return self._fitted(replace(request, messages=tuple(messages)))

    def _fitted(self, request: ChatRequest) -> ChatRequest:
        """Drop what earlier looks found, oldest first, until the request fits the context."""
        if not self._context:
            return request
        messages = list(request.messages)
        room = self._context - request.answer_tokens
        for at, message in enumerate(messages):
            if estimate_request(replace(request, messages=tuple(messages))).most <= room:
                return replace(request, messages=tuple(messages))
            is_found = at >= self._asked and message.role in {"tool", "user"}
            if is_found and at < len(messages) - 1:
                messages[at] = replace(message, content=_DROPPED)
        fitted = replace(request, messages=tuple(messages))
        if estimate_request(fitted).most > room:
            raise ContextOverflow(
                f"What I looked up does not fit the {self._context} tokens of "
                f"{self._provider.model}; ask about less at once."
            )
        return fitted


def _without_tools(request: ChatRequest) -> ChatRequest:
    """Return the request with the tools taken away, and the wish for an answer."""
    wish = Message("user", "You have looked enough. Answer now, in words, from what was found.")
    return replace(request, tools=(), messages=(*request.messages, wish))
