"""Log-probabilities of an answer's first token, as llama.cpp and Ollama list them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

#: How many tokens a server is asked to list; both servers take at most this many.
LISTED_TOKENS = 20


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
