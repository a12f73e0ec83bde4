"""From "tests/test_x.py fails" to a draft that makes it pass, without a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TypeVar

from mai.errors import ProviderError
from mai.globs import matches
from mai.protocols import Draft, Snapshot
from mai.providers.diff import file_diff
from mai.providers.reflex_files import is_plain_source
from mai.repair.candidate import Candidate
from mai.repair.inputs import compare, function_at
from mai.repair.runner import Measured, Runner
from mai.repair.search import TWO_EDITS, Budget, Found, search
from mai.suite import Suite
from mai.suite.named import named_tests
from mai.text import one_line, path_line
from mai.words import title_line

AUTHOR = "search (reflex)"
_MOST_FILES = 60
_NAMED = 3
_TEST_NAME = re.compile(r"\btest_\w+")
T = TypeVar("T")
_LOOK_S = 20.0
_GOOD = "The tests of {} pass already."
_NOT_RUN = "No test of {} could be run."


@dataclass(frozen=True, slots=True)
class Mender:
    """The inputs of a repair. `say` receives progress messages; `may_touch` refuses paths."""

    snapshot: Snapshot
    runner: Runner
    say: Callable[[str], None] = lambda _: None
    may_touch: Callable[[str], bool] = lambda _: True
    budget: Budget = field(default_factory=Budget)

    def mend_task(self, task: str) -> list[Draft]:
        """Return edits that make the tests pass that `task` names, the likeliest first.

        Raises:
            ProviderError: it names no test of the tree, they pass, or no edit was found.
        """
        paths, tests = named_tests(task, self.snapshot)
        if not paths:
            raise ProviderError("The task names no test of this repository.")
        # All tests of the files run, as those that pass say what an edit must not break.
        measured = self.runner.measure(paths)
        if wanted := _wanted(task, tests, measured):
            measured = measured.narrowed(wanted)
        if not measured.failing:
            which = _GOOD if measured.outcomes else _NOT_RUN
            raise ProviderError(which.format(_listed(paths)))
        return self._mended(paths, measured)

    def mend_any(self, pattern: str | None = None) -> list[Draft]:
        """Return repairs of the first test file of which a test fails, none where none does.

        The files that it changes match the glob `pattern`.
        """
        suite = Suite(self.snapshot)
        collected = [path for path in self.snapshot.paths() if suite.is_collected(path)]
        if not collected:
            return []
        measured = self.runner.measure(collected[:_MOST_FILES], seconds=_LOOK_S, is_traced=False)
        failing = dict.fromkeys(name.partition("::")[0] for name in measured.failing)
        for path in list(failing)[:_NAMED]:
            again = self.runner.measure([path])
            with suppress(ProviderError):
                if again.failing:
                    return self._mended([path], again, pattern)
        return []

    def _mended(
        self, paths: Sequence[str], measured: Measured, pattern: str | None = None
    ) -> list[Draft]:
        suite = Suite(self.snapshot)
        count = len(measured.failing)
        fail = "fails" if count == 1 else "fail"
        self.say(
            f"{_tests(count)} of {_listed(paths)} {fail}. I try small edits; that needs no model."
        )

        def may_edit(path: str) -> bool:
            data = self.snapshot.read(path)
            return (
                data is not None
                and is_plain_source(data)
                and not suite.holds(path)
                and self.may_touch(path)
                and (pattern is None or matches(path, pattern))
            )

        found = search(self.snapshot.read, self.runner, paths, measured, may_edit, self.budget)
        if not found.survivors or found.survivors[0].candidate.operator == TWO_EDITS:
            found = self._one_by_one(found, paths, may_edit)
        if not found.survivors:
            spent = f"I tried {found.cursor} edits in {found.seconds:.0f} s"
            raise ProviderError(f"{spent}, and with none of them the tests pass.")
        return self._drafts(found, paths)

    def _one_by_one(
        self, whole: Found, paths: Sequence[str], may_edit: Callable[[str], bool]
    ) -> Found:
        """Return the result for the first failing test that one edit fixes, else `whole`.

        Tests may fail for reasons of their own, and a person judges one at a time.
        """
        failing = whole.measured.failing
        budget = replace(self.budget, seconds=self.budget.seconds / _NAMED)
        for name in failing[:_NAMED] if len(failing) > 1 else ():
            measured = whole.measured.narrowed({name})
            found = search(self.snapshot.read, self.runner, paths, measured, may_edit, budget)
            if found.survivors and found.survivors[0].candidate.operator != TWO_EDITS:
                self.say(f"I mend one thing at a time, {path_line(name)} first.")
                return found
        return whole

    def _drafts(self, found: Found, paths: Sequence[str]) -> list[Draft]:
        ranked = [one.candidate for one in found.survivors]
        texts = {one.path: self.snapshot.read(one.path) or b"" for one in ranked}
        compared = compare(ranked, texts, found.measured, self.runner, paths)
        # What raises where others have an answer is less likely to be meant.
        order = sorted(
            range(len(ranked)),
            key=lambda at: (
                at >= compared.number,
                -found.survivors[at].likelihood * (1 - compared.refused(at)),
            ),
        )
        found.survivors = [found.survivors[at] for at in order]
        differences = compared.differences(order)
        drafts = []
        for number, at in enumerate(order[:_NAMED]):
            one = ranked[at]
            data = texts[one.path]
            where = function_at(data, one.line) or PurePosixPath(one.path).stem
            drafts.append(
                Draft(
                    title_line(f"Fix {where}: {one_line(one.what, 80)}", 72),
                    explain(found, differences, number),
                    file_diff(one.path, data, one.applied(data)),
                    AUTHOR,
                    (one.path,),
                )
            )
        return drafts


def explain(found: Found, differences: Sequence[tuple[str, list[str]]], proposed: int = 0) -> str:
    """Return why an edit is proposed: what failed, what was tried, and what else passes.

    `proposed` is the number of the edit among those that pass.
    """
    measured, ranked = found.measured, [one.candidate for one in found.survivors]
    failing = measured.failing
    first = failing[0]
    error = one_line(measured.errors[first] or measured.outcomes[first], 160)
    lines = [
        f"{path_line(first)} fails: {error}."
        + (f" So do {len(failing) - 1} more." if len(failing) > 1 else ""),
        (
            f"Of {found.cursor} small edits that I tried, {_edits(len(ranked))} "
            f"make{'s' * (len(ranked) == 1)} it pass, with {_tests(len(measured.passing))} "
            "beside it."
        ),
    ]
    if len(ranked) > 1:
        others = "; ".join(
            f"line {one.line}: {one_line(one.what, 80)}" for one in _others(ranked, proposed)
        )
        lines.append(f"The others: {others}.")
    if differences:
        shown = [
            f"for {given}: {' / '.join(one_line(one, 60) for one in _first(answers, proposed))}"
            for given, answers in differences
        ]
        lines.append(
            f"They differ (this one first) {'; '.join(shown)}. "
            "Please look whether this one is meant."
        )
    return "\n".join(lines)


def _first(found: Sequence[T], number: int) -> list[T]:
    """Return `found` with one of it in front."""
    return [*found[number : number + 1], *found[:number], *found[number + 1 :]]


def _others(ranked: Sequence[Candidate], proposed: int) -> list[Candidate]:
    return _first(ranked, proposed)[1 : 1 + _NAMED]


def _wanted(task: str, tests: Sequence[str], measured: Measured) -> set[str]:
    """Return those of the measured tests that `task` names by id or by function."""
    named = set(_TEST_NAME.findall(task))
    return {
        name
        for name in measured.outcomes
        if any(name == one or name.startswith((f"{one}[", f"{one}::")) for one in tests)
        or name.rpartition("::")[2].partition("[")[0] in named
    }


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(path_line(path) for path in paths[:_NAMED]) + more


def _tests(count: int) -> str:
    return f"{count} test{'s' * (count != 1)}"


def _edits(count: int) -> str:
    return f"{count} edit{'s' * (count != 1)}" if count != 1 else "one"
