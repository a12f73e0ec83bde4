"""Every fault of a server is one clear sentence, and what is done about it is known."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mai.errors import (
    BadAnswer,
    ContextOverflow,
    MaiError,
    ModelNotFound,
    OutOfMemory,
    ProviderDied,
    ProviderError,
    ProviderStalled,
    ProviderUnreachable,
)
from mai.events import Cancel
from mai.protocols import ChatRequest, Message
from mai.providers.base import ask, ask_json
from mai.providers.endpoint import Timeouts
from mai.providers.faults import Remedy, remedy_for
from tests.providers.backends import HELLO, SERVERS, Backend, deltas_of, opened
from tests.providers.test_contract import Plan
from tests.servers.chopper import Chopper
from tests.servers.ollama import closed_port

LONG = ChatRequest((Message("user", "def mean(values):\n    return 1\n" * 40),), None, 100)


@pytest.fixture(params=SERVERS)
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    with opened(request.param, tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("fault", "kinds", "remedy"),
    [
        ("drop", (ProviderDied,), Remedy.RETRY),
        ("midstream-error prediction-error", (ProviderDied, ProviderError), None),
        ("no-end closed-channel", (ProviderDied,), Remedy.RETRY),
        ("not-the-protocol", (BadAnswer, ProviderDied), Remedy.RETRY),
        ("truncated-prompt", (ContextOverflow,), Remedy.STOP),
        ("out-of-memory unloaded", (OutOfMemory,), Remedy.FALL_BACK),
    ],
)
async def test_each_fault_has_its_kind_and_remedy(
    served: Backend, fault: str, kinds: tuple[type[ProviderError], ...], remedy: Remedy | None
) -> None:
    named = fault.split()
    served.says("Half an ans", fault=named[0 if served.provider.name == "ollama" else -1])
    with pytest.raises(kinds) as caught:
        await deltas_of(served.provider, LONG)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    if remedy is not None:
        assert remedy_for(caught.value) is remedy
    # The provider itself has taken no harm.
    assert (await deltas_of(served.provider, HELLO))[-1].is_last


async def test_a_stall_is_given_up(served: Backend) -> None:
    served.says("Half an ans", fault="stall")
    served.provider._timeouts = Timeouts(stall_s=0.1)
    with pytest.raises(ProviderStalled, match="has stopped sending"):
        await deltas_of(served.provider, HELLO)
    assert await asyncio.to_thread(served.server.hung_up.wait, 10)


async def test_no_server_names_the_command_that_starts_it(served: Backend) -> None:
    with pytest.raises(ProviderUnreachable, match=r"`(ollama serve|lms server start)`"):
        await deltas_of(served.another("tiny", closed_port()), HELLO)


async def test_a_server_that_never_answers_is_given_up(served: Backend) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        provider = served.another("tiny", silent.getsockname()[1])
        provider._timeouts = Timeouts(facts_s=0.1)
        for question in (deltas_of(provider, HELLO), provider.models(), provider.context_length()):
            with pytest.raises(ProviderStalled, match="has stopped sending"):
                await question


async def test_closing_the_iterator_stops_the_server(served: Backend) -> None:
    served.says("Something to begin with", fault="stall")
    stream = served.provider.stream(HELLO)
    assert (await anext(stream)).text
    await stream.aclose()
    assert await asyncio.to_thread(served.server.hung_up.wait, 10)


async def test_a_model_that_does_not_fit_memory_is_known_as_that(tmp_path: Path) -> None:
    with opened("lmstudio", tmp_path) as studio:
        studio.server.load_fault = "insufficient system resources to load the model"
        with pytest.raises(OutOfMemory, match="tiny does not fit"):
            await deltas_of(studio.provider, HELLO)


@pytest.mark.host
@pytest.mark.parametrize("name", SERVERS)
def test_a_connection_may_break_at_every_byte(name: str, tmp_path: Path) -> None:
    """No byte is special: whatever came before, the outcome is an answer or one sentence."""
    with opened(name, tmp_path) as backend:
        answer = "Yes: é." if name == "ollama" else "Yes."
        asyncio.run(backend.provider.load(2048))

        async def asked(after_bytes: int | None) -> tuple[str, int]:
            backend.server._answers.clear()
            backend.says(answer)
            with Chopper(backend.server.port, after_bytes) as chopper:
                provider = backend.another("tiny", chopper.port)
                # What a broken frame leaves is a wait; none of these needs to be long.
                provider._timeouts = Timeouts(stall_s=2, facts_s=2, first_token_s=2)
                deltas = await deltas_of(provider, HELLO)
                assert deltas[-1].is_last
                return "".join(delta.text for delta in deltas), chopper.passed

        whole, total = asyncio.run(asked(None))
        assert whole == answer
        # Every byte of Ollama's exchange; LM Studio's is long, and a prime step meets every kind.
        endings = 0
        for after_bytes in range(0, total, 1 if name == "ollama" else 61):
            try:
                text, _ = asyncio.run(asked(after_bytes))
                assert text == answer
                endings += 1
            except ProviderError as error:
                assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
                assert remedy_for(error) in {Remedy.RETRY, Remedy.FALL_BACK}  # noqa: PT017 - likewise
        assert endings < total


def test_a_question_is_asked_twice_of_a_server_that_dies(tmp_path: Path) -> None:
    with opened("ollama", tmp_path) as backend:
        backend.says("Half", fault="drop")
        backend.says("Whole.")
        assert ask(backend.provider, HELLO, Cancel()) == "Whole."
        backend.says("Half", fault="drop")
        backend.says("Half", fault="drop")
        backend.says("Too late.")
        with pytest.raises(ProviderDied):
            ask(backend.provider, HELLO, Cancel())


def test_a_full_context_leaves_no_room_to_complain_and_the_question_is_asked_again(
    tmp_path: Path,
) -> None:
    """At 4,096 tokens a prompt may fill all but the answer's room, and then one more try is due."""
    with opened("ollama", tmp_path) as backend:
        filling = ChatRequest((Message("user", "word " * 1_900),), None, 150)
        backend.says("maybe " * 140)
        backend.says('{"decision": "object", "steps": []}')
        assert ask_json(backend.provider, filling, Plan, Cancel()).decision == "object"
        first, second = backend.server.chats
        assert first["messages"] == second["messages"]


def test_remedies_are_known_for_every_provider_error() -> None:
    waiting: list[type[MaiError]] = [ProviderError]
    while waiting:
        kind = waiting.pop()
        assert remedy_for(kind("Something is wrong.")) in set(Remedy)
        waiting.extend(kind.__subclasses__())
    assert remedy_for(ModelNotFound("Gone.")) is Remedy.FALL_BACK
    assert remedy_for(KeyboardInterrupt()) is Remedy.STOP
