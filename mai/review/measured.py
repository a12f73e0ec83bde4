"""The second agent where it is a model on this machine: measured first, then asked place by place.

A model that cannot tell good changes from bad ones gives no verdict, however sure it sounds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from mai.errors import ProviderError
from mai.events import Cancel
from mai.proposal import FileChange, Opinion, Proposal, ReviewReport
from mai.protocols import Provider
from mai.providers.base import ask
from mai.providers.pace import expected_pace
from mai.review.calibration.measure import MOST_S, measure
from mai.review.calibration.pairs import load_pairs
from mai.review.calibration.records import Record, Records
from mai.review.calibration.statistics import needed
from mai.review.judging import Judgement, judge, score_of
from mai.review.question import reason_request
from mai.review.reviewer import CONCERN_CHARACTERS
from mai.review.units import Read, Unit, units_of
from mai.text import one_line
from mai.visible import visible_diff

#: A change of more places takes a small model longer than a person waits.
MOST_UNITS = 12
_MOST_CONCERNS = 3

Sides = Callable[[Proposal], tuple[Read, Read]]


class MeasuredReviewer:
    """Reviews proposals with a model, once it is known how good it is at that."""

    def __init__(
        self,
        provider: Provider,
        records: Records,
        sides: Sides,
        now: Callable[[], datetime],
        say: Callable[[str], object],
    ) -> None:
        """Ask `provider`; `sides` gives the readers of a proposal's old and new files.

        `say` gets a sentence before the model is measured.
        """
        self.name = f"{provider.model} ({provider.name})"
        self._provider = provider
        self._records = records
        self._sides = sides
        self._now = now
        self._say = say

    def review(self, proposal: Proposal, diff: str, cancel: Cancel) -> ReviewReport:
        """Judge `proposal` place by place, with its title and trial.

        The opinion is `none`, with the reason, where the model is not able to review, was not
        measured yet, fails, or cannot read the whole change.

        Raises:
            Cancelled: somebody asked to stop.
        """
        del diff
        try:
            # A model that reads slowly would delay the first proposal by minutes.
            is_slow = asyncio.run(expected_pace(self._provider)).is_slow
            record = measure(
                self._provider,
                self._records,
                self._now,
                cancel,
                most_s=0.0 if is_slow else MOST_S,
                on_pair=self._measuring,
            )
            if not record.is_able:
                return self._none(why_unable(record))
            report = self._judged(proposal, record, cancel)
        except ProviderError as error:
            return self._none(f"Not reviewed. {error}")
        return replace(report, measured=record.measured())

    def _judged(self, proposal: Proposal, record: Record, cancel: Cancel) -> ReviewReport:
        before, after = self._sides(proposal)
        units = units_of(_without_new_tests(proposal.files), before, after)
        if units is None:
            return self._none("Not reviewed. Part of the change is no text.")
        if not units:
            return self._none("Not reviewed. It changes no code but new tests.")
        if len(units) > MOST_UNITS:
            return self._none(
                f"Not reviewed. It changes {len(units)} places, and {MOST_UNITS} are the most."
            )
        judged = [(unit, self._judge(proposal, unit, cancel)) for unit in units]
        suspect = [pair for pair in judged if score_of(pair[1].signs) > record.threshold]
        if not suspect:
            return ReviewReport(Opinion.APPROVE, self.name)
        suspect.sort(key=lambda pair: -score_of(pair[1].signs))
        concerns = [
            self._concern(proposal, unit, found, record, cancel)
            for unit, found in suspect[:_MOST_CONCERNS]
        ]
        return ReviewReport(Opinion.OBJECT, self.name, tuple(concerns))

    def _judge(self, proposal: Proposal, unit: Unit, cancel: Cancel) -> Judgement:
        return judge(self._provider, proposal.title, _visible(unit), proposal.trial, cancel)

    def _concern(
        self, proposal: Proposal, unit: Unit, found: Judgement, record: Record, cancel: Cancel
    ) -> str:
        if found.surprise is not None:
            place = f"{unit.path}:{unit.line}"
            return one_line(f"{place} {found.surprise}", CONCERN_CHARACTERS)
        request = reason_request(self._provider, proposal.title, _visible(unit), proposal.trial)
        reason = one_line(ask(self._provider, request, cancel), CONCERN_CHARACTERS)
        agreeing = f"{record.agreeing(found.signs)} of {len(found.signs)} questions"
        return one_line(f"{unit.path}:{unit.line} ({agreeing}): {reason}", CONCERN_CHARACTERS)

    def _measuring(self, done: int, count: int) -> None:
        if done == 0:
            self._say(
                f"I measure once whether {one_line(self._provider.model, 60)} can review: "
                f"{2 * count} known changes, up to {MOST_S / 60:.0f} minutes of this review. "
                "`mai models calibrate` does it ahead."
            )

    def _none(self, why: str) -> ReviewReport:
        return ReviewReport(Opinion.NONE, self.name, (one_line(why, CONCERN_CHARACTERS),))


def why_unable(record: Record) -> str:
    """Return in a sentence why a model gives no verdict."""
    count = 2 * len(load_pairs().pairs)
    model = one_line(record.model, 60)
    if record.failure:
        return f"{model} is not able to review: {record.failure}"
    asked = 2 * len(record.signs)
    if not record.is_finished:
        return (
            f"{model} is not measured yet: {asked} of {count} known changes so far; "
            "`mai models calibrate` does the rest."
        )
    right = record.rates.right
    enough = f"{needed(count)} of {count} are needed"
    judged = f"it judged {right} of {asked} known changes right"
    return f"{model} is not able to review: {judged}; {enough}."


def _visible(unit: Unit) -> Unit:
    return replace(unit, before=visible_diff(unit.before), after=visible_diff(unit.after))


def _without_new_tests(files: Sequence[FileChange]) -> list[FileChange]:
    """Leave out tests that were added: the questions are about code that there was or should be."""
    return [change for change in files if not (change.status == "added" and _is_test(change.path))]


def _is_test(path: str) -> bool:
    name = path.rpartition("/")[2]
    return path.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))
