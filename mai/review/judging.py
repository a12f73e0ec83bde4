"""How suspect one place of a change is, by the best way that the provider has.

Where it can say how likely a given text is, that decides; else yes/no questions do. A model is
measured with the way that it is later asked with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mai.events import Cancel
from mai.proposal import TrialReport
from mai.protocols import CanExpect, Expectation, Provider
from mai.review.expectation import expected, normalised
from mai.review.question import ask_questions
from mai.review.units import Unit
from mai.text import one_line

#: Goes up with every change of a prompt, a question or the score: what was measured before is void.
VERSION = 1

#: What each nat of doubt takes off. At 20, what was expected with 97 % counts in full but 0.6; with
#: 70 % hardly anything is left. Chosen on half of the shipped changes, between 0, 1, 5 and 20.
_DOUBT = 20.0

#: What speaks against a place, one number for each way that it was looked at.
Signs = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Surprise:
    """Where the model was surest of something else: the line, what is there, what it expected."""

    line: str
    found: str
    expected: str
    chance: float

    def __str__(self) -> str:
        percent = min(99, round(100 * self.chance))
        return f"In `{self.line}` I expected `{self.expected}` ({percent} %), not `{self.found}`."


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found at one place. `surprise` where the provider can say what it expected."""

    signs: Signs
    surprise: Surprise | None = None


def score_of(signs: Signs) -> float:
    """Return how suspect a place is; above the model's own threshold is an objection."""
    return sum(signs) / len(signs)


def method_of(provider: Provider) -> str:
    """Return the way that `judge` has for `provider`."""
    return "expectation" if isinstance(provider, CanExpect) else "questions"


def judge(
    provider: Provider, title: str, unit: Unit, trial: TrialReport | None, cancel: Cancel
) -> Judgement:
    """Return how suspect `unit` is.

    Raises:
        ContextOverflow: it is too long to be read in one piece.
        ProviderError: the model failed, or answers what it was not asked.
        Cancelled: somebody asked to stop.
    """
    plain = normalised(unit)
    tokens = expected(provider, title, plain, cancel)
    if tokens is None:
        return Judgement(ask_questions(provider, title, unit, trial, cancel))
    if not tokens:
        return Judgement((0.0,))
    worst = max(tokens, key=suspicion)
    return Judgement((suspicion(worst),), _surprise(plain.after, worst))


def _surprise(code: str, token: Expectation) -> Surprise:
    at = min(token.start + len(token.text) - len(token.text.lstrip()), len(code))
    line = code[code.rfind("\n", 0, at) + 1 :].partition("\n")[0]
    chance = math.exp(token.best_logprob)
    return Surprise(_shown(line, 120), _shown(token.text), _shown(token.best), chance)


def suspicion(token: Expectation) -> float:
    """Return how suspect a token is: how much likelier another was, where the model was sure of it.

    Where several ways lie open the likeliest has little chance itself, and none of them is a fault.
    """
    gap = token.best_logprob - token.logprob
    return max(0.0, gap + _DOUBT * token.best_logprob)


def _shown(text: str, characters: int = 40) -> str:
    """Return code for a sentence; a piece of nothing but space is a line's end or indent."""
    return one_line(text, characters).strip().replace("`", "'") or "end of line"
