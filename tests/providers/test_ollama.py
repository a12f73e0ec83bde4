from __future__ import annotations

import math
import socket
import threading
from collections.abc import Iterator

import pytest

from mai.errors import (
    Cancelled,
    ContextOverflow,
    ModelNotFound,
    ProviderError,
    ProviderUnreachable,
)
from mai.events import Cancel
from mai.protocols import ChatRequest, Delta, Message
from mai.providers.base import ask, context_tokens
from mai.providers.endpoint import Timeouts
from mai.providers.ollama import CONTEXT_STEPS, THINKING_TOKENS, OllamaProvider
from mai.providers.tokens import estimate_messages
from tests.servers.ollama import Answer, Fault, OllamaServer, ServedModel, closed_port

HELLO = ChatRequest((Message("system", "You are terse."), Message("user", "Say hello.")))
LONG_TEXT = "def mean(values):\n    return sum(values) / len(values)\n\n\n" * 40
LONG = ChatRequest((Message("user", LONG_TEXT),), answer_tokens=100)


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    small = ServedModel("small:latest", context_length=512)
    thinker = ServedModel("thinker:8b", capabilities=("completion", "thinking"))
    with OllamaServer(ServedModel("tiny:latest"), small, thinker) as running:
        yield running


def provider_of(server: OllamaServer, model: str = "tiny:latest") -> OllamaProvider:
    return OllamaProvider(server.url, model)


async def deltas_of(provider: OllamaProvider, request: ChatRequest) -> list[Delta]:
    return [delta async for delta in provider.stream(request)]


async def test_answers_arrive_in_pieces_with_the_servers_counts(server: OllamaServer) -> None:
    server.answers("Hello, I am here and I say it in pieces.")
    deltas = await deltas_of(provider_of(server), HELLO)
    assert len(deltas) > 3
    assert "".join(delta.text for delta in deltas) == "Hello, I am here and I say it in pieces."
    assert [delta.is_last for delta in deltas] == [False] * (len(deltas) - 1) + [True]
    assert deltas[-1].prompt_tokens > 0
    assert deltas[-1].answer_tokens > 0


async def test_thinking_is_told_apart_from_the_answer(server: OllamaServer) -> None:
    server.answers(Answer("Two.", thinking="One and one."))
    deltas = await deltas_of(provider_of(server, "thinker:8b"), HELLO)
    assert "".join(delta.thinking for delta in deltas) == "One and one."
    assert "".join(delta.text for delta in deltas) == "Two."


async def test_each_request_names_its_context(server: OllamaServer) -> None:
    await deltas_of(provider_of(server), HELLO)
    await deltas_of(provider_of(server), LONG)
    small, large = (chat["options"] for chat in server.chats)
    assert small["num_ctx"] == CONTEXT_STEPS[0]
    needed = estimate_messages(LONG.messages).most + LONG.answer_tokens
    assert needed <= large["num_ctx"] <= 8192
    assert large["num_predict"] == LONG.answer_tokens


async def test_the_first_token_is_weighed_and_only_that_is_computed(server: OllamaServer) -> None:
    server.answers(Answer("Yes", likely=(("Yes", -0.5), (" yes", -2.0), ("No", -1.5), ("I", -3))))
    found = await provider_of(server).weigh(HELLO, ("Yes", "No", "Maybe"))
    assert found == pytest.approx([math.log(math.exp(-0.5) + math.exp(-2.0)), -1.5, -3.0])
    assert server.chats[0]["options"]["num_predict"] == 1


@pytest.mark.parametrize("model", ["tiny:latest", "thinker:8b"])
async def test_a_server_without_probabilities_says_so(server: OllamaServer, model: str) -> None:
    server.answers("Yes")
    assert await provider_of(server, model).weigh(HELLO, ("Yes", "No")) is None


async def test_a_prompt_that_was_cut_is_not_weighed(server: OllamaServer) -> None:
    server.answers(Answer("Yes", fault=Fault.TRUNCATED_PROMPT, likely=(("Yes", -0.5),)))
    with pytest.raises(ContextOverflow):
        await provider_of(server).weigh(LONG, ("Yes", "No"))


async def test_a_context_once_loaded_is_not_made_smaller(server: OllamaServer) -> None:
    provider = provider_of(server)
    await deltas_of(provider, LONG)
    await deltas_of(provider, HELLO)
    first, second = (chat["options"]["num_ctx"] for chat in server.chats)
    assert first == second


async def test_the_context_never_exceeds_the_models(server: OllamaServer) -> None:
    await deltas_of(
        provider_of(server, "small:latest"), ChatRequest(HELLO.messages, answer_tokens=100)
    )
    assert server.chats[0]["options"]["num_ctx"] == 512


async def test_a_prompt_too_long_for_the_model_is_not_sent(server: OllamaServer) -> None:
    with pytest.raises(ContextOverflow, match="small:latest holds 512 tokens"):
        await deltas_of(provider_of(server, "small:latest"), LONG)
    assert server.chats == []


async def test_a_prompt_cut_in_silence_is_an_error(server: OllamaServer) -> None:
    server.answers(Answer("Confident nonsense.", fault=Fault.TRUNCATED_PROMPT))
    with pytest.raises(ContextOverflow, match="it cut the prompt"):
        await deltas_of(provider_of(server), LONG)


async def test_a_schema_goes_as_format_and_stops_thinking(server: OllamaServer) -> None:
    schema = {"type": "object", "properties": {"verdict": {"type": "string"}}}
    request = ChatRequest(HELLO.messages, schema, temperature=0.0)
    await deltas_of(provider_of(server, "thinker:8b"), request)
    chat = server.chats[0]
    assert chat["format"] == schema
    assert chat["think"] is False
    assert chat["options"]["temperature"] == 0.0
    assert chat["options"]["num_predict"] == request.answer_tokens + THINKING_TOKENS


async def test_a_missing_model_names_the_command_that_gets_it(server: OllamaServer) -> None:
    with pytest.raises(ModelNotFound, match="`ollama pull gone:7b` gets it"):
        await deltas_of(provider_of(server, "gone:7b"), HELLO)


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (Fault.SERVER_ERROR, ProviderError, "answered 500: llama runner process has died"),
        (Fault.MIDSTREAM_ERROR, ProviderError, "in the middle of an answer: unexpected EOF"),
        (Fault.DROP, ProviderUnreachable, "went away in the middle of an answer"),
        (Fault.NO_END, ProviderUnreachable, "went away in the middle of an answer"),
        (Fault.NOT_THE_PROTOCOL, ProviderError, "sent something that is not its protocol"),
    ],
)
async def test_each_failure_is_one_sentence(
    server: OllamaServer, fault: Fault, kind: type[ProviderError], says: str
) -> None:
    server.answers(Answer("Half an ans", fault=fault))
    with pytest.raises(kind, match=says) as caught:
        await deltas_of(provider_of(server), HELLO)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None or fault is Fault.NO_END


async def test_a_stall_is_given_up(server: OllamaServer) -> None:
    server.answers(Answer("Half an ans", fault=Fault.STALL))
    timeouts = Timeouts(stall_s=0.05)
    provider = OllamaProvider(server.url, "tiny:latest", timeouts)
    with pytest.raises(ProviderUnreachable, match="has stopped sending"):
        await deltas_of(provider, HELLO)


async def test_a_server_that_takes_connections_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        provider = OllamaProvider(url, "tiny:latest", Timeouts(facts_s=0.05))
        for answer in (deltas_of(provider, HELLO), provider.models(), provider.context_length()):
            with pytest.raises(ProviderUnreachable, match="has stopped sending"):
                await answer


async def test_no_server_is_said_without_the_password() -> None:
    provider = OllamaProvider(f"http://mai:hunter2@127.0.0.1:{closed_port()}", "tiny:latest")
    with pytest.raises(ProviderUnreachable, match="`ollama serve` starts one") as caught:
        await deltas_of(provider, HELLO)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(provider.__dict__)


async def test_a_password_in_the_endpoint_is_used_and_never_shown() -> None:
    with OllamaServer(ServedModel("tiny:latest"), password="hunter2") as server:
        where = server.url.replace("//", "//mai:hunter2@")
        deltas = await deltas_of(OllamaProvider(where, "tiny:latest"), HELLO)
        assert deltas[0].text == "ok"
        wrong = OllamaProvider(server.url.replace("//", "//mai:wrong-one@"), "tiny:latest")
        with pytest.raises(ProviderError, match="401") as caught:
            await deltas_of(wrong, HELLO)
        assert "wrong-one" not in str(caught.value)


async def test_models_are_listed_with_what_they_can(server: OllamaServer) -> None:
    models = {model.name: model for model in await provider_of(server).models()}
    assert set(models) == {"tiny:latest", "small:latest", "thinker:8b"}
    assert models["small:latest"].context_length == 512
    assert models["thinker:8b"].capabilities == ("completion", "thinking")
    assert models["tiny:latest"].size_bytes == 4_700_000_000


async def test_closing_the_iterator_hangs_up(server: OllamaServer) -> None:
    server.answers(Answer("Something to begin with", fault=Fault.STALL))
    stream = provider_of(server).stream(HELLO)
    assert (await anext(stream)).text
    await stream.aclose()
    assert server.hung_up.wait(10)


def test_ask_returns_the_whole_answer_in_a_thread_without_a_loop(server: OllamaServer) -> None:
    server.answers("First.", "<think>Hm.</think>\nSecond.")
    provider = provider_of(server)
    assert ask(provider, HELLO, Cancel()) == "First."
    # A second loop: nothing of the first may be left in the provider.
    assert ask(provider, HELLO, Cancel()) == "Second."
    assert context_tokens(provider) == 8192


def test_cancel_from_another_thread_ends_a_stalled_answer(server: OllamaServer) -> None:
    server.answers(Answer("Half", fault=Fault.STALL))
    cancel = Cancel()

    def stop_once_stalled() -> None:
        server.stalled.wait(10)
        cancel.set()

    stopper = threading.Thread(target=stop_once_stalled)
    stopper.start()
    with pytest.raises(Cancelled):
        ask(provider_of(server), HELLO, cancel)
    stopper.join()
    assert server.hung_up.wait(10)


def test_nothing_is_asked_once_cancelled(server: OllamaServer) -> None:
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled):
        ask(provider_of(server), HELLO, cancel)
    assert server.requests == []
