"""Asking for a stage's answer: every prompt rendered anew within its budget, loops noticed.

A complaint about the last answer is a part of the next prompt and not a longer conversation, so
that a model of 4,000 tokens can be asked a third time as well as the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mai.agent.task import Means, Work
from mai.errors import ProviderError
from mai.protocols import ChatRequest
from mai.providers.base import ask, parse_json
from mai.templating.blocks import fenced
from mai.templating.budget import Part
from mai.templating.templates import load
from mai.text import one_line

ROUNDS = 3
#: The same answer, or the same tool call, this often is a loop.
SAME = 3
_SHOWN_CHARACTERS = 100
#: Labels that the prompts give authority to.
_RESERVED = frozenset({"the task", "the plan", "the person adds", "the person says"})
_WRONG = "what was wrong with your last answer"

Answer = TypeVar("Answer", bound=BaseModel)


class Repeats:
    """Notices a model that goes round in circles."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._seen: Counter[tuple[str, str]] = Counter()

    def saw(self, kind: str, text: str) -> None:
        """Count `text`, such as an answer or a tool call.

        Raises:
            ProviderError: it is the third time; the sentence says what was tried.
        """
        key = (kind, text.strip())
        self._seen[key] += 1
        if self._seen[key] >= SAME:
            raise ProviderError(
                f"{self._model} gave the same {kind} {SAME} times, so I stopped: "
                f"{one_line(text, _SHOWN_CHARACTERS) or 'nothing'}"
            )


def file_label(path: str) -> str:
    """Return how a file is named in a prompt: no file can be called like what a person says."""
    return f"./{path}" if one_line(path).casefold() in _RESERVED else path


def request(
    name: str, means: Means, work: Work, parts: Sequence[Part], **values: Any
) -> ChatRequest:
    """Return the prompt of stage `name` about `work`, fitted to the model's context.

    `values` are blocks or numbers for the template, which refuses anything else.

    Raises:
        ContextOverflow: what must be in it does not fit.
    """
    words = [Part("the person adds", text, importance=0) for text in work.said]
    return load(name).request(
        [*parts, *words],
        context_tokens=means.context_tokens,
        task=fenced("the task", work.task),
        **values,
    )


def answer_text(means: Means, wanted: ChatRequest, repeats: Repeats) -> str:
    """Ask once.

    Raises:
        ProviderError: the model or its server failed, or it repeats itself.
        Cancelled: somebody asked to stop.
    """
    answer = ask(means.provider, wanted, means.cancel)
    repeats.saw("answer", answer)
    return answer


def decide(
    means: Means,
    render: Callable[[Sequence[Part]], ChatRequest],
    model: type[Answer],
    is_otherwise: Callable[[str], bool] = lambda _answer: False,
) -> Answer | str:
    """Return the answer as a `model`; or as it stands where it is none and `is_otherwise` likes it.

    `render` makes the prompt with further parts: what was wrong with the answer before.

    Raises:
        ProviderError: three answers do not fit, or the model repeats itself.
        Cancelled: somebody asked to stop.
    """
    repeats = Repeats(means.provider.model)
    parts: list[Part] = []
    fault = ""
    for _ in range(ROUNDS):
        answer = answer_text(means, render(parts), repeats)
        try:
            return model.model_validate(parse_json(answer))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "it"
            fault = one_line(f"{where}: {first['msg']}")
        except ValueError as error:
            fault = one_line(str(error))
        if is_otherwise(answer):
            return answer
        parts = [Part(_WRONG, f"{fault}. Answer with one JSON object only.", importance=0)]
    raise ProviderError(f"{means.provider.model} gave no usable answer in {ROUNDS} tries; {fault}.")
