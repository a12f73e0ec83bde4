from __future__ import annotations

from collections.abc import Iterator

import pytest

from mai.agent.tools import Services, Toolbox
from mai.agent.turn import turn
from mai.errors import ContextOverflow
from mai.protocols import Delta, Message, Provider
from mai.providers.ollama import OllamaProvider
from mai.providers.reflex import ReflexProvider
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
