"""How a suite is cut into parts, and what their reports say together."""

from __future__ import annotations

import threading

import pytest

from mai.errors import Cancelled, Undecided
from mai.events import Cancel
from mai.jobs import Part, RunResult, TestOutcome
from mai.pipeline.reach.plan import Plan, is_small, plan_rest, plan_trial
from mai.pipeline.reach.reached import Reached
from mai.pipeline.reach.together import combine, judge_parts
from mai.pipeline.trial_cache import Known
from mai.proposal import TestCounts, TrialReport, Verdict

NEAR = [f"tests/test_near{n:02}.py" for n in range(12)]
FAR = [f"tests/test_far{n:02}.py" for n in range(12)]
REACHED = Reached(
    {path: place for place, path in enumerate(NEAR)},
    frozenset(FAR),
    tests=dict.fromkeys(NEAR + FAR, 40),
)


def covers(parts: tuple[Part, ...], path: str) -> int:
    return sum(part.has(path) for part in parts)


@pytest.mark.parametrize("at_once", [1, 2, 3, 16])
@pytest.mark.parametrize("spent", [{}, dict.fromkeys(NEAR, 30.0), dict.fromkeys(FAR, 0.1)])
def test_every_test_file_runs_exactly_once(at_once: int, spent: dict[str, float]) -> None:
    first = plan_trial(REACHED, spent, at_once)
    rest = plan_rest(REACHED, spent, at_once, first.scope).parts if first.left else ()
    for path in (*NEAR, *FAR, "checks/another_kind_of_test.py"):
        assert covers((*first.parts, *rest), path) == 1
    assert first.parts[0].has(NEAR[0])


def test_a_rest_of_another_scope_is_everything() -> None:
    parts = plan_rest(REACHED, {}, 2, "another").parts
    assert all(covers(parts, path) == 1 for path in (*NEAR, *FAR))


def test_what_is_quick_is_not_cut() -> None:
    assert is_small({"tests/test_a.py": 40}, {})
    assert not is_small({"tests/test_a.py": 40}, {"tests/test_a.py": 60.0})
    assert not is_small(dict.fromkeys(NEAR, 40), {})
    assert Plan().parts == (Part(),)


def report(verdict: Verdict = Verdict.PASS, **more: object) -> TrialReport:
    return TrialReport(verdict, head=TestCounts(passed=2), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        ([Verdict.PASS, Verdict.PASS], Verdict.PASS),
        ([Verdict.PASS, Verdict.SKIPPED], Verdict.PASS),
        ([Verdict.SKIPPED, Verdict.SKIPPED], Verdict.SKIPPED),
        ([Verdict.PASS, Verdict.FAIL], Verdict.FAIL),
        ([Verdict.SKIPPED, Verdict.OOM], Verdict.OOM),
    ],
)
def test_parts_pass_together_only(verdicts: list[Verdict], together: Verdict) -> None:
    found = combine([report(each, broken=(each.value,)) for each in verdicts])
    assert found.verdict is together
    assert found.head.passed == 2 * len(verdicts)
    assert found.broken == tuple(sorted({each.value for each in verdicts}))


def test_the_first_part_that_fails_ends_the_others() -> None:
    begun = threading.Event()

    def judge(part: Part, stop: Cancel) -> TrialReport:
        if part.has("a"):
            begun.wait(30)
            return report(Verdict.FAIL)
        begun.set()
        if stop.wait(30):
            raise Cancelled
        return report()

    parts = [Part(("a",), is_rest=False), Part(("b",), is_rest=False), Part(("a", "b"))]
    assert [one.verdict for one in judge_parts(parts, judge, 2, Cancel())] == [Verdict.FAIL]


def test_a_part_without_a_verdict_leaves_all_without_one() -> None:
    def judge(part: Part, _: Cancel) -> TrialReport:
        if part.has("a"):
            raise Undecided("Cut off.")
        return report()

    with pytest.raises(Undecided):
        judge_parts([Part(("a",), is_rest=False), Part(("a",))], judge, 1, Cancel())


def test_parts_make_a_whole_when_all_of_them_ran() -> None:
    passed = TestOutcome.PASSED
    near, rest = Part(("a",), is_rest=False), Part(("a",))
    known = Known().with_run(near, RunResult(outcomes={"a::x": passed}))
    assert (known.missing(near), known.missing(Part())) == (None, rest)
    whole = known.with_run(rest, RunResult(outcomes={"b::y": passed}))
    assert whole.missing(Part()) is None
    assert whole.result(Part()).outcomes == {"a::x": passed, "b::y": passed}
    assert whole.result(near).outcomes == {"a::x": passed}
    assert not Known().with_run(rest, RunResult(outcomes={"b::y": passed})).is_whole
