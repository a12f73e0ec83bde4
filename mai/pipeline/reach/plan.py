"""How the tests of a trial are cut: the nearest to the change first, in parts that run at once.

A small suite runs whole and in one, as its developers run it. Of a large one what can see the
change runs first; what cannot runs before the change lands.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import psutil

from mai.jobs import Limits, Part
from mai.pipeline.reach.reached import Reached

#: In CPU seconds. Below the first a suite is not cut; no part is made smaller than the second.
SMALL_SUITE_S, SMALL_PART_S = 20.0, 12.0
#: The share of a suite's time that is not worth a second run for what cannot see the change.
_REST_SHARE = 0.15
_FIRST_SHARE = 0.1
#: What a test file and a test take where nobody has measured it.
_FILE_S, _TEST_S = 0.2, 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a trial, the most telling first. `files` of `all_files` test files run in it.

    `scope` stands for those files.
    """

    parts: tuple[Part, ...] = (Part(),)
    files: int = 0
    all_files: int = 0
    scope: str = ""

    @property
    def left(self) -> int:
        """How many test files are left for later."""
        return self.all_files - self.files


def is_small(tests: Mapping[str, int], spent: Mapping[str, float]) -> bool:
    """Whether a suite is not worth cutting: `tests` is how many each file has."""
    return _sum(tests, _costs(tests, spent)) < SMALL_SUITE_S


def plan_trial(reached: Reached, spent: Mapping[str, float], at_once: int) -> Plan:
    """Return what to run before a person is asked.

    Args:
        reached: which test files can see the change.
        spent: what the tests of each file are known to take, in CPU seconds.
        at_once: how many containers may run at the same time.
    """
    near, others = reached.nearest_first(), sorted(reached.others)
    costs = _costs(reached.tests, spent)
    total, rest = _sum(costs, costs), _sum(others, costs)
    if rest <= max(SMALL_PART_S, _REST_SHARE * total) or not near:
        return Plan(_whole(_cut([*near, *others], costs, at_once)), len(costs), len(costs))
    parts = tuple(Part(tuple(files), is_rest=False) for files in _cut(near, costs, at_once))
    return Plan(parts, len(near), len(costs), _scope(near))


def plan_rest(reached: Reached, spent: Mapping[str, float], at_once: int, scope: str) -> Plan:
    """Return what is to run in addition to a `plan_trial` of this `scope`: all that it left out.

    Where the same trees do not tell the same any more, such as to a newer Mai, that is everything.
    """
    near, others = reached.nearest_first(), sorted(reached.others)
    costs = _costs(reached.tests, spent)
    if _scope(near) != scope:
        return Plan(_whole(_cut([*near, *others], costs, at_once)), len(costs), len(costs))
    return Plan(_whole(_cut(others, costs, at_once), tuple(near)), len(others), len(costs))


def containers_at_once(cores: float, limits: Limits) -> int:
    """Return how many runs may share the machine: one a core, and each in memory that is free."""
    by_memory = psutil.virtual_memory().available // limits.memory_bytes
    return int(max(1, min(cores, by_memory)))


def _whole(groups: Sequence[Sequence[str]], done: tuple[str, ...] = ()) -> tuple[Part, ...]:
    """Return parts that together hold every test there is, also those that no file name told of."""
    *first, _ = groups or [()]
    before = (*done, *(path for group in first for path in group))
    return (*(Part(tuple(group), is_rest=False) for group in first), Part(before))


def _cut(files: Sequence[str], costs: Mapping[str, float], at_once: int) -> list[list[str]]:
    """Return `files` in groups: a small first one, and others that each take about as long.

    Each keeps the order of `files`.
    """
    total = _sum(files, costs)
    number = min(at_once, math.ceil(total / SMALL_PART_S))
    if number < 2:  # noqa: PLR2004 - one is not cut
        return [list(files)]
    groups: list[list[str]] = [[] for _ in range(number + 1)]
    # The first container that is through with the nearest takes a smaller one afterwards.
    loads = [0.0, *([0.0] * (number - 1)), _FIRST_SHARE * total]
    for place, path in enumerate(files):
        is_near = place == 0 or loads[0] + costs[path] <= _FIRST_SHARE * total
        group = 0 if is_near and all(not each for each in groups[1:]) else _least(loads)
        groups[group].append(path)
        loads[group] += costs[path]
    return [group for group in groups if group]


def _least(loads: Sequence[float]) -> int:
    return min(range(1, len(loads)), key=loads.__getitem__)


def _scope(files: Iterable[str]) -> str:
    names = "\0".join(sorted(files)).encode("utf-8", "surrogateescape")
    return hashlib.sha256(names).hexdigest()[:16]


def _costs(tests: Mapping[str, int], spent: Mapping[str, float]) -> dict[str, float]:
    return {path: spent.get(path, _FILE_S + _TEST_S * number) for path, number in tests.items()}


def _sum(files: Iterable[str], costs: Mapping[str, float]) -> float:
    return sum(costs[path] for path in files)
