"""Which form a model is asked to write in: chosen for each file, and for what the model holds.

Measured on one model: whole files are well-formed in 99.6 % of answers and search/replace in 72 %,
so a file that fits is asked for whole. A larger one is asked for by symbol, put in place with
libcst; search/replace remains for long functions and for long files that are not Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mai.agent.asking import file_label
from mai.agent.outline import source, symbols
from mai.agent.task import Place
from mai.edits.resolve import names_inside
from mai.prompting.repomap import words
from mai.providers.tokens import most_tokens
from mai.templating.templates import load

#: What a file may take of the room for an answer: models write a little more than they are shown.
WHOLE_SHARE = 0.8
#: What else must stand in a prompt for code: rules, task, plan, what went wrong.
BESIDE_TOKENS = 1000
_LEAST_TOKENS = 200


class Form(StrEnum):
    """A form to write in."""

    WHOLE = "whole"
    SYMBOL = "symbol"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class View:
    """A place as the model is shown it. `tokens` is the ceiling of what its text costs."""

    place: Place
    form: Form
    label: str
    text: str
    tokens: int


def room_for_code(context_tokens: int) -> int:
    """Return how many tokens of code one prompt may show and have back; 0 is not known."""
    prompt = load("write")
    room = int(prompt.answer_tokens * WHOLE_SHARE)
    if context_tokens:
        room = min(room, context_tokens - prompt.answer_tokens - BESIDE_TOKENS)
    return max(_LEAST_TOKENS, room)


def is_small(data: bytes, room_tokens: int) -> bool:
    """Whether a file is asked for whole."""
    return most_tokens(data.decode("utf-8", "replace")) <= room_tokens


def view(place: Place, data: bytes | None, about: str, room_tokens: int) -> View:
    """Return what to show of `place`, whose file holds `data` (None: it is new), and its form."""
    text = (data or b"").decode("utf-8", "replace").replace("\r\n", "\n")
    if data is None or (not place.symbol and is_small(data, room_tokens)):
        return _view(place, Form.WHOLE, place.path, text)
    named = names_inside(place.path, place.symbol) if place.symbol else []
    wanted = {".".join(name) for name in named}
    found = next((one for one in symbols(data) if one.name in wanted), None)
    if found is not None:
        code = source(data, found)
        action = "" if place.action == "replace" else f" action={place.action}"
        if most_tokens(code) <= room_tokens:
            label = f"{place.path} symbol={found.name}{action}"
            return _view(place, Form.SYMBOL, label, code)
        return _view(place, Form.SEARCH, place.path, window(code, about, room_tokens))
    return _view(place, Form.SEARCH, place.path, window(text, about, room_tokens))


def window(text: str, about: str, room_tokens: int) -> str:
    """Return the run of lines within `room_tokens` that has most words of `about` in it."""
    wanted = words(about)
    lines = text.split("\n")
    costs = [most_tokens(line + "\n") for line in lines]
    scores = [len(wanted & words(line)) for line in lines]
    best, best_score = (0, 0), -1
    start = cost = score = 0
    for end in range(len(lines)):
        cost, score = cost + costs[end], score + scores[end]
        while cost > room_tokens and start <= end:
            cost, score = cost - costs[start], score - scores[start]
            start += 1
        if score > best_score or (score == best_score and best == (start, end)):
            best, best_score = (start, end + 1), score
    return "\n".join(lines[best[0] : best[1]])


def _view(place: Place, form: Form, label: str, text: str) -> View:
    return View(place, form, file_label(label), text, most_tokens(text))
