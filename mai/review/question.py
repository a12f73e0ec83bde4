"""The questions that a small model is good at: yes or no, about one place of a change.

Several are asked, all after the same text, so that a server reads that text once. What counts is
how much likelier one answer is than the other; where the server gives no probabilities, how often
it comes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from mai.errors import BadAnswer
from mai.events import Cancel
from mai.proposal import TrialReport
from mai.protocols import ChatRequest, Provider
from mai.providers.base import ask, context_tokens, weigh
from mai.review.units import Unit
from mai.templating.blocks import trusted
from mai.templating.budget import Part
from mai.templating.templates import load

#: Where a server gives no probabilities, this often is asked, at this temperature.
SAMPLES = 3
SAMPLE_TEMPERATURE = 0.8
_SAMPLE_TOKENS = 200
_REASON = "What is wrong with the new code? Answer in one sentence."
_REASON_TOKENS = 80
_NOTHING = "(there is no such code)"
_WORD = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; the answer `suspect` speaks against the change, `fine` for it."""

    text: str
    suspect: str = "Yes"
    fine: str = "No"


QUESTIONS = (
    Question("Does the new code have a bug that the old code does not have? Answer Yes or No."),
    Question(
        "Is the new code correct, and does it do what the title says? Answer Yes or No.",
        suspect="No",
        fine="Yes",
    ),
    Question("Would this change break something that worked before? Answer Yes or No."),
)


def ask_questions(
    provider: Provider, title: str, unit: Unit, trial: TrialReport | None, cancel: Cancel
) -> tuple[float, ...]:
    """Return the log-odds against `unit`, one for each question.

    Raises:
        ContextOverflow: it is too long to be read in one piece.
        ProviderError: the model failed, or gives other answers than those asked for.
        Cancelled: somebody asked to stop.
    """
    room_tokens = context_tokens(provider)
    parts = _parts(title, unit, trial)
    odds = []
    for question in QUESTIONS:
        request = _request(parts, question.text, room_tokens)
        odds.append(_odds(provider, request, question, cancel))
    return tuple(odds)


def reason_request(
    provider: Provider, title: str, unit: Unit, trial: TrialReport | None
) -> ChatRequest:
    """Return the request for what is wrong with `unit`, after an objection to it.

    Raises:
        ProviderError: as for `ask_questions`.
    """
    request = _request(_parts(title, unit, trial), _REASON, context_tokens(provider))
    return replace(request, answer_tokens=_REASON_TOKENS)


def _request(parts: tuple[Part, ...], question: str, room_tokens: int) -> ChatRequest:
    prompt = load("review/unit")
    return prompt.request(parts, context_tokens=room_tokens, question=trusted(question))


def _parts(title: str, unit: Unit, trial: TrialReport | None) -> tuple[Part, ...]:
    return (
        Part("the title", title, importance=0),
        Part("the tests", _tests(trial), importance=0),
        Part("the old code", unit.before or _NOTHING, importance=0),
        Part("the new code", unit.after or _NOTHING, importance=0),
    )


def _tests(trial: TrialReport | None) -> str:
    if trial is None:
        return "They were not run."
    failed = trial.head.failed + trial.head.errors
    fixed = f", {len(trial.fixed)} of them failed before" if trial.fixed else ""
    return f"With the new code {trial.head.passed} pass{fixed}, {failed} fail."


def _odds(provider: Provider, request: ChatRequest, question: Question, cancel: Cancel) -> float:
    words = (question.suspect, question.fine)
    weighed = weigh(provider, request, words, cancel)
    if weighed is not None:
        return weighed[0] - weighed[1]
    counts = [0, 0]
    sampled = replace(request, temperature=SAMPLE_TEMPERATURE, answer_tokens=_SAMPLE_TOKENS)
    for _ in range(SAMPLES):
        word = _WORD.search(ask(provider, sampled, cancel))
        for at, expected in enumerate(words):
            counts[at] += word is not None and word.group().casefold() == expected.casefold()
    if not any(counts):
        raise BadAnswer(f"{provider.model} answers neither {words[0]} nor {words[1]}.")
    return math.log((counts[0] + 0.5) / (counts[1] + 0.5))
