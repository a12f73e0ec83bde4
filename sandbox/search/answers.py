"""What forks answer: one JSON list on a line."""

from __future__ import annotations

import json
from typing import Any

_LONGEST_ERROR = 160


def encode(*record: Any) -> bytes:
    """Return an answer as one line."""
    return json.dumps(record).encode() + b"\n"


def decode(data: bytes) -> list[Any] | None:
    """Return an answer, None where it did not come whole."""
    if not data.endswith(b"\n"):
        return None
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, list) else None


def describe(raised: BaseException | None) -> str:
    """Return the type and the message of what was raised, on one line."""
    if raised is None:
        return ""
    try:
        text = str(raised)
    except Exception:  # noqa: BLE001 - the tree's own __str__
        text = "?"
    return f"{type(raised).__name__}: {' '.join(text.split())}"[:_LONGEST_ERROR]
