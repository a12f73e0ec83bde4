"""A ladder of real providers over protocol servers: what fails is replaced, and it is said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mai.errors import ContextOverflow, ProviderDied, ProviderUnreachable
from mai.events import Cancel
from mai.protocols import ChatRequest, Message, Provider
from mai.providers.base import ask, context_tokens
from mai.providers.endpoint import Timeouts
from mai.providers.gguf import GgufProvider
from mai.providers.lmstudio import LMStudioProvider
from mai.providers.ollama import OllamaProvider
from mai.providers.pressure import Reading
from mai.providers.switching import SwitchingProvider
from tests.providers.backends import HELLO, TIMEOUTS, deltas_of
from tests.servers import lmstudio, ollama
from tests.servers.tiny_gguf import write_tiny_gguf

QUIET = "the machine has been quiet for 5 minutes"


@dataclass(slots=True)
class Ladder:
    """Two models on Ollama, then one on LM Studio."""

    servers: ExitStack
    ollama: ollama.OllamaServer
    studio: lmstudio.LMStudioServer
    said: list[str] = field(default_factory=list)
    now_s: float = 0.0

    def provider(self) -> SwitchingProvider:
        rungs: list[Provider] = [
            OllamaProvider(self.ollama.url, "large:latest", TIMEOUTS),
            OllamaProvider(self.ollama.url, "small:latest", TIMEOUTS),
            LMStudioProvider(self.studio.url, "other", TIMEOUTS),
        ]
        return SwitchingProvider(rungs, self.said.append, lambda: self.now_s)


@pytest.fixture
def ladder() -> Iterator[Ladder]:
    with ExitStack() as servers:
        yield Ladder(
            servers,
            servers.enter_context(
                ollama.OllamaServer(
                    ollama.ServedModel("large:latest", 8_192),
                    ollama.ServedModel("small:latest", 4_096),
                )
            ),
            servers.enter_context(lmstudio.LMStudioServer(lmstudio.ServedModel("other"))),
        )


def failing(fault: ollama.Fault, times: int = 1) -> list[ollama.Answer]:
    return [ollama.Answer("", fault=fault)] * times


def test_while_all_is_well_the_best_answers_in_silence(ladder: Ladder) -> None:
    provider = ladder.provider()
    assert ask(provider, HELLO, Cancel()) == "ok"
    assert (provider.name, provider.model) == ("ollama", "large:latest")
    assert context_tokens(provider) == 8_192
    assert ladder.said == []


def test_one_death_is_tried_again_and_changes_nothing(ladder: Ladder) -> None:
    ladder.ollama.answers(*failing(ollama.Fault.DROP), "Whole.")
    provider = ladder.provider()
    assert ask(provider, HELLO, Cancel()) == "Whole."
    assert provider.model == "large:latest"
    assert ladder.said == []


def test_two_deaths_in_one_question_bring_the_next_model(ladder: Ladder) -> None:
    ladder.ollama.answers(*failing(ollama.Fault.DROP, 2), "From the small one.")
    provider = ladder.provider()
    assert ask(provider, HELLO, Cancel()) == "From the small one."
    why = f"Ollama at {ladder.ollama.url} went away in the middle of an answer."
    assert ladder.said == [f"I think with small:latest, not large:latest: {why}"]
    assert context_tokens(provider) == 4_096


def test_no_memory_brings_the_smaller_model_and_frees_the_larger(ladder: Ladder) -> None:
    ladder.ollama.answers(*failing(ollama.Fault.OUT_OF_MEMORY), "From the small one.")
    provider = ladder.provider()
    assert ask(provider, HELLO, Cancel()) == "From the small one."
    assert "large:latest does not fit the memory that is free" in ladder.said[0]
    unloads = [sent for sent in ladder.ollama.requests if sent.body.get("keep_alive") == 0]
    assert [sent.body["model"] for sent in unloads] == ["large:latest"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (ollama.Fault.SERVER_ERROR, "answered 500: llama runner process has died"),
        (ollama.Fault.MIDSTREAM_ERROR, "in the middle of an answer: unexpected EOF"),
        (ollama.Fault.DROP, "went away in the middle of an answer"),
        (ollama.Fault.STALL, "has stopped sending"),
        (ollama.Fault.NO_END, "went away in the middle of an answer"),
        (ollama.Fault.NOT_THE_PROTOCOL, "sent something that is not its protocol"),
        (ollama.Fault.OUT_OF_MEMORY, "does not fit the memory that is free"),
        (None, "`ollama pull large:latest` gets it"),
    ],
    ids=str,
)
def test_every_fault_that_lasts_brings_the_next_model_and_one_sentence(
    ladder: Ladder, fault: ollama.Fault | None, says: str
) -> None:
    provider = ladder.provider()
    if fault is ollama.Fault.STALL:
        large = provider.rungs[0]
        assert isinstance(large, OllamaProvider)
        large._timeouts = Timeouts(first_token_s=0.2)
    if fault is None:
        del ladder.ollama.models["large:latest"]
    else:
        # What may pass is tried again, and only then left.
        is_tried_again = fault not in {ollama.Fault.STALL, ollama.Fault.OUT_OF_MEMORY}
        is_tried_again &= fault is not ollama.Fault.SERVER_ERROR
        ladder.ollama.answers(*failing(fault, 2 if is_tried_again else 1))
    ladder.ollama.answers("From the small one.")
    # A server that holds the line may do so with its other models as well.
    answer, model = ("From the small one.", "small:latest")
    if fault is ollama.Fault.STALL:
        answer, model = ("ok", "other")
    assert (ask(provider, HELLO, Cancel()), provider.model) == (answer, model)
    (said,) = ladder.said
    assert said.startswith(f"I think with {model}, not large:latest: ")
    assert says in said
    assert said.count(". ") == 0


def test_a_prompt_cut_in_silence_is_a_stop_whoever_else_is_there(ladder: Ladder) -> None:
    ladder.ollama.answers(*failing(ollama.Fault.TRUNCATED_PROMPT))
    with pytest.raises(ContextOverflow, match="it cut the prompt"):
        ask(ladder.provider(), ChatRequest((Message("user", "word " * 500),)), Cancel())
    assert ladder.said == []


def test_a_server_that_is_gone_takes_all_its_models_along(ladder: Ladder) -> None:
    provider = ladder.provider()
    ladder.ollama.stop()
    assert ask(provider, HELLO, Cancel()) == "ok"
    assert (provider.name, provider.model) == ("lmstudio", "other")
    assert len(ladder.said) == 1
    assert ladder.said[0].startswith("I think with other, not large:latest: No model server")


def test_where_nobody_answers_the_place_on_the_ladder_stays(ladder: Ladder) -> None:
    provider = ladder.provider()
    ladder.ollama.stop()
    ladder.studio.stop()
    with pytest.raises(ProviderUnreachable):
        ask(provider, HELLO, Cancel())
    assert provider.model == "large:latest"


async def test_words_of_two_models_are_never_mixed(ladder: Ladder) -> None:
    ladder.ollama.answers(ollama.Answer("Half an answ", fault=ollama.Fault.DROP))
    provider = ladder.provider()
    with pytest.raises(ProviderDied):
        await deltas_of(provider, HELLO)
    assert provider.model == "large:latest"


def test_a_prompt_too_long_is_nobodys_fault(ladder: Ladder) -> None:
    provider = ladder.provider()
    with pytest.raises(ContextOverflow):
        ask(provider, ChatRequest((Message("user", "word " * 9_000),)), Cancel())
    assert provider.model == "large:latest"
    assert ladder.said == []


def test_slow_answers_lead_down(ladder: Ladder) -> None:
    provider = ladder.provider()

    async def slowly() -> None:
        ladder.ollama.answers("one two three four five six seven eight nine ten " * 3)
        async for _ in provider.stream(HELLO):
            ladder.now_s += 10

    for _ in range(3):
        asyncio.run(slowly())
    assert provider.model == "small:latest"
    assert "3 answers in a row were slow" in ladder.said[0]


def test_pressure_leads_down_and_quiet_up_and_both_are_said(ladder: Ladder) -> None:
    provider = ladder.provider()
    for at in range(0, 20, 2):
        provider.observe(Reading(at, 97, 50))
    assert provider.model == "small:latest"
    for at in range(20, 400, 2):
        provider.observe(Reading(at, 10, 50))
    assert provider.model == "large:latest"
    assert ladder.said == [
        "I think with small:latest, not large:latest: the processor has been at 97 %.",
        f"I think with large:latest again, not small:latest: {QUIET}.",
    ]


async def test_the_processor_is_not_watched_while_a_model_answers(ladder: Ladder) -> None:
    provider = ladder.provider()
    ladder.ollama.answers("A longer answer in several pieces.")
    stream = provider.stream(HELLO)
    await anext(stream)
    for at in range(0, 60, 2):
        provider.observe(Reading(at, 100, 50))
    await stream.aclose()
    assert not provider.is_answering
    assert provider.model == "large:latest"


@pytest.mark.host
async def test_a_file_stands_in_for_a_server(ladder: Ladder, tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "tiny.gguf")
    rungs: list[Provider] = [
        OllamaProvider(ladder.ollama.url, "gone"),
        GgufProvider(tmp_path, "tiny"),
    ]
    provider = SwitchingProvider(rungs, ladder.said.append)
    assert (await deltas_of(provider, HELLO))[-1].is_last
    assert provider.name == "gguf"
    await provider.close()
