"""What scores on known changes say of a reviewer: threshold, rates, and what luck alone allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb

#: Of an able reviewer at least this share of verdicts is right, luck set aside. A coin has 0.5.
#: With 48 changes it takes 42 right ones. Qwen2.5-Coder 1.5B had 38 right in one run, and 11 of 16
#: others that nothing was chosen by: what just passes a lower line disappoints.
LINE = 0.75
#: How sure that is: a reviewer whose real share is `LINE` passes one time in twenty.
CONFIDENCE = 0.95
FOLDS = 6

#: Two scores of one pair: of the good change and of the bad one. Higher is more suspect.
Scores = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a reviewer objected to bad changes (`hits`) and to good ones (`false_alarms`)."""

    hits: int
    bad: int
    false_alarms: int
    good: int

    @property
    def right(self) -> int:
        """The number of right verdicts."""
        return self.hits + self.good - self.false_alarms

    @property
    def is_able(self) -> bool:
        """Whether the verdicts are worth showing."""
        return lower_bound(self.right, self.bad + self.good) >= LINE


def best_threshold(pairs: Sequence[Scores]) -> float:
    """Return the score above which to object, so that the most of `pairs` are judged right.

    Among equals, the middle of the thresholds that do.
    """
    scores = sorted({score for pair in pairs for score in pair})
    middles = [(low + high) / 2 for low, high in pairwise(scores)]
    candidates = [scores[0] - 1, *middles, scores[-1] + 1]
    counted = [
        (rates(pairs, [threshold] * len(pairs)).right, threshold) for threshold in candidates
    ]
    most = max(right for right, _ in counted)
    best = [threshold for right, threshold in counted if right == most]
    return best[len(best) // 2]


def rates(pairs: Sequence[Scores], thresholds: Sequence[float]) -> Rates:
    """Return how verdicts with each pair's threshold turn out."""
    judged = list(zip(pairs, thresholds, strict=True))
    hits = sum(bad > threshold for (_, bad), threshold in judged)
    alarms = sum(good > threshold for (good, _), threshold in judged)
    return Rates(hits, len(pairs), alarms, len(pairs))


def cross_validated(pairs: Sequence[Scores]) -> Rates:
    """Return the rates where no pair is judged with a threshold that was chosen by it."""
    thresholds = []
    for at in range(len(pairs)):
        others = [pair for other, pair in enumerate(pairs) if other % FOLDS != at % FOLDS]
        thresholds.append(best_threshold(others or pairs))
    return rates(pairs, thresholds)


def lower_bound(right: int, count: int) -> float:
    """Return the least real share that `right` of `count` does not rule out (Clopper-Pearson)."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        chance = sum(
            comb(count, k) * middle**k * (1 - middle) ** (count - k)
            for k in range(right, count + 1)
        )
        low, high = (middle, high) if chance < 1 - CONFIDENCE else (low, middle)
    return low


def needed(count: int) -> int:
    """Return how many of `count` verdicts must be right; more than `count` where none will do."""
    enough = (right for right in range(count + 1) if lower_bound(right, count) >= LINE)
    return next(enough, count + 1)


def is_hopeless(pairs: Sequence[Scores], count: int) -> bool:
    """Whether the line is out of reach of what was measured of `count` pairs so far.

    Judged with the best threshold for `pairs`, which flatters, too many are wrong already; or of
    half of all pairs, or more, a smaller share is right than the line.
    """
    if not pairs:
        return False
    right = rates(pairs, [best_threshold(pairs)] * len(pairs)).right
    wrong = 2 * len(pairs) - right
    is_late = 2 * len(pairs) >= count
    return wrong > 2 * count - needed(2 * count) or (is_late and right < LINE * 2 * len(pairs))
