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
_MOST_TRACED = {"failed": 12, "timeout": 2, "passed": 60}


def measure(search: Searcher, items: Sequence[pytest.Item]) -> None:
    """Report each test's outcome and CPU time, then the lines of the failing and some passing."""
    ends_at = time.monotonic() + search.spec["seconds"]
    wanted = frozenset(search.spec["tests"])
    chosen = [item for item in items if not wanted or identify(item.nodeid) in wanted]
    results: list[tuple[pytest.Item, str, float]] = []
    timeouts = 0
    for item in chosen:
        allowed_s = search.spec["test_s"] * 0.5**timeouts
        usual_s = max((cpu_s for _, outcome, cpu_s in results if outcome == "passed"), default=0.0)
        allowed_s = max(_SHORTEST_S, _USUAL_FACTOR * usual_s, allowed_s)
        ended = run_forked(_plainly(search, item), allowed_s)
        answer = decode(ended.data)
        outcome, error, cpu_s = answer or ["timeout" if ended.is_late else "crash", "", allowed_s]
        timeouts += outcome == "timeout"
        results.append((item, outcome, cpu_s))
        search.send("measured", identify(item.nodeid), outcome, error, int(cpu_s * 1e6))
        if time.monotonic() > ends_at:
            break
    if len(results) == len(chosen) > 1 and all(outcome == "passed" for _, outcome, _ in results):
        _measure_in_order(search, results)
    left = dict(_MOST_TRACED) if search.spec["is_traced"] else {}
    results.sort(key=lambda one: (one[1] == "passed", one[1] == "timeout", one[2]))
    for item, outcome, cpu_s in results:
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


def _measure_in_order(search: Searcher, results: list[tuple[pytest.Item, str, float]]) -> None:
    """Run all tests in one process, where none fails alone; note those that fail then."""

    def work(answer: Answer) -> None:
        found = []
        for number, (item, _, _) in enumerate(results):
            following = results[number + 1][0] if number + 1 < len(results) else None
            phases = search.run(item, following)
            found.append([phases.outcome, phases.error])
        answer(encode(*found))

    allowed_s = 1.0 + _USUAL_FACTOR * sum(cpu_s for _, _, cpu_s in results)
    answer = decode(run_forked(work, allowed_s).data) or []
    failing = [number for number, found in enumerate(answer) if found[0] == "failed"]
    if failing:
        search.send("in order")
    for number in failing:
        item, _, cpu_s = results[number]
        results[number] = (item, "failed", cpu_s)
        search.send("measured", identify(item.nodeid), *answer[number], int(cpu_s * 1e6))


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
