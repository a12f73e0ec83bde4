"""What the prompt offers while one types: commands, ids and tracked files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mai.console.commands import COMMANDS

MOST_OFFERED = 8
_FILE = re.compile(r"(?:^|(?<=\s))@(\S*)\Z")
_COMMAND = re.compile(r"/(\S*)\Z")
_ID = re.compile(r"/(show|approve|reject|rollback)\s+(\S*)\Z")


@dataclass(frozen=True, slots=True)
class Known:
    """What can be completed. `ids` are pairs of an id and its title; paths are sorted."""

    paths: Sequence[str] = ()
    waiting: Sequence[tuple[str, str]] = ()
    landed: Sequence[tuple[str, str]] = ()
    all: Sequence[tuple[str, str]] = field(default=())


@dataclass(frozen=True, slots=True)
class Offer:
    """One completion: `text` replaces the prompt from character `start` up to the cursor."""

    start: int
    text: str
    label: str
    help: str = ""


def offers(text: str, known: Known) -> tuple[Offer, ...]:
    """Return what would complete `text`, which ends at the cursor, the best first."""
    if found := _COMMAND.fullmatch(text):
        wanted = found.group(1).lower()
        return tuple(
            Offer(0, f"/{one.name}" + (" " if one.arguments else ""), one.usage, one.help)
            for one in COMMANDS
            if one.name.startswith(wanted)
        )
    if found := _ID.fullmatch(text):
        name, wanted = found.groups()
        pairs = {"show": known.all, "rollback": known.landed}.get(name, known.waiting)
        return tuple(
            Offer(found.start(2), one, one[:4], title)
            for one, title in pairs
            if one.startswith(wanted.lower())
        )[:MOST_OFFERED]
    if found := _FILE.search(text):
        return tuple(
            Offer(found.start(), f"@{path} ", f"@{path}")
            for path in closest(found.group(1), known.paths)
        )
    return ()


def closest(wanted: str, paths: Sequence[str], most: int = MOST_OFFERED) -> list[str]:
    """Return the paths that have the characters of `wanted` in this order, the best first.

    A run of characters, the start of a name and a short path count most.
    """
    pattern = wanted.lower()
    scored = [(_score(pattern, path.lower()), path) for path in paths]
    fitting = [(score, len(path), path) for score, path in scored if score is not None]
    return [path for _, _, path in sorted(fitting)[:most]]


def _score(wanted: str, path: str) -> int | None:
    """Return how badly `path` fits, 0 at best; None where it does not."""
    if not wanted:
        return path.count("/")
    name = path.rpartition("/")[2]
    if name.startswith(wanted):
        return 0
    for cost, text in ((1, name), (2, path)):
        if wanted in text:
            return cost
    at, gaps = -1, 0
    for character in wanted:
        found = path.find(character, at + 1)
        if found < 0:
            return None
        gaps += found - at - 1 if at >= 0 else 0
        at = found
    return 10 + gaps
