"""What to do about a fault of a model or its server: try again, another model, or stop."""

from __future__ import annotations

from enum import StrEnum

from mai.errors import (
    BadAnswer,
    ContextOverflow,
    MaiError,
    NoModel,
    OutOfMemory,
    ProviderDied,
    ProviderError,
    ProviderUnreachable,
)


class Remedy(StrEnum):
    """What helps against a fault."""

    RETRY = "retry"
    FALL_BACK = "fall-back"
    STOP = "stop"


#: The first kind that matches decides, so children stand before their parents.
_REMEDIES: tuple[tuple[type[MaiError], Remedy], ...] = (
    # No other model reads more than it was given: whoever wrote the prompt must write less.
    (ContextOverflow, Remedy.STOP),
    # A server that died is often up again at once: Ollama restarts its runner by itself.
    (ProviderDied, Remedy.RETRY),
    (BadAnswer, Remedy.RETRY),
    (ProviderUnreachable, Remedy.FALL_BACK),
    (NoModel, Remedy.FALL_BACK),
    (OutOfMemory, Remedy.FALL_BACK),
    (ProviderError, Remedy.FALL_BACK),
)

_MEMORY_WORDS = (
    "out of memory",
    "outofmemory",
    "requires more system memory",
    "not enough memory",
    "insufficient memory",
    "insufficient system resources",
    "unable to allocate",
    "failed to allocate",
    "cudamalloc failed",
    "bad_alloc",
    "kv cache",
)


def remedy_for(error: BaseException) -> Remedy:
    """Return what to do about `error`; what is no fault of a model or server is a stop."""
    return next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), Remedy.STOP)


def is_memory_fault(said: str) -> bool:
    """Whether a server's own words say that memory ran out. They come as prose, not as a code."""
    lowered = said.lower()
    return any(words in lowered for words in _MEMORY_WORDS)
