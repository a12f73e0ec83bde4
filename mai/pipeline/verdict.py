"""What do the runs say together? Pure comparison of outcomes; nothing here runs anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mai.jobs import RunResult, TestOutcome
from mai.proposal import TestCounts, Verdict

Outcomes = Mapping[str, TestOutcome]
#: Flaky tests are set aside up to so many, or up to one in so many.
_FEW, _SHARE = 3, 10
_LIMIT_NAMES = {
    Verdict.OOM: "memory",
    Verdict.DISK: "disk space",
    Verdict.PIDS: "processes",
    Verdict.ERROR: "open files or another resource",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Test ids by what became of them. `failing_new` are tests that only the head has."""

    fixed: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    failing_new: frozenset[str] = frozenset()

    @property
    def decisive(self) -> frozenset[str]:
        """Every test that speaks for or against the change."""
        return self.fixed | self.broken | self.missing | self.failing_new

    def without(self, ids: Iterable[str]) -> Comparison:
        """Return the comparison with `ids` deciding nothing."""
        gone = frozenset(ids)
        return Comparison(
            self.fixed - gone, self.broken - gone, self.missing - gone, self.failing_new - gone
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """The outcomes of one set of tests on the base's code and on the head's."""

    base: Outcomes = field(default_factory=dict)
    head: Outcomes = field(default_factory=dict)

    def compare(self) -> Comparison:
        """Say what became of each test.

        A module that cannot be imported is reported by pytest as one error under the file's own
        id. Its tests then count as failing on that side: breaking an import breaks the tests, and
        mending one fixes them.
        """
        base_dead, head_dead = _dead_files(self.base), _dead_files(self.head)
        fixed: set[str] = set()
        broken: set[str] = set()
        missing: set[str] = set()
        new: set[str] = set()
        for test_id, before in self.base.items():
            after = self.head.get(test_id)
            if before is TestOutcome.PASSED:
                if after is None:
                    (broken if _file(test_id) in head_dead else missing).add(test_id)
                elif after is TestOutcome.SKIPPED:
                    missing.add(test_id)
                elif after.is_failure:
                    broken.add(test_id)
            elif before.is_failure and after is TestOutcome.PASSED:
                fixed.add(test_id)
        for test_id in self.head.keys() - self.base.keys():
            if self.head[test_id].is_failure and not (
                test_id in head_dead and any(_file(known) == test_id for known in self.base)
            ):
                new.add(test_id)
            elif self.head[test_id] is TestOutcome.PASSED and _file(test_id) in base_dead:
                fixed.add(test_id)
        return Comparison(frozenset(fixed), frozenset(broken), frozenset(missing), frozenset(new))


def conclude(
    compared: Comparison, base: RunResult, runs: Iterable[RunResult], stop: RunResult | None
) -> tuple[Verdict, str]:
    """Return the verdict that a comparison comes to, and which limits stand behind it.

    A limit that ended a run, or that tests ran into which the base's do not, is the verdict. Only
    the time of a test is not: a loop is that test's failure, and is told beside it.

    Args:
        compared: what became of each test.
        base: the base's own run.
        runs: those of the head's code.
        stop: the one of them that a limit or an error ended.
    """
    runs = tuple(runs)
    hits = frozenset[Verdict]().union(*(run.hits for run in runs)) - base.hits - {Verdict.TIMEOUT}
    failing = compared.broken | compared.missing | compared.failing_new
    late = sum(any(_is_late(test_id, run.outcomes) for run in runs) for test_id in failing)
    messages = [stop.message] if stop else []
    if late:
        messages.append(f"{late} {'test' if late == 1 else 'tests'} ran out of time (timeout).")
    if failing and hits:
        messages.append(f"Limits that were hit: {', '.join(sorted(hits))}.")
    found = stop.limit if stop else Verdict.PASS
    if failing and found in {Verdict.PASS, Verdict.ERROR}:
        is_told = found is Verdict.ERROR and not compared.broken | compared.missing
        found = found if is_told else min(hits, default=Verdict.FAIL)
    return found, " ".join(filter(None, messages))


def _is_late(test_id: str, outcomes: Outcomes) -> bool:
    """Whether a test ended by the clock. A file whose import is a loop ends all its tests so."""
    return outcomes.get(test_id, outcomes.get(_file(test_id))) is TestOutcome.TIMEOUT


def counts(outcomes: Outcomes) -> TestCounts:
    """Count outcomes the way pytest's last line does."""
    values = list(outcomes.values())
    return TestCounts(
        passed=values.count(TestOutcome.PASSED),
        failed=sum(
            values.count(kind)
            for kind in (TestOutcome.FAILED, TestOutcome.TIMEOUT, TestOutcome.CRASH)
        ),
        errors=values.count(TestOutcome.ERROR),
        skipped=values.count(TestOutcome.SKIPPED),
    )


def passes(run: RunResult) -> bool:
    """Whether any test of `run` passed."""
    return TestOutcome.PASSED in run.outcomes.values()


def disagreeing(first: RunResult, second: RunResult) -> frozenset[str]:
    """Return the tests that two runs on one tree do not agree about."""
    ids = first.outcomes.keys() | second.outcomes.keys()
    return frozenset(
        test_id
        for test_id in ids
        if _kind(first.outcomes.get(test_id)) != _kind(second.outcomes.get(test_id))
    )


def why_undecided(flaky: frozenset[str], runs: Iterable[RunResult]) -> str:
    """Return in a sentence why flaky tests leave a trial undecided, "" where they do not.

    A few of them are set aside. Many, or one that a limit of the sandbox ended, are no property of
    the tests: the machine or the sandbox did that, and may have done it to the other tests as well.

    Args:
        flaky: the tests that ended otherwise when they ran again.
        runs: every run that was made.
    """
    if not flaky:
        return ""
    runs = tuple(runs)
    limits = {run.limited[test_id] for run in runs for test_id in flaky & run.limited.keys()}
    limits |= {Verdict.PIDS} & frozenset[Verdict]().union(*(run.hits for run in runs))
    if limits:
        names = ", ".join(_LIMIT_NAMES.get(limit, limit.value) for limit in sorted(limits))
        return f"Tests end otherwise when they run again, and the sandbox ran short of {names}."
    total = max(len(run.outcomes) for run in runs)
    if len(flaky) > max(_FEW, total // _SHARE):
        return (
            f"{len(flaky)} of {total} tests end otherwise when they run again, such as "
            f"{min(flaky)}: that is no change's doing."
        )
    return ""


def is_settled(ids: Iterable[str], run: RunResult) -> bool:
    """Whether running again only costs time.

    It does where a limit ended the run, which stands against the change whatever single tests do,
    and where every one of `ids` ended by the clock. A file whose import is a loop ends all of its
    tests so.
    """
    return run.limit is not Verdict.PASS or all(
        run.outcomes.get(test_id, run.outcomes.get(_file(test_id))) is TestOutcome.TIMEOUT
        for test_id in ids
    )


def _kind(outcome: TestOutcome | None) -> str:
    if outcome is None:
        return "absent"
    return "failure" if outcome.is_failure else outcome.value


def _file(test_id: str) -> str:
    return test_id.partition("::")[0]


def _dead_files(outcomes: Outcomes) -> frozenset[str]:
    return frozenset(
        test_id
        for test_id, outcome in outcomes.items()
        if "::" not in test_id and outcome.is_failure
    )
