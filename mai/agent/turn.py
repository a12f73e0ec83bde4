"""One turn of the conversation: what was said, what it is about, and the answer as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from mai.agent.mentions import mentioned
from mai.prompting.blocks import fenced
from mai.prompting.budget import Part
from mai.prompting.repomap import repo_map
from mai.prompting.templates import load
from mai.protocols import ChatRequest, Delta, Message, Provider, Snapshot
from mai.providers.base import KnowsContext, closing

MAP_TOKENS = 800


async def turn(
    provider: Provider,
    snapshot: Snapshot,
    history: Sequence[Message],
    text: str,
) -> AsyncGenerator[Delta, None]:
    """Yield the answer to `text`, with the files it mentions and a map of the repo in view.

    `history` holds the earlier messages of person and model, oldest first; what does not fit is
    dropped from its start. Closing the iterator stops the model.

    Raises:
        ProviderError: the model or its server failed, or the text alone does not fit.
    """
    # Reading a commit takes git and time; the screen must not wait for it.
    context = await provider.context_length() if isinstance(provider, KnowsContext) else 0
    request = await asyncio.to_thread(_request, snapshot, history, text, context)
    async with closing(provider.stream(request)) as deltas:
        async for delta in deltas:
            yield delta


def _request(
    snapshot: Snapshot, history: Sequence[Message], text: str, context: int
) -> ChatRequest:
    parts = [
        Part(path, content, importance=1 + rank)
        for rank, (path, content) in enumerate(mentioned(text, snapshot))
    ]
    overview = repo_map(snapshot, text, MAP_TOKENS)
    if overview:
        parts.append(Part("a map of the repository", overview, importance=len(parts) + 1))
    said = fenced("the person says", text)
    return load("chat").request(parts, history=history, context_tokens=context, text=said)
