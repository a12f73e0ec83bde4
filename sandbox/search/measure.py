"""Finds out what fails, how long tests take and which lines each runs, one fork for each test."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.reporter import identify
from sandbox.search.answers import decode, encode
from sandbox.search.forks import Answer, run_forked
from sandbox.search.trace import Tracer, frames_of, stack_of
from sandbox.witnesses import is_judge

if TYPE_CHECKING:
    from sandbox.search.plugin import Searcher

#: A test that loops shows soon, where others have shown how long tests take here.
_SHORTEST_S, _USUAL_FACTOR = 0.1, 20
#: Tracing makes Python this much slower; a test that loops need not be traced for long.
_TRACE_FACTOR, _TRACE_LEAST_S, _TRACE_MOST_S = 60, 0.3, 6.0
#: So many tests that fail run again by themselves.
_MOST_ALONE = 8
_MOST_TRACED = {"failed": 12, "timeout": 2, "passed": 60}


#: A test, how it ended, its error, its CPU seconds.
_Result = tuple[pytest.Item, str, str, float]


def measure(search: Searcher, items: Sequence[pytest.Item]) -> None:
    """Report each test's outcome and CPU time, then the lines of the failing and some passing."""
    ends_at = time.monotonic() + search.spec["seconds"]
    wanted = frozenset(search.spec["tests"])
    chosen = [item for item in items if not wanted or identify(item.nodeid) in wanted]
    results = _checked_alone(search, _in_order(search, chosen, ends_at))
    for item, outcome, error, cpu_s in results:
        search.send("measured", identify(item.nodeid), outcome, error, int(cpu_s * 1e6))
    left = dict(_MOST_TRACED) if search.spec["is_traced"] else {}
    results.sort(key=lambda one: (one[1] == "passed", one[1] == "timeout", one[3]))
    for item, outcome, _, cpu_s in results:
        kind = "failed" if outcome == "crash" else outcome
        if left.get(kind, 0) <= 0 or time.monotonic() > ends_at:
            continue
        left[kind] -= 1
        allowed_s = min(_TRACE_MOST_S, max(_TRACE_LEAST_S, _TRACE_FACTOR * cpu_s))
        if outcome == "timeout":
            allowed_s = _TRACE_LEAST_S
        ended = run_forked(_traced(search, item, allowed_s), 2 * allowed_s)
        if answer := decode(ended.data):
            search.send("traced", identify(item.nodeid), *answer)


def _in_order(search: Searcher, chosen: Sequence[pytest.Item], ends_at: float) -> list[_Result]:
    """Run the tests one after the other, in one fork as long as none of them loops."""
    results: list[_Result] = []
    timeouts = 0
    while len(results) < len(chosen) and time.monotonic() < ends_at:
        rest = chosen[len(results) :]
        usual_s = max((cpu_s for _, outcome, _, cpu_s in results if outcome == "passed"), default=0)
        allowed_s = search.spec["test_s"] * 0.5**timeouts
        allowed_s = max(_SHORTEST_S, _USUAL_FACTOR * usual_s, allowed_s)
        work = _one_after_another(search, rest, allowed_s, ends_at)
        ended = run_forked(work, allowed_s, lines=len(rest))
        answers = [decode(line + b"\n") for line in ended.data.split(b"\n")[:-1]]
        for item, answer in zip(rest, answers, strict=False):
            outcome, error, cpu_s = answer or ("crash", "", 0.0)
            results.append((item, outcome, error, cpu_s))
        is_out_of_time = time.monotonic() > ends_at and not ended.is_late
        if len(answers) < len(rest) and not is_out_of_time:
            outcome = "timeout" if ended.is_late else "crash"
            timeouts += ended.is_late
            results.append((rest[len(answers)], outcome, "", allowed_s))
    return results


def _one_after_another(
    search: Searcher, rest: Sequence[pytest.Item], allowed_s: float, ends_at: float
) -> Callable[[Answer], None]:
    def work(answer: Answer) -> None:
        for item, following in zip(rest, [*rest[1:], None], strict=True):
            signal.setitimer(signal.ITIMER_PROF, allowed_s)
            before = cpu_s_here()
            phases = search.run(item, following)
            answer(encode(phases.outcome, phases.error, cpu_s_here() - before))
            if time.monotonic() > ends_at:
                return

    return work


def _checked_alone(search: Searcher, results: list[_Result]) -> list[_Result]:
    """Run some of the failing tests by themselves; say where they fail only after others."""
    failing = [number for number, one in enumerate(results) if one[1] == "failed"][:_MOST_ALONE]
    alone: dict[int, _Result] = {}
    for number in failing:
        item, _, _, cpu_s = results[number]
        work = _plainly(search, item)
        answer = decode(run_forked(work, _SHORTEST_S + _USUAL_FACTOR * cpu_s).data)
        alone[number] = (item, *(answer or ("failed", "", cpu_s)))
    if alone and all(outcome == "passed" for _, outcome, _, _ in alone.values()):
        search.send("in order")
        return results
    return [alone.get(number, one) for number, one in enumerate(results)]


def _plainly(search: Searcher, item: pytest.Item) -> Callable[[Answer], None]:
    def work(answer: Answer) -> None:
        before = cpu_s_here()
        phases = search.run(item, None)
        answer(encode(phases.outcome, phases.error, cpu_s_here() - before))

    return work


def _traced(search: Searcher, item: pytest.Item, allowed_s: float) -> Callable[[Answer], None]:
    """Return work that runs `item` under the tracer and answers what it saw, even when late."""

    def work(answer: Answer) -> None:
        tracer = Tracer(search.root, lambda path: not is_judge(path))

        def tell(frames: Sequence[tuple[str, int]]) -> None:
            tracer.stop()
            lines = [[path, sorted(found)] for path, found in tracer.lines.items()]
            calls = [[key, kept] for key, kept in tracer.calls.items() if kept]
            answer(encode(lines, list(frames), calls))

        def late(_signal: int, frame: FrameType | None) -> None:
            tell(stack_of(search.root, frame))
            os._exit(0)

        signal.signal(signal.SIGVTALRM, late)
        signal.setitimer(signal.ITIMER_VIRTUAL, allowed_s)
        tracer.start()
        phases = search.run(item, None)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        tell(frames_of(search.root, phases.raised))

    return work


def cpu_s_here() -> float:
    """Return the CPU seconds that this process has used."""
    used: Any = resource.getrusage(resource.RUSAGE_SELF)
    return float(used.ru_utime + used.ru_stime)
