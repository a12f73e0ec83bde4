from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.protocols import ModelInfo
from mai.providers.fit import (
    CONTEXTS,
    GIB,
    TIERS,
    Machine,
    Where,
    can_chat,
    fit,
    ladder,
    needed_bytes,
    tier_of,
)

LAPTOP = Machine(16 * GIB, 8 * GIB)
NO_GPU = Machine(16 * GIB)
SMALL = Machine(8 * GIB)
CODER_7B = ModelInfo("qwen2.5-coder:7b", "ollama", 4_683_000_000, 32_768, ("completion",), 57_344)
LLAMA_8B = ModelInfo("llama3.1:8b", "ollama", 4_920_000_000, 131_072, ("completion",), 131_072)
CODER_32B = ModelInfo("qwen2.5-coder:32b", "ollama", 19_850_000_000, 32_768, (), 262_144)
CODER_1B = ModelInfo("qwen2.5-coder:1.5b", "ollama", 986_000_000, 32_768, (), 28_672)
EMBEDDER = ModelInfo("nomic-embed-text", "ollama", 274_000_000, 2_048, ("embedding",))

sizes = st.integers(1, 80 * GIB)
machines = st.builds(Machine, st.integers(GIB, 512 * GIB), st.integers(0, 160 * GIB))
models = st.builds(
    ModelInfo, st.sampled_from(["a", "b-coder", "c"]), st.just("ollama"), sizes,
    st.integers(0, 200_000), st.just(()), st.integers(0, 400_000),
)  # fmt: skip


@pytest.mark.parametrize(
    ("model", "machine", "where", "context"),
    [
        (CODER_7B, LAPTOP, Where.GPU, 32_768),
        (LLAMA_8B, LAPTOP, Where.GPU, 16_384),
        (LLAMA_8B, NO_GPU, Where.CPU, 32_768),
        (CODER_32B, LAPTOP, Where.NOWHERE, 0),
        (CODER_32B, Machine(32 * GIB, 8 * GIB), Where.SPLIT, 32_768),
        (CODER_32B, Machine(32 * GIB, 24 * GIB), Where.GPU, 8_192),
        (CODER_7B, SMALL, Where.CPU, 12_288),
        (EMBEDDER, SMALL, Where.CPU, 2_048),
        (replace(CODER_7B, size_bytes=0), SMALL, Where.UNKNOWN, 32_768),
    ],
)
def test_known_models_on_known_machines(
    model: ModelInfo, machine: Machine, where: Where, context: int
) -> None:
    found = fit(model, machine)
    assert (found.where, found.context_length) == (where, context)


@given(models, machines)
def test_what_fits_fits(model: ModelInfo, machine: Machine) -> None:
    found = fit(model, machine)
    budget = {
        Where.GPU: machine.vram_budget,
        Where.SPLIT: machine.vram_budget + machine.memory_budget,
        Where.CPU: machine.memory_budget,
    }
    if found.fits:
        assert needed_bytes(model, found.context_length) <= budget[found.where]
        assert found.context_length <= (model.context_length or CONTEXTS[0])
        assert found.context_length >= min(model.context_length or 4_096, 4_096)
    else:
        assert found.context_length == 0


@given(models, machines, st.integers(0, 100 * GIB))
def test_more_memory_never_fits_less(model: ModelInfo, machine: Machine, more: int) -> None:
    before = fit(model, machine)
    after = fit(model, replace(machine, memory_bytes=machine.memory_bytes + more))
    assert after.fits >= before.fits
    assert after.context_length >= before.context_length


@given(st.lists(models, max_size=6), machines)
def test_a_ladder_goes_down(found: list[ModelInfo], machine: Machine) -> None:
    rungs = ladder(found, machine)
    assert bool(rungs) == bool(found)
    assert all(rung.size_bytes < rungs[0].size_bytes for rung in rungs[1:])
    if any(fit(model, machine).fits for model in found):
        assert all(fit(rung, machine).fits for rung in rungs)


def test_code_on_the_gpu_comes_before_larger_and_slower() -> None:
    everything = [LLAMA_8B, CODER_32B, CODER_7B, CODER_1B, EMBEDDER]
    assert [rung.name for rung in ladder(everything, LAPTOP)] == [CODER_7B.name, CODER_1B.name]
    assert ladder(everything, Machine(64 * GIB))[0] is CODER_7B
    assert ladder([CODER_32B, EMBEDDER], SMALL) == (CODER_32B,)
    assert ladder([EMBEDDER], LAPTOP) == ()


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (Machine(4 * GIB), "tiny"),
        (SMALL, "small"),
        (NO_GPU, "medium"),
        (Machine(128 * GIB), "medium"),
        (LAPTOP, "medium"),
        (Machine(32 * GIB, 16 * GIB), "large"),
        (Machine(64 * GIB, 24 * GIB), "large"),
        (Machine(64 * GIB, 48 * GIB), "huge"),
        (Machine(32 * GIB, 2 * GIB), "medium"),
    ],
)
def test_tiers(machine: Machine, name: str) -> None:
    assert tier_of(machine).name == name
    assert tier_of(machine) in TIERS


@pytest.mark.parametrize(
    ("name", "can", "expected"),
    [
        ("qwen", ("completion", "tools"), True),
        ("qwen", (), True),
        ("anything", ("embedding",), False),
        ("bge-m3:latest", (), False),
    ],
)
def test_models_that_only_embed_do_not_chat(
    name: str, can: tuple[str, ...], *, expected: bool
) -> None:
    assert can_chat(ModelInfo(name, "ollama", 1, 1, can)) is expected
