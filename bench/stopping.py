"""How long llama.cpp goes on after a stop: in the middle of an answer and of reading a prompt.

The engine is the real one, the model the random one of the tests. A stop comes from another thread,
as a person's does, at a random moment. Run with `python -m bench.stopping [times]`; it ends with
exit code 1 where a median is over 200 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from mai.errors import Cancelled
from mai.events import Cancel
from mai.protocols import ChatRequest, Message
from mai.providers.base import ask
from mai.providers.gguf import GgufProvider
from tests.servers.tiny_gguf import write_tiny_gguf

CONTEXT = 32_768
PROMPT_CHARACTERS = 25_000
PROMISED_MS = 200

Slot = dict[str, Any]


def stopped(
    provider: GgufProvider, slot: Callable[[], Slot], request: ChatRequest, after: int
) -> tuple[float, float]:
    """Return milliseconds until the caller is free, and until the engine is.

    The stop comes once `after` tokens were read or written.
    """
    cancel, returned_s = Cancel(), [0.0]

    def work() -> None:
        with contextlib.suppress(Cancelled):
            ask(provider, request, cancel)
        returned_s[0] = time.perf_counter()

    worker = threading.Thread(target=work)
    worker.start()
    while worker.is_alive() and _done(slot()) < after:
        time.sleep(0.001)
    started_s = time.perf_counter()
    cancel.set()
    while slot()["is_processing"]:
        pass
    idle_s = time.perf_counter()
    worker.join()
    return 1000 * (returned_s[0] - started_s), 1000 * (idle_s - started_s)


def _done(slot: Slot) -> int:
    """Return how much of its request the engine has read and written."""
    if not slot["is_processing"]:
        return 0
    written = sum(int(one["n_decoded"]) for one in slot.get("next_token", ()))
    return int(slot.get("n_prompt_tokens_processed") or 0) + written


def main() -> int:
    """Stop, time, tell."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    dice = random.Random(5)  # noqa: S311 - a benchmark must be repeatable
    worst_median_ms = 0.0
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_gguf(Path(folder) / "tiny.gguf", context_length=CONTEXT)
        provider = GgufProvider(Path(folder), "tiny")
        asyncio.run(provider.load())
        engine = provider._engine  # noqa: SLF001 - a provider does not tell how busy its engine is
        assert engine is not None
        key = {"Authorization": f"Bearer {engine.key}"}
        with httpx.Client(base_url=engine.url, headers=key, trust_env=False) as client:

            def slot() -> Slot:
                return dict(client.get("/slots").json()[0])

            for name in ("answer", "prompt"):
                took = []
                for _ in range(times):
                    # Other words each time: what is cached would not be read again.
                    word = f"{dice.random()} "
                    text = word * (PROMPT_CHARACTERS // len(word)) if name == "prompt" else word
                    room = 16 if name == "prompt" else CONTEXT - 1_000
                    request = ChatRequest((Message("user", text),), None, room, 0.0)
                    after = dice.randrange(100, 15_000 if name == "prompt" else 500)
                    took.append(stopped(provider, slot, request, after))
                for what, found in zip(("caller", "engine"), zip(*took, strict=True), strict=True):
                    median_ms = statistics.median(found)
                    worst_median_ms = max(worst_median_ms, median_ms)
                    print(
                        f"in the middle of the {name}, {times} times: {what} free after "
                        f"{median_ms:.0f} ms, at worst {max(found):.0f} ms"
                    )
        asyncio.run(provider.close())
    return 1 if worst_median_ms > PROMISED_MS else 0


if __name__ == "__main__":
    sys.exit(main())
