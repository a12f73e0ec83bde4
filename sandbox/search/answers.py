"""What forks answer: one JSON list on a line."""

from __future__ import annotations

import json
from typing import Any


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
