"""The second agent: a model that sees the change and never its author's reasons.

It can object, or add concerns, or have nothing to say. What it cannot do is approve by accident:
an answer that is not exactly a verdict is no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from mai.errors import ProviderError
from mai.events import Cancel
from mai.proposal import Opinion, Proposal, ReviewReport, RiskReport, TrialReport
from mai.protocols import Provider
from mai.providers.base import ask_json, context_tokens
from mai.review.review_lines import located, shown_lines
from mai.templating.budget import Part
from mai.templating.templates import load
from mai.text import one_line
from mai.visible import visible_diff
from mai.words import label, said

MAX_CONCERNS = 8
CONCERN_CHARACTERS = 300
_MAX_LISTED = 20


class Concern(BaseModel):
    """One concern. `line` is the new file's, 0 where it is about no line."""

    model_config = ConfigDict(extra="ignore")

    path: str = ""
    line: int = 0
    text: Annotated[str, StringConstraints(strip_whitespace=True)]


class ReviewVerdict(BaseModel):
    """What the model answers. Anything else is asked for again, and then counts as no review."""

    model_config = ConfigDict(extra="ignore")

    verdict: Literal["approve", "object"]
    # Models that are held to no schema often write a sentence instead of an object.
    concerns: list[Concern | Annotated[str, StringConstraints(strip_whitespace=True)]]


class ModelReviewer:
    """Reviews proposals with the model of `provider`."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.name = f"{provider.model} ({provider.name})"

    def review(self, proposal: Proposal, diff: str, cancel: Cancel) -> ReviewReport:
        """Judge `proposal` from its diff, risk and trial.

        A model that fails, or whose answer is no verdict, gives the opinion `none` and says why.

        Raises:
            Cancelled: somebody asked to stop.
        """
        parts = (
            Part("the risk report", _risk(proposal.risk), importance=1),
            Part("the trial", _trial(proposal.trial), importance=2),
            Part("the diff", visible_diff(diff), importance=0),
            Part("the title, in its author's words", label(proposal.title), importance=0),
        )
        try:
            room_tokens = context_tokens(self._provider)
            request = load("review/review").request(parts, context_tokens=room_tokens)
            answer = ask_json(self._provider, request, ReviewVerdict, cancel)
        except ProviderError as error:
            why = one_line(f"Not reviewed. {error}", CONCERN_CHARACTERS)
            return ReviewReport(Opinion.NONE, self.name, (why,))
        shown = shown_lines(diff)
        concerns = [_told(concern, shown) for concern in answer.concerns]
        opinion = Opinion.APPROVE if answer.verdict == "approve" else Opinion.OBJECT
        return ReviewReport(opinion, self.name, tuple(filter(None, concerns))[:MAX_CONCERNS])


class AbsentReviewer:
    """Stands for a reviewer that was asked for by name and cannot be had; it approves nothing."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self._reason = reason

    def review(self, proposal: Proposal, diff: str, cancel: Cancel) -> ReviewReport:
        """Say why there is no review."""
        del proposal, diff, cancel
        why = one_line(f"Not reviewed. {self._reason}", CONCERN_CHARACTERS)
        return ReviewReport(Opinion.NONE, self.name, (why,))


def _told(concern: Concern | str, shown: Mapping[str, frozenset[int]]) -> str:
    if isinstance(concern, str):
        return one_line(concern, CONCERN_CHARACTERS)
    text = one_line(concern.text, CONCERN_CHARACTERS)
    told = located(concern.path, concern.line, text, shown) if text else ""
    return one_line(told, CONCERN_CHARACTERS)


def _risk(risk: RiskReport | None) -> str:
    if risk is None:
        return "not assessed"
    lines = [f"level {risk.level}"]
    lines += [
        f"{found.level} {found.rule} {label(found.path)}:{found.line} {said(found.message)}"
        for found in risk.findings[:_MAX_LISTED]
    ]
    return "\n".join(lines)


def _trial(trial: TrialReport | None) -> str:
    if trial is None:
        return "not tried"
    lines = [
        f"verdict {trial.verdict}",
        f"before: {trial.base.passed} passed, {trial.base.failed + trial.base.errors} failed",
        f"after: {trial.head.passed} passed, {trial.head.failed + trial.head.errors} failed",
    ]
    for name in ("fixed", "broken", "missing", "changed", "flaky"):
        tests: tuple[str, ...] = getattr(trial, name)
        if tests:
            shown = ", ".join(label(test) for test in tests[:_MAX_LISTED])
            lines.append(f"{name} {len(tests)}: {shown}")
    return "\n".join(lines)
