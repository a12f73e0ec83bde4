"""`@file`: what a person may put before the model by name. Tracked files of the commit only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from mai.protocols import Snapshot

MAX_FILE_BYTES = 60_000
_MENTION = re.compile(r"(?<![\w@/.])@(?P<quoted>\"[^\"\n]+\"|[\w./-]+)")
_SECRET_SUFFIXES = frozenset({".pem", ".key", ".p12", ".pfx", ".keystore"})


def mentioned(text: str, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield path and content of every `@path` in `text`, each once, in order.

    A unique file name is enough. What the commit does not have, what holds secrets by its name, and
    what is large or not text is passed over.
    """
    seen = set()
    for match in _MENTION.finditer(text):
        path = _resolved(match.group("quoted").strip('"').rstrip("."), snapshot)
        if path is None or path in seen or is_secret(path):
            continue
        seen.add(path)
        data = snapshot.read(path)
        if data is None or len(data) > MAX_FILE_BYTES or b"\0" in data:
            continue
        yield path, data.decode("utf-8", "replace")


def is_secret(path: str) -> bool:
    """Whether a file of this name is where secrets are kept: `.env` of any kind, keys."""
    name = PurePosixPath(path).name.lower()
    is_env = name == ".envrc" or (name.startswith(".env") and not name.endswith(".example"))
    is_key = name.startswith("id_") and "." not in name
    return (
        is_env or name.endswith(".env") or is_key or PurePosixPath(name).suffix in _SECRET_SUFFIXES
    )


def _resolved(path: str, snapshot: Snapshot) -> str | None:
    paths = snapshot.paths()
    wanted = path.removeprefix("./")
    if wanted in paths:
        return wanted
    named = [other for other in paths if PurePosixPath(other).name == wanted]
    return named[0] if len(named) == 1 else None
