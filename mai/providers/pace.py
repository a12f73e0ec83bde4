"""How fast a model reads on this machine, which says how much it may be given to read."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from mai.errors import ProviderError
from mai.protocols import ModelInfo, Provider

#: One core goes through so many bytes of weights a second while it reads: 1.1 GB at 66 tokens a
#: second on two cores, in batches of 64.
BYTES_PER_CORE_S = 36_000_000_000
#: Who asks something should see the first words after so long.
FIRST_WORDS_S = 5.0
LEAST_TOKENS = 200
_QUICK_TOKENS_PER_S = 250
_DRIVERS = ("/proc/driver/nvidia/version", "/dev/kfd")


@dataclass(frozen=True, slots=True)
class Pace:
    """Tokens per second that a model reads; 0 where nothing is known, or a GPU does it."""

    read_per_s: float

    @property
    def is_slow(self) -> bool:
        """Whether a long prompt makes a person wait."""
        return 0 < self.read_per_s < _QUICK_TOKENS_PER_S

    @property
    def room_tokens(self) -> int:
        """How much to give it to read before its first words."""
        return max(LEAST_TOKENS, int(self.read_per_s * FIRST_WORDS_S))


UNKNOWN = Pace(0.0)


async def expected_pace(provider: Provider, cores: float | None = None) -> Pace:
    """Return what is expected of the model that `provider` thinks with now."""
    if has_gpu():
        return UNKNOWN
    try:
        models = await provider.models()
    except ProviderError:
        return UNKNOWN  # the answer itself will say what is wrong with the server
    found = (one for one in models if is_named(one.name, provider.model))
    return pace_of(next(found, None), cores or usable_cores())


def is_named(name: str, model: str) -> bool:
    """Whether a server's `name` is the one that `model` says; `:latest` goes without saying."""
    return model in {name, name.removesuffix(":latest")}


def pace_of(model: ModelInfo | None, cores: float) -> Pace:
    """Return what is expected of a model from its size and the cores that it has."""
    if model is None or not model.size_bytes:
        return UNKNOWN
    return Pace(cores * BYTES_PER_CORE_S / model.size_bytes)


def has_gpu() -> bool:
    """Return whether a GPU computes here: Apple's, or one that NVIDIA's or AMD's driver runs."""
    return sys.platform == "darwin" or any(Path(path).exists() for path in _DRIVERS)


def usable_cores() -> int:
    """Return the physical cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return min(filter(None, (psutil.cpu_count(logical=False), allowed)), default=1)
