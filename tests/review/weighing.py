"""A model that is asked yes or no, and answers as a rule of the test's says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence

from mai.protocols import ChatRequest, Delta, ModelInfo

#: From the code before and after, how suspect the change is.
Rule = Callable[[str, str], float]

_BLOCK = re.compile(r"^the (old|new) code\n(`{3,})\n(.*?)\n\2$", re.DOTALL | re.MULTILINE)


class WeighingModel:
    """Gives the log-odds of `rule`; `reason` is what it writes when it is asked for words."""

    name = "gguf"
    model = "tiny-coder"

    def __init__(self, rule: Rule, reason: str = "It is wrong.", content: str = "c1") -> None:
        self.requests: list[ChatRequest] = []
        self._rule = rule
        self._reason = reason
        self._content = content

    async def weigh(self, request: ChatRequest, words: Sequence[str]) -> Sequence[float] | None:
        """Weigh the words so that their difference is what the rule says."""
        assert len(words) == 2
        self.requests.append(request)
        await asyncio.sleep(0)
        return self._rule(*codes(request)), 0.0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Say the reason."""
        self.requests.append(request)
        await asyncio.sleep(0)
        yield Delta(self._reason)
        yield Delta(is_last=True)

    async def models(self) -> Sequence[ModelInfo]:
        """List itself."""
        return (ModelInfo(self.model, self.name, 1_000, content_hash=self._content),)

    async def close(self) -> None:
        """Nothing is open."""


def codes(request: ChatRequest) -> tuple[str, str]:
    """Return the code before and after that a request shows."""
    found = {name: code for name, _, code in _BLOCK.findall(request.messages[-1].content)}
    return found["old"], found["new"]
