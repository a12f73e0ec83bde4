"""What a machine can think with: what a model needs, where that fits, with how long a context.

A model takes its weights, about their size on disk, and for every token of context a key and a
value per layer. Where it does not say how large those are, a careful guess stands in. All numbers
are in `docs/models.md`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mai.protocols import ModelInfo

GIB = 1024**3
#: The rest is the desktop's, the browser's and the sandbox's.
USABLE_MEMORY = 0.7
USABLE_VRAM = 0.9
#: Buffers beside weights and context; llama.cpp and Ollama report 0.3 to 0.6 GiB.
OVERHEAD_BYTES = GIB // 2
#: Without the model's own numbers: 8B models of the last years take one part in 40,000 of their
#: file per token, and larger ones less.
GUESSED_KV_SHARE = 1 / 40_000
#: On a processor larger ones answer slower than a person reads.
CPU_WEIGHTS_BYTES = 6 * GIB
CONTEXTS = (32_768, 24_576, 16_384, 12_288, 8_192, 6_144, 4_096, 2_048)
_LEAST_CONTEXT = 4_096

_CODE_MODEL = re.compile(r"code|devstral|codestral|starcoder", re.IGNORECASE)
_NO_CHAT_MODEL = re.compile(r"embed|bge-|minilm|rerank|whisper|bert", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is, in bytes. `vram_bytes` 0: no GPU that is known of."""

    memory_bytes: int
    vram_bytes: int = 0
    cores: float = 1.0

    @property
    def memory_budget(self) -> int:
        """How much of the memory a model may take."""
        return int(self.memory_bytes * USABLE_MEMORY)

    @property
    def vram_budget(self) -> int:
        """How much of the VRAM a model may take."""
        return int(self.vram_bytes * USABLE_VRAM)


class Where(StrEnum):
    """Where a model runs on a machine."""

    GPU = "gpu"
    SPLIT = "gpu and cpu"
    CPU = "cpu"
    NOWHERE = "nowhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fit:
    """How a model fits. `context_length` is the longest that fits there, 0 where none does."""

    where: Where
    needed_bytes: int
    context_length: int

    @property
    def fits(self) -> bool:
        """Whether it can be used at all."""
        return self.where is not Where.NOWHERE


@dataclass(frozen=True, slots=True)
class Tier:
    """A class of machine, by the memory a model may take there."""

    name: str
    budget_bytes: int
    suggestion: str


TIERS = (
    Tier("huge", 22 * GIB, "qwen2.5-coder:32b"),
    Tier("large", 11 * GIB, "qwen2.5-coder:14b"),
    Tier("medium", 6 * GIB, "qwen2.5-coder:7b"),
    Tier("small", 3 * GIB, "qwen2.5-coder:3b"),
    Tier("tiny", 0, "qwen2.5-coder:1.5b"),
)
_NO_GPU_TOP = "medium"


def tier_of(machine: Machine) -> Tier:
    """Return the machine's tier: by its VRAM, or by its RAM where that is more use.

    A processor is too slow for what is above `medium`, however much RAM stands beside it.
    """
    names = [tier.name for tier in TIERS]
    by_vram = _tier(machine.vram_budget)
    by_memory = TIERS[max(names.index(_tier(machine.memory_budget).name), names.index(_NO_GPU_TOP))]
    return max(by_vram, by_memory, key=lambda tier: tier.budget_bytes)


def needed_bytes(model: ModelInfo, context_length: int) -> int:
    """Return what `model` takes in memory with this context."""
    per_token = model.kv_bytes_per_token or int(model.size_bytes * GUESSED_KV_SHARE)
    return model.size_bytes + per_token * context_length + OVERHEAD_BYTES


def fit(model: ModelInfo, machine: Machine) -> Fit:
    """Say where `model` fits on `machine`, and with how long a context.

    The GPU counts first, then both together, then the processor; a context under 4,096 tokens
    counts only where the model has no longer one.
    """
    own = model.context_length or CONTEXTS[0]
    least = min(own, _LEAST_CONTEXT)
    if not model.size_bytes:
        return Fit(Where.UNKNOWN, 0, min(own, CONTEXTS[0]))
    places = [(Where.CPU, machine.memory_budget)]
    if machine.vram_bytes:
        both = machine.vram_budget + machine.memory_budget
        places = [(Where.GPU, machine.vram_budget), (Where.SPLIT, both)]
    for where, budget in places:
        for context in (own, *CONTEXTS):
            if context <= min(own, CONTEXTS[0]) and needed_bytes(model, context) <= budget:
                if context >= least:
                    return Fit(where, needed_bytes(model, context), context)
                break
    return Fit(Where.NOWHERE, needed_bytes(model, least), 0)


def can_chat(model: ModelInfo) -> bool:
    """Whether a model is there for talking; some only embed or rank."""
    if "embedding" in model.capabilities and "completion" not in model.capabilities:
        return False
    return not _NO_CHAT_MODEL.search(model.name)


def ladder(models: Sequence[ModelInfo], machine: Machine) -> tuple[ModelInfo, ...]:
    """Return the models that can chat here, the one to use first, then ever smaller ones.

    Best is what runs on the GPU or quickly enough on the processor, then what is made for code,
    then the largest. Where none fits, the smallest there is.
    """
    able = [model for model in models if can_chat(model)]
    fitting = [model for model in able if fit(model, machine).fits]
    if not fitting:
        return tuple(sorted(able, key=lambda model: (model.size_bytes, model.name))[:1])
    best = max(fitting, key=lambda model: _worth(model, machine))
    rest = [model for model in fitting if model.size_bytes < best.size_bytes]
    return (best, *sorted(rest, key=lambda model: _worth(model, machine), reverse=True))


def _worth(model: ModelInfo, machine: Machine) -> tuple[bool, bool, int, str]:
    where = fit(model, machine).where
    is_quick = where is Where.GPU or model.size_bytes <= CPU_WEIGHTS_BYTES
    is_for_code = bool(_CODE_MODEL.search(model.name))
    if is_quick:
        return True, is_for_code, model.size_bytes, model.name
    # Among slow ones the smallest is the least slow.
    return False, is_for_code, -model.size_bytes, model.name


def _tier(budget_bytes: int) -> Tier:
    return next(tier for tier in TIERS if budget_bytes >= tier.budget_bytes)
