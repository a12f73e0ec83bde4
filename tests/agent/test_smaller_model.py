"""A task of a small model through a real client and server, and one that loses its model midway."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from mai.agent.draft import drafts
from mai.agent.loop import carry_out
from mai.agent.task import Means
from mai.agent.turn import turn
from mai.errors import ContextOverflow
from mai.events import Cancel
from mai.proposal import State
from mai.protocols import Message
from mai.providers.ollama import OllamaProvider
from mai.providers.pressure import Reading
from mai.providers.switching import SwitchingProvider
from mai.providers.tokens import estimate
from tests.agent.gate import Gate, judged
from tests.agent.test_loop import made
from tests.agent.test_small_context import CODE, FILES, FINE, PATH, PLACES, PLAN, SNAPSHOT, TASK
from tests.servers.ollama import Answer, Fault, OllamaServer, ServedModel
from tests.snapshots import MemorySnapshot

SMALL, LARGE = 4_096, 16_384
ANSWERS = tuple(
    one if isinstance(one, str) else json.dumps(one) for one in (PLAN, PLACES, CODE, FINE)
)
STAGES = ("plan", "locate", "write", "check")
MEMORIES = [f"2026-01-0{at} said: {'words about invoices ' * 40}" for at in range(1, 7)]
NO_ROOM = Answer(fault=Fault.OUT_OF_MEMORY)


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    models = ServedModel("large:7b", LARGE), ServedModel("small:1b", SMALL)
    with OllamaServer(*models) as running:
        yield running


def ladder(server: OllamaServer, said: list[str]) -> SwitchingProvider:
    rungs = [OllamaProvider(server.url, name) for name in ("large:7b", "small:1b")]
    return SwitchingProvider(rungs, said.append)


def sent_tokens(chat: dict[str, object]) -> int:
    """Return how many tokens a chat request is at least, its answer included."""
    messages = chat["messages"]
    assert isinstance(messages, list)
    options = chat["options"]
    assert isinstance(options, dict)
    text = "\n".join(str(message["content"]) for message in messages)
    return estimate(text).most + int(options["num_predict"])


def test_a_model_of_4096_tokens_is_never_sent_more_at_any_stage(server: OllamaServer) -> None:
    failed = judged(State.FAILED, broken=("tests/t.py::test_a",), output="E  assert\n" * 4_000)
    server.answers(*ANSWERS[:2], CODE.replace("(rows)\n", "(rows, 1)\n"), ANSWERS[3], *ANSWERS[2:])
    gate = Gate([failed])
    means = Means(
        OllamaProvider(server.url, "small:1b"), SNAPSHOT, recall=lambda _task: tuple(MEMORIES)
    )
    assert carry_out(TASK, means, gate.hooks).state is State.PENDING
    assert len(server.chats) == 6
    for chat in server.chats:
        assert sent_tokens(chat) <= chat["options"]["num_ctx"] <= SMALL
    assert "return sum(rows)\n" in (made(gate.drafts[-1], FILES)[PATH] or "")


@pytest.mark.parametrize("at", range(len(STAGES)), ids=STAGES)
def test_a_prompt_cut_in_silence_ends_the_task_at_any_stage(server: OllamaServer, at: int) -> None:
    server.answers(*ANSWERS[:at], Answer(ANSWERS[at], fault=Fault.TRUNCATED_PROMPT))
    gate = Gate()
    means = Means(OllamaProvider(server.url, "small:1b"), SNAPSHOT)
    if STAGES[at] == "check":
        # The second look is an extra; a change without one goes to the gate like any other.
        assert carry_out(TASK, means, gate.hooks).state is State.PENDING
    else:
        with pytest.raises(ContextOverflow, match="it cut the prompt"):
            carry_out(TASK, means, gate.hooks)
        assert gate.drafts == []


@pytest.mark.parametrize("at", range(len(STAGES)), ids=STAGES)
def test_a_task_goes_on_with_a_smaller_model_from_any_stage(server: OllamaServer, at: int) -> None:
    server.answers(*ANSWERS[:at], NO_ROOM, *ANSWERS[at:])
    gate, said = Gate(), list[str]()
    means = Means(ladder(server, said), SNAPSHOT, recall=lambda _task: tuple(MEMORIES))
    assert carry_out(TASK, means, gate.hooks).state is State.PENDING
    assert [chat["model"] for chat in server.chats] == ["large:7b"] * (at + 1) + ["small:1b"] * (
        len(STAGES) - at
    )
    assert all(sent_tokens(chat) <= SMALL for chat in server.chats[at + 1 :])
    assert len(said) == 1
    assert "return sum(rows)\n" in (made(gate.drafts[-1], FILES)[PATH] or "")


def test_what_the_smaller_model_would_be_sent_is_fitted_again(server: OllamaServer) -> None:
    """The plan's prompt for the larger model would not fit the smaller one."""
    snapshot = MemorySnapshot({**FILES, "notes.md": b"An invoice has rows. " * 600})
    server.answers(NO_ROOM, *ANSWERS)
    means = Means(ladder(server, []), snapshot)
    carry_out(f"{TASK} See @notes.md.", means, Gate().hooks)
    lost, planned = server.chats[:2]
    assert sent_tokens(lost) > SMALL >= sent_tokens(planned)


def test_pressure_between_two_stages_leads_to_smaller_prompts(server: OllamaServer) -> None:
    server.answers(*ANSWERS)
    said = list[str]()
    provider = ladder(server, said)

    def squeeze(_task: str) -> tuple[str, ...]:
        for at_s in range(0, 20, 2):
            provider.observe(Reading(at_s, 97, 50))
        return ()

    carry_out(TASK, Means(provider, SNAPSHOT, recall=squeeze), Gate().hooks)
    assert {chat["model"] for chat in server.chats} == {"small:1b"}
    assert all(sent_tokens(chat) <= SMALL for chat in server.chats)
    assert "the processor has been at 97 %" in said[0]


def test_improving_goes_on_with_what_the_smaller_model_can_read(server: OllamaServer) -> None:
    code = "def f(xs):\n" + "    xs = [x + 1 for x in xs if x]\n" * 101 + "    return xs\n"
    snapshot = MemorySnapshot({"a.py": code.encode(), "b.py": b"def g():\n    return 1\n"})
    server.answers(NO_ROOM, "Title: none")
    found = list(drafts(ladder(server, []), snapshot, cancel=Cancel()))
    assert found == []
    first, second = server.chats
    assert "x + 1 for x in xs" in str(first["messages"])
    assert "x + 1 for x in xs" not in str(second["messages"])
    assert "def g()" in str(second["messages"])


async def test_a_conversation_goes_on_with_a_smaller_model(server: OllamaServer) -> None:
    history = tuple(Message("user", "words " * 300) for _ in range(12))
    server.answers(NO_ROOM, "I am smaller.")
    provider = ladder(server, [])
    deltas = [delta async for delta in turn(provider, SNAPSHOT, history, "And now?")]
    assert "".join(delta.text for delta in deltas) == "I am smaller."
    first, second = server.chats
    assert sent_tokens(first) > SMALL >= sent_tokens(second)


async def test_a_question_too_long_for_either_is_refused(server: OllamaServer) -> None:
    server.answers(NO_ROOM)
    with pytest.raises(ContextOverflow):
        async for _ in turn(ladder(server, []), SNAPSHOT, (), "words " * 1_800):
            pass
    assert [chat["model"] for chat in server.chats] == ["large:7b"]
