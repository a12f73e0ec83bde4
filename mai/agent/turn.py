"""One turn of the conversation: what was said, what it is about, and the answer as it arrives.

A model may look things up on the way. One that calls tools natively is offered them; any other
may write a call as its whole answer, which is held back while it looks like one and is asked for
again by schema where it cannot be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from mai.agent.asking import file_label
from mai.agent.exchange import Exchange, Tell
from mai.agent.mentions import mentioned
from mai.agent.passages import passages
from mai.agent.tools import MOST_CHARACTERS, Toolbox, described
from mai.errors import ContextOverflow, ProviderError
from mai.prompting.repomap import repo_map
from mai.protocols import ChatRequest, Delta, KnowsContext, Message, Provider, Snapshot
from mai.providers.base import closing, is_smaller
from mai.providers.pace import UNKNOWN, Pace, is_named
from mai.providers.tokens import estimate_request
from mai.templating.blocks import fenced, trusted
from mai.templating.budget import Part
from mai.templating.templates import load
from mai.text import one_line

MAP_TOKENS = 800
_CHARACTERS_PER_TOKEN = 2
_LEAST_CHARACTERS = 600
#: Asking a server about every model it has takes a while, and the answer stays the same.
_NATIVE: WeakKeyDictionary[Provider, dict[str, bool]] = WeakKeyDictionary()
_BRIEF_HISTORY = 2


async def turn(
    provider: Provider,
    snapshot: Snapshot,
    history: Sequence[Message],
    text: str,
    *,
    toolbox: Toolbox | None = None,
    memories: Sequence[str] = (),
    pace: Pace = UNKNOWN,
    tell: Tell = lambda _text: None,
) -> AsyncGenerator[Delta, None]:
    """Yield the answer to `text`, with the files it mentions and a map of the repo in view.

    `history` holds the earlier messages of person and model, oldest first; what does not fit is
    dropped from its start. A model that reads slowly, by `pace`, is given little. `tell` hears what
    is looked up. Closing the iterator stops the model.

    Where a smaller model takes over before the first word, the prompt is fitted to that one.

    Raises:
        ProviderError: the model or its server failed, goes round in circles, or the text alone
            does not fit.
    """
    has_begun = False
    question = _Question(
        snapshot, history, text, await _context(provider), toolbox, memories, pace=pace
    )
    while True:
        try:
            async with closing(_answered(provider, question, tell)) as deltas:
                async for delta in deltas:
                    has_begun = has_begun or bool(delta.text)
                    yield delta
        except ContextOverflow:
            now = await _context(provider)
            if has_begun or not is_smaller(now, question.context):
                raise
            question = replace(question, context=now)
        else:
            return


async def _context(provider: Provider) -> int:
    return await provider.context_length() if isinstance(provider, KnowsContext) else 0


async def _answered(
    provider: Provider, question: _Question, tell: Tell
) -> AsyncGenerator[Delta, None]:
    toolbox, context = question.toolbox, question.context
    if toolbox is not None and context:
        # A quarter of the context for what one look finds leaves room for the answer.
        room = max(_LEAST_CHARACTERS, context // 4 * _CHARACTERS_PER_TOKEN)
        toolbox = toolbox.with_room(min(room, MOST_CHARACTERS))
    # Looking takes a prompt of its own each time, and a small model asks for what is not there: it
    # is offered no tools. A call that it writes all the same is carried out.
    is_native = (
        toolbox is not None and not question.pace.is_slow and await _calls_natively(provider)
    )
    question = replace(question, toolbox=toolbox, is_native=is_native)
    # Reading a commit takes git and time; the screen must not wait for it.
    request = await asyncio.to_thread(question.request)
    if toolbox is None:
        async with closing(provider.stream(request)) as deltas:
            async for delta in deltas:
                yield delta
        return
    exchange = Exchange(provider, toolbox, context, is_native=is_native, tell=tell)
    async with closing(exchange.run(request)) as deltas:
        async for delta in deltas:
            yield delta


@dataclass(frozen=True, slots=True)
class _Question:
    snapshot: Snapshot
    history: Sequence[Message]
    text: str
    context: int
    toolbox: Toolbox | None
    memories: Sequence[str]
    is_native: bool = False
    pace: Pace = UNKNOWN

    def request(self) -> ChatRequest:
        """Fill the prompt in with what fits, and for a slow model with what it reads in time."""
        return self._brief() if self.pace.is_slow else self._whole()

    def _brief(self) -> ChatRequest:
        room = self.pace.room_tokens
        parts = [
            Part(file_label(path), content, importance=0)
            for path, content in mentioned(self.text, self.snapshot)
        ]
        parts += passages(self.snapshot, self.text, room) if not parts else []
        return load("brief").request(
            parts,
            history=self.history[-_BRIEF_HISTORY:],
            context_tokens=self.context,
            text=fenced("the person says", self.text),
        )

    def _whole(self) -> ChatRequest:
        parts = [
            Part(file_label(path), content, importance=1 + rank)
            for rank, (path, content) in enumerate(mentioned(self.text, self.snapshot))
        ]
        if self.memories:
            lines = "\n".join(f"- {one_line(memory, 300)}" for memory in self.memories)
            label = "what you remember of earlier work here"
            parts.append(Part(label, lines, importance=len(parts) + 1))
        overview = repo_map(self.snapshot, self.text, MAP_TOKENS)
        if overview:
            parts.append(Part("a map of the repository", overview, importance=len(parts) + 1))
        tools = self.toolbox.tools if self.toolbox else ()
        offered = tools if self.is_native else ()
        bare = ChatRequest((), tools=offered)
        request = load("chat").request(
            parts,
            history=self.history,
            # What offering tools costs is not in the messages.
            context_tokens=self.context - estimate_request(bare).most if self.context else 0,
            text=fenced("the person says", self.text),
            tools=len(tools),
            written=int(not self.is_native),
            tool_list=trusted(described(tools)),
        )
        return replace(request, tools=offered)


async def _calls_natively(provider: Provider) -> bool:
    """Whether the model calls tools by itself, as its server says."""
    known = _NATIVE.setdefault(provider, {})
    if provider.model not in known:
        try:
            models = await provider.models()
        except ProviderError:
            return False  # the answer itself will say what is wrong with the server
        known[provider.model] = any(
            "tools" in one.capabilities for one in models if is_named(one.name, provider.model)
        )
    return known[provider.model]
