"""What was measured of each model on this machine: one JSON file under the user's own data."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mai.proposal import Measured
from mai.review.calibration.pairs import load_pairs
from mai.review.calibration.statistics import (
    Rates,
    Scores,
    best_threshold,
    cross_validated,
    is_hopeless,
)
from mai.review.judging import VERSION, Signs, score_of


class Record(BaseModel):
    """What one model found. The signs are kept as they come: measuring can be interrupted.

    `prompt` and `set` are the versions of the questions and of the changes that were asked about.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    model: str
    prompt: int
    set: int
    at: str = ""
    signs: tuple[tuple[Signs, Signs], ...] = ()
    failure: str = ""

    @property
    def scores(self) -> tuple[Scores, ...]:
        """The scores of each pair, of the good change and of the bad one."""
        return tuple((score_of(good), score_of(bad)) for good, bad in self.signs)

    @property
    def is_finished(self) -> bool:
        """Whether there is no more to measure: all of it is, or the rest can change nothing."""
        count = len(load_pairs().pairs)
        return bool(self.failure) or len(self.signs) >= count or is_hopeless(self.scores, count)

    @property
    def rates(self) -> Rates:
        """The rates, each pair judged with a threshold that others gave."""
        return cross_validated(self.scores)

    @property
    def is_able(self) -> bool:
        """Whether the model may review."""
        is_whole = len(self.signs) >= len(load_pairs().pairs)
        return is_whole and not self.failure and self.rates.is_able

    @property
    def threshold(self) -> float:
        """The score above which the model's answers are an objection."""
        return best_threshold(self.scores)

    def agreeing(self, signs: Signs) -> int:
        """Return how many signs, each with a threshold of its own, are for objecting."""
        return sum(
            one > best_threshold([(good[at], bad[at]) for good, bad in self.signs])
            for at, one in enumerate(signs)
        )

    def measured(self) -> Measured:
        """Return the rates as a card shows them."""
        found = self.rates
        return Measured(found.hits, found.bad, found.false_alarms, found.good, self.at[:10])


class Records:
    """The file. Another Mai that measures the same model at once costs only time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "reviewers"

    def get(self, key: str) -> Record | None:
        """Return a model's record, None where there is none for these questions and changes."""
        try:
            found = Record.model_validate_json(self._path(key).read_bytes())
        except (OSError, ValidationError):
            return None
        is_current = found.prompt == VERSION and found.set == load_pairs().version
        return found if is_current else None

    def put(self, key: str, record: Record) -> None:
        """Keep a record. A folder that cannot be written costs only that it is measured again."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(record.model_dump_json())
            Path(name).replace(self._path(key))

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"
