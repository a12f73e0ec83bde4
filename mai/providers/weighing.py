"""Log-probabilities of tokens, as llama.cpp and Ollama list them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mai.protocols import Expectation

#: How many tokens a server is asked to list; both servers take at most this many.
LISTED_TOKENS = 20
#: What an unlisted token has at most, and a listed one at least, as natural log-probabilities.
_UNLISTED = -8.0
_LEAST = -30.0
#: Characters between two pieces that belong to none.
_MOST_PASSED_OVER = 8


def weights(listed: Iterable[Mapping[str, object]], words: Sequence[str]) -> list[float] | None:
    """Return the log-probability of each of `words` among the `listed` tokens of one place.

    A token counts for a word where they are equal but for case and spaces. A word that is not
    listed gets what the least likely listed token has, its most. None: nothing is listed.
    """
    likely: dict[str, float] = {}
    least = 0.0
    for entry in listed:
        token, value = entry.get("token"), entry.get("logprob")
        if not isinstance(token, str) or not isinstance(value, int | float):
            continue
        value = max(float(value), -100.0)  # llama.cpp writes minus infinity as the least float
        least = min(least, value)
        name = token.strip().casefold()
        likely[name] = likely.get(name, 0.0) + math.exp(value)
    if not likely:
        return None
    found = [likely.get(word.strip().casefold(), 0.0) for word in words]
    return [max(math.log(one), least) if one > 0 else least for one in found]


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text; `start` and `end` count the text's characters."""

    id: int
    text: str
    start: int
    end: int

    def is_in(self, spans: Sequence[tuple[int, int]]) -> bool:
        """Whether any character of it but a line end lies in one of `spans`, or all are line ends.

        The end of a line belongs to the line that it ends.
        """
        first = self.start + len(self.text) - len(self.text.lstrip("\n"))
        start = first if first < self.end else self.start
        return any(start < end and self.end > begin for begin, end in spans)


def pieces_of(listed: Iterable[Mapping[str, Any]], text: str) -> list[Token]:
    """Return the tokens of `text` that llama.cpp's `/tokenize` lists with their pieces.

    A piece may lack what its token stands for (a byte, part of a character), or begin with a space
    that the tokenizer put first, so each is looked for in `text`.
    """
    tokens, at = [], 0
    for entry in listed:
        piece = entry["piece"]
        piece = piece if isinstance(piece, str) else bytes(piece).decode("utf-8", "ignore")
        if not text.startswith(piece, at):
            piece = piece.removeprefix(" ")
        found = text.find(piece, at, at + len(piece) + _MOST_PASSED_OVER)
        start = found if found >= 0 else at
        end = start + len(piece) if found >= 0 else at
        tokens.append(Token(int(entry["id"]), text[start:end], start, end))
        at = end
    return tokens


def expectation(token: Token, listed: Sequence[Mapping[str, Any]]) -> Expectation:
    """Return what was expected in the place of `token`, where `listed` was likeliest, in order."""
    values = {int(one["id"]): float(one["logprob"]) for one in listed}
    best = listed[0]
    # A token that is not listed is less likely than all that are.
    floor = max(min(_UNLISTED, *values.values()), _LEAST)
    own = values.get(token.id, floor)
    return Expectation(token.start, token.text, own, str(best["token"]), float(best["logprob"]))
