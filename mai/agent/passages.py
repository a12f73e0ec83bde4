"""The few passages of a repository that a question is about, for a model that reads slowly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mai.agent.asking import file_label
from mai.agent.mentions import is_secret
from mai.agent.outline import Symbol, source, symbols
from mai.prompting.repomap import ranked_paths, words
from mai.protocols import Snapshot
from mai.providers.tokens import most_tokens
from mai.suite import read_many
from mai.templating.budget import Part

_MOST_FILES = 12
_MOST_PASSAGES = 4
_LARGEST_BYTES = 200_000
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_LEAST_LINES_SHOWN = 3


def passages(snapshot: Snapshot, question: str, room_tokens: int) -> list[Part]:
    """Return the passages most relevant to `question`, best first, within `room_tokens`.

    A definition that the question names comes first, then those that share its words; a file that
    is no Python, such as a README, is shown from its beginning. What is long is cut at a line.
    """
    chosen = [path for path in ranked_paths(snapshot, question) if not is_secret(path)]
    found: list[tuple[float, str, str]] = []
    for rank, (path, data) in enumerate(read_many(snapshot, chosen[:_MOST_FILES])):
        if len(data) > _LARGEST_BYTES or b"\0" in data:
            continue
        for score, label, text in _of_file(path, data, question):
            found.append((score - rank / _MOST_FILES, label, text))
    found.sort(key=lambda one: -one[0])
    parts: list[Part] = []
    for _, label, text in found[:_MOST_PASSAGES]:
        shown = _within(text, room_tokens)
        if not shown:
            break
        room_tokens -= most_tokens(shown)
        parts.append(Part(file_label(label), shown, importance=len(parts)))
    return parts


def _of_file(path: str, data: bytes, question: str) -> Iterator[tuple[float, str, str]]:
    """Yield score, label and text of each passage of a file."""
    found = symbols(data) if path.endswith(".py") else ()
    wanted, names = words(question), set(_IDENTIFIER.findall(question))
    in_path = len(wanted & words(path)) + 4.0 * (path.rpartition("/")[2] in question)
    if not found:
        yield in_path, path, data.decode("utf-8", "replace")
        return
    for symbol in _outermost(found, names):
        text = source(data, symbol)
        last = symbol.name.rpartition(".")[2]
        score = in_path + 8.0 * (last in names or symbol.name in names)
        score += 2.0 * len(wanted & words(symbol.name)) + 0.5 * len(wanted & words(text))
        yield score, f"{path}, lines {symbol.first}-{symbol.last}", text


def _outermost(found: Sequence[Symbol], names: set[str]) -> list[Symbol]:
    """Return functions and classes without what is inside of another, unless that is named."""
    return [one for one in found if "." not in one.name or one.name.rpartition(".")[2] in names]


def _within(text: str, room_tokens: int) -> str:
    """Return the first lines of `text` that fit, nothing where these are too few to say much."""
    shown: list[str] = []
    for line in text.rstrip().split("\n"):
        room_tokens -= most_tokens(line + "\n")
        if room_tokens < 0:
            return "\n".join([*shown, "…"]) if len(shown) >= _LEAST_LINES_SHOWN else ""
        shown.append(line)
    return "\n".join(shown)
