"""The shipped changes: pairs of one function and title, done right and done wrong."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from mai.review.units import Unit


class Pair(BaseModel):
    """One function before, and after a right and a wrong change under the same title."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    title: str
    path: str
    before: str
    good: str
    bad: str

    def unit(self, *, is_good: bool) -> Unit:
        """Return one of the two changes as a reviewer is shown it."""
        after = self.good if is_good else self.bad
        return Unit(self.path, 1, self.before.strip("\n"), after.strip("\n"))


class Pairs(BaseModel):
    """The set. Its version goes up whenever a change of it does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    pairs: tuple[Pair, ...] = Field(alias="pair", min_length=1)


@cache
def load_pairs() -> Pairs:
    """Read the set that this Mai ships."""
    text = (files(__package__) / "pairs.toml").read_text(encoding="utf-8")
    return Pairs.model_validate(tomllib.loads(text))
