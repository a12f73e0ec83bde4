"""Small programs with one bug each, and what mends them."""

from __future__ import annotations

from mai.repair.candidate import Candidate
from mai.repair.enumerate import Distinct, candidates
from mai.repair.source import Source


class Everywhere(dict[int, float]):
    """Every line is to blame."""

    def get(self, key: object, default: object = None) -> float:
        del key, default
        return 1.0


def all_candidates(text: str, path: str = "a.py") -> list[Candidate]:
    data = text.encode()
    found = candidates(Source.parse(path, data), Everywhere())
    return list(Distinct(data)(found))


def results(text: str) -> set[str]:
    data = text.encode()
    return {one.applied(data).decode() for one in all_candidates(text)}
