from __future__ import annotations

from collections.abc import Iterator

import pytest

from mai.agent.tools import Services, Toolbox
from mai.agent.turn import turn
from mai.errors import ContextOverflow
from mai.protocols import Delta, Message, ModelInfo, Provider
from mai.providers.ollama import OllamaProvider
from mai.providers.pace import pace_of
from mai.providers.reflex import ReflexProvider
from mai.providers.tokens import estimate_request
from tests.agent.gate import Watched
from tests.servers.ollama import Answer, Fault, OllamaServer, ServedModel
from tests.snapshots import MemorySnapshot

SNAPSHOT = MemorySnapshot(
    {
        "calc/core.py": b"def mean(values):\n    return sum(values) / len(values)\n",
        "calc/other.py": b"def mode(values): ...\n",
        ".env": b"TOKEN=hunter2\n",
    }
)


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer(ServedModel("tiny:latest"), ServedModel("small:1b", 1024 + 700)) as running:
        yield running


async def said(provider: Provider, text: str, history: tuple[Message, ...] = ()) -> list[Delta]:
    return [delta async for delta in turn(provider, SNAPSHOT, history, text)]


async def test_a_turn_brings_the_file_the_map_and_the_history(server: OllamaServer) -> None:
    server.answers("It divides by the count.")
    provider = OllamaProvider(server.url, "tiny")
    history = (Message("user", "Hello."), Message("assistant", "I am here."))
    deltas = await said(provider, "What does @core.py do with @.env?", history)
    assert "".join(delta.text for delta in deltas) == "It divides by the count."
    assert deltas[-1].is_last
    messages = server.chats[0]["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    question = messages[-1]["content"]
    assert "calc/core.py\n```\ndef mean(values):" in question
    assert "calc/other.py: def mode(values)" in question
    assert "What does @core.py do with @.env?" in question
    assert "hunter2" not in str(messages)


async def test_what_does_not_fit_is_dropped_and_what_must_stay_is_said(
    server: OllamaServer,
) -> None:
    provider = OllamaProvider(server.url, "small:1b")
    await said(provider, "And now?", tuple(Message("user", "words " * 300) for _ in range(5)))
    assert len(server.chats[0]["messages"]) == 2
    with pytest.raises(ContextOverflow):
        await said(provider, "words " * 3_000)


async def test_closing_a_turn_stops_the_model(server: OllamaServer) -> None:
    server.answers(Answer("Something to begin with", fault=Fault.STALL))
    stream = turn(OllamaProvider(server.url, "tiny"), SNAPSHOT, (), "Go on.")
    assert (await anext(stream)).text
    await stream.aclose()
    assert server.hung_up.wait(10)


async def test_reflexes_say_that_they_do_not_talk() -> None:
    deltas = await said(ReflexProvider(), "Hello?")
    assert deltas[0].text.startswith("No model thinks here")
    assert deltas[-1].is_last


async def test_a_real_client_offers_the_tools_and_takes_the_calls() -> None:
    asked = Answer("", calls=(("read_file", {"path": "core.py"}),))
    tools = Services(str, str, str, str)
    with OllamaServer(ServedModel("tiny:latest", capabilities=("completion", "tools"))) as server:
        server.answers(asked, "It divides by the count.")
        provider = OllamaProvider(server.url, "tiny")
        stream = turn(provider, SNAPSHOT, (), "What is mean?", toolbox=Toolbox(SNAPSHOT, tools))
        said = "".join([delta.text async for delta in stream])
        first, second = server.chats
    assert said == "It divides by the count."
    offered = {tool["function"]["name"] for tool in first["tools"]}
    assert {"read_file", "search", "run_tests", "remember"} <= offered
    assert second["messages"][-2]["tool_calls"][0]["function"]["name"] == "read_file"
    assert second["messages"][-1]["role"] == "tool"
    assert "def mean(values):" in second["messages"][-1]["content"]


async def test_a_slow_model_is_given_little_to_read_and_no_tools() -> None:
    files = {f"m{at}.py": f"def other_{at}():\n    return {at}\n".encode() for at in range(50)}
    source = b"def mean(values):\n    return sum(values) / len(values)\n" + b"# more\n" * 2_000
    snapshot = MemorySnapshot({**files, "core.py": source, ".env": b"mean=1\n"})
    provider = Watched(["It divides."], 0, ("completion", "tools"))
    pace = pace_of(ModelInfo("small", "scripted", size_bytes=1_100_000_000), cores=2)
    question = "What does `mean` do?"
    nothing = Services(str, lambda _tests: "", str, str)
    toolbox = Toolbox(snapshot, nothing)
    pieces = turn(provider, snapshot, (), question, pace=pace, toolbox=toolbox)
    assert "".join([delta.text async for delta in pieces]) == "It divides."
    (request,) = provider.requests
    assert request.tools == ()
    assert "def mean(values)" in request.messages[-1].content
    assert question in request.messages[-1].content
    assert estimate_request(request).most < 700


def test_what_reads_fast_or_is_not_known_is_given_all() -> None:
    large = ModelInfo("large", "ollama", size_bytes=4_400_000_000)
    assert pace_of(large, cores=2).is_slow
    assert pace_of(large, cores=2).room_tokens == 200
    assert not pace_of(large, cores=64).is_slow
    assert not pace_of(ModelInfo("any", "ollama"), cores=2).is_slow
    assert not pace_of(None, cores=2).is_slow
