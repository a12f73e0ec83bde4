"""How much a test may take: Mai tries changes to itself in its own sandbox, where time is short."""

from __future__ import annotations

import os

IN_SANDBOX = os.environ.get("MAI_IN_SANDBOX") == "1"


def examples(number: int) -> int:
    """Return how many examples a property is tried with: a twentieth of `number` in the sandbox."""
    return max(25, number // 20) if IN_SANDBOX else number
