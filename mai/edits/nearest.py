"""What in a file comes nearest to lines that are not there, for whoever must try again."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence

from mai.text import plain

_LINES_SHOWN = 8
_COLUMNS_SHOWN = 120
# Similarity is quadratic in the length of what is compared; a message need not be exact.
_LINES_COMPARED = 20_000
_CANDIDATES = 20
_CHARACTERS_COMPARED = 2_000


def nearest(lines: Sequence[str], wanted: Sequence[str]) -> str:
    """Return a sentence with the lines of `lines` most like `wanted`, numbered, one a row."""
    texts = [line.strip() for line in lines[:_LINES_COMPARED]]
    asked = [line.strip() for line in wanted[:_LINES_COMPARED]]
    if not any(texts) or not any(asked):
        return "The file has no text to compare it with."
    start = _best_start(texts, asked)
    stop = min(start + min(len(asked), _LINES_SHOWN), len(lines))
    rows = [f"{at + 1:>6} | {_shown(lines[at])}" for at in range(start, stop)]
    return f"The nearest lines are {start + 1} to {stop}:\n" + "\n".join(rows)


def _shown(line: str) -> str:
    text = plain(line).rstrip("\n")
    return text if len(text) <= _COLUMNS_SHOWN else text[: _COLUMNS_SHOWN - 1] + "…"


def _best_start(texts: list[str], asked: list[str]) -> int:
    """Return the start of the window most like `asked`: by shared lines, then by likeness."""
    size = min(len(asked), len(texts))
    wanted = Counter(line for line in asked if line)
    shared = [line in wanted for line in texts]
    count = sum(shared[:size])
    counts = [count]
    for at in range(1, len(texts) - size + 1):
        count += shared[at + size - 1] - shared[at - 1]
        counts.append(count)
    if max(counts) == 0:
        return _most_alike_line(texts, asked, size)
    best = sorted(range(len(counts)), key=lambda at: -counts[at])[:_CANDIDATES]
    matcher = difflib.SequenceMatcher(b="\n".join(asked)[:_CHARACTERS_COMPARED])
    return max(best, key=lambda at: _likeness(matcher, "\n".join(texts[at : at + size])))


def _most_alike_line(texts: list[str], asked: list[str], size: int) -> int:
    offset, first = next((at, line) for at, line in enumerate(asked) if line)
    matcher = difflib.SequenceMatcher(b=first[:_CHARACTERS_COMPARED])
    words = Counter(first.split())
    # The cheap measure picks the lines that are worth the dear one.
    likely = sorted(
        range(len(texts)), key=lambda at: -sum((Counter(texts[at].split()) & words).values())
    )
    found = max(likely[: _CANDIDATES * 10], key=lambda at: _likeness(matcher, texts[at]))
    return max(min(found - offset, len(texts) - size), 0)


def _likeness(matcher: difflib.SequenceMatcher[str], text: str) -> float:
    matcher.set_seq1(text[:_CHARACTERS_COMPARED])
    return matcher.ratio()
