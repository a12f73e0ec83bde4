from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.jobs import RunResult, TestOutcome
from mai.pipeline.verdict import (
    Comparison,
    Outcomes,
    Pair,
    conclude,
    counts,
    disagreeing,
    is_settled,
    why_undecided,
)
from mai.proposal import Verdict

PASSED, FAILED, ERROR = TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.ERROR
SKIPPED, TIMEOUT, CRASH = TestOutcome.SKIPPED, TestOutcome.TIMEOUT, TestOutcome.CRASH

ids = st.sampled_from(["t.py", "t.py::a", "t.py::b", "u.py", "u.py::c[1]"])
outcomes = st.dictionaries(ids, st.sampled_from(list(TestOutcome)))


def test_a_fix_and_a_break() -> None:
    pair = Pair({"t.py::a": FAILED, "t.py::b": PASSED}, {"t.py::a": PASSED, "t.py::b": CRASH})
    compared = pair.compare()
    assert compared.fixed == {"t.py::a"}
    assert compared.broken == {"t.py::b"}
    assert not compared.missing | compared.failing_new


def test_a_loop_is_that_tests_failure() -> None:
    assert Pair({"t.py::a": PASSED}, {"t.py::a": TIMEOUT}).compare().broken == {"t.py::a"}
    assert Pair({"t.py::a": TIMEOUT}, {"t.py::a": PASSED}).compare().fixed == {"t.py::a"}


def test_a_test_that_is_gone_or_skips_now_is_missing() -> None:
    pair = Pair({"t.py::a": PASSED, "t.py::b": PASSED}, {"t.py::b": SKIPPED})
    assert pair.compare().missing == {"t.py::a", "t.py::b"}


def test_what_failed_before_and_still_does_says_nothing() -> None:
    pair = Pair({"t.py::a": FAILED, "t.py::b": FAILED}, {"t.py::a": ERROR})
    assert not pair.compare().decisive


def test_breaking_an_import_breaks_its_tests() -> None:
    compared = Pair({"t.py::a": PASSED, "u.py::c": PASSED}, {"t.py": ERROR, "u.py::c": PASSED})
    assert compared.compare().broken == {"t.py::a"}
    assert not compared.compare().failing_new


def test_mending_an_import_fixes_its_tests() -> None:
    assert Pair({"t.py": ERROR}, {"t.py::a": PASSED}).compare().fixed == {"t.py::a"}


def test_a_new_test_that_fails_counts_against_the_change() -> None:
    compared = Pair({"t.py::a": PASSED}, {"t.py::a": PASSED, "t.py::b": FAILED}).compare()
    assert compared.failing_new == {"t.py::b"}
    assert not compared.broken


@given(outcomes)
def test_a_tree_compared_with_itself_decides_nothing_but_skips(tree: Outcomes) -> None:
    assert not Pair(tree, tree).compare().decisive
    assert not disagreeing(RunResult(outcomes=tree), RunResult(outcomes=tree))


@given(outcomes, outcomes)
def test_no_test_is_in_two_lists(base: Outcomes, head: Outcomes) -> None:
    compared = Pair(base, head).compare()
    lists = [compared.fixed, compared.broken, compared.missing, compared.failing_new]
    assert sum(map(len, lists)) == len(compared.decisive)


@given(outcomes, outcomes)
def test_nothing_that_passed_slips_through(base: Outcomes, head: Outcomes) -> None:
    compared = Pair(base, head).compare()
    for test_id, outcome in base.items():
        if outcome is PASSED and head.get(test_id) is not PASSED:
            assert test_id in compared.broken | compared.missing


@given(outcomes)
def test_counts_add_up(tree: Outcomes) -> None:
    found = counts(tree)
    assert found.passed + found.failed + found.errors + found.skipped == len(tree)


@pytest.mark.parametrize(
    ("ids", "outcomes", "limit", "settled"),
    [
        (["t.py::a"], {"t.py::a": TIMEOUT}, Verdict.PASS, True),
        (["t.py::a", "t.py::b"], {"t.py::a": TIMEOUT, "t.py::b": FAILED}, Verdict.PASS, False),
        (["t.py::a", "t.py::b"], {"t.py": TIMEOUT}, Verdict.PASS, True),
        (["t.py::a"], {"t.py": ERROR}, Verdict.PASS, False),
        (["t.py::a"], {"t.py::a": FAILED}, Verdict.TIMEOUT, True),
    ],
)
def test_loops_and_runs_that_a_limit_ended_need_no_second_run(
    ids: list[str], outcomes: Outcomes, limit: Verdict, settled: bool
) -> None:
    assert is_settled(ids, RunResult(limit=limit, outcomes=outcomes)) is settled


BROKEN, NEW = (
    Comparison(broken=frozenset({"t.py::a"})),
    Comparison(failing_new=frozenset({"t.py::n"})),
)
GONE = Comparison(broken=frozenset({"t.py::a"}), missing=frozenset({"t.py::b"}))


def _run(*hits: Verdict, limit: Verdict = Verdict.PASS, message: str = "") -> RunResult:
    return RunResult(
        outcomes={"t.py::a": FAILED}, limit=limit, message=message, hits=frozenset(hits)
    )


@pytest.mark.parametrize(
    ("compared", "base", "head", "found", "message"),
    [
        (Comparison(), _run(), _run(), Verdict.PASS, ""),
        (Comparison(), _run(), _run(Verdict.OOM), Verdict.PASS, ""),
        (BROKEN, _run(), _run(), Verdict.FAIL, ""),
        (BROKEN, _run(), _run(Verdict.OOM), Verdict.OOM, "Limits that were hit: oom."),
        (NEW, _run(), _run(Verdict.DISK), Verdict.DISK, "Limits that were hit: disk."),
        (BROKEN, _run(Verdict.PIDS), _run(Verdict.PIDS), Verdict.FAIL, ""),
        (
            GONE,
            _run(),
            _run(limit=Verdict.OUTPUT, message="Too much."),
            Verdict.OUTPUT,
            "Too much.",
        ),
        (GONE, _run(), _run(limit=Verdict.ERROR, message="Void."), Verdict.FAIL, "Void."),
        (NEW, _run(), _run(limit=Verdict.ERROR, message="Void."), Verdict.ERROR, "Void."),
        (Comparison(), _run(), _run(limit=Verdict.ERROR), Verdict.ERROR, ""),
    ],
)
def test_a_limit_that_only_the_change_hits_names_itself(
    compared: Comparison, base: RunResult, head: RunResult, found: Verdict, message: str
) -> None:
    stop = head if head.limit is not Verdict.PASS else None
    assert conclude(compared, base, (head,), stop) == (found, message)


def test_loops_are_told_beside_the_failure() -> None:
    late = RunResult(
        outcomes={"t.py::a": TIMEOUT, "u.py": TIMEOUT}, hits=frozenset({Verdict.TIMEOUT})
    )
    compared = Comparison(broken=frozenset({"t.py::a", "u.py::b", "t.py::c"}))
    assert conclude(compared, _run(), (late,), None) == (
        Verdict.FAIL,
        "2 tests ran out of time (timeout).",
    )


def _many(errors: int, total: int = 2500) -> RunResult:
    ids = [f"tests/test_{n:04}.py::test_x" for n in range(total)]
    return RunResult(outcomes={one: ERROR if n < errors else PASSED for n, one in enumerate(ids)})


def _limited(hit: Verdict) -> RunResult:
    return RunResult(outcomes={"t.py::a": ERROR}, limited={"t.py::a": hit})


@pytest.mark.parametrize(
    ("flaky", "runs", "words"),
    [
        (567, (_many(1175), _many(608)), "567 of 2500 tests end otherwise"),
        (251, (_many(251), _many(0)), "251 of 2500"),
        (250, (_many(250), _many(0)), ""),
        (3, (_many(3, 8), _many(0, 8)), ""),
        (4, (_many(4, 8), _many(0, 8)), "4 of 8"),
        (0, (_many(9), _many(9)), ""),
    ],
)
def test_many_tests_that_change_their_mind_decide_nothing(
    flaky: int, runs: tuple[RunResult, ...], words: str
) -> None:
    ids = frozenset(list(runs[0].outcomes)[:flaky])
    found = why_undecided(ids, runs)
    assert found.startswith(words)
    assert bool(found) is bool(words)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (_limited(Verdict.OOM), "ran short of memory."),
        (_limited(Verdict.DISK), "ran short of disk space."),
        (_limited(Verdict.ERROR), "ran short of open files or another resource."),
        (RunResult(hits=frozenset({Verdict.PIDS})), "ran short of processes."),
        (RunResult(hits=frozenset({Verdict.OOM}), limited={"t.py::z": Verdict.OOM}), ""),
    ],
)
def test_one_test_that_a_limit_ended_only_once_decides_nothing(run: RunResult, words: str) -> None:
    good = RunResult(outcomes={"t.py::a": PASSED, "t.py::b": PASSED})
    found = why_undecided(frozenset({"t.py::a"}), (good, run))
    assert found.endswith(words)
    assert bool(found) is bool(words)
    assert why_undecided(frozenset(), (good, run)) == ""
