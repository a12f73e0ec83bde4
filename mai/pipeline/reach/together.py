"""Judge the parts of a trial at the same time, and make one report of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import fields, replace
from itertools import chain

from mai.errors import Cancelled
from mai.events import Cancel
from mai.jobs import Part
from mai.proposal import TestCounts, TrialReport, Verdict

Judge = Callable[[Part, Cancel], TrialReport]
_POLL_S = 0.2


def judge_parts(
    parts: Sequence[Part], judge: Judge, at_once: int, cancel: Cancel
) -> list[TrialReport]:
    """Return the report of each part, in order, as far as they were judged.

    The first part that does not let the change through ends the others: its verdict is theirs.

    Args:
        parts: what to judge, the most telling first.
        judge: judges one; is asked from several threads.
        at_once: how many are judged at the same time.
        cancel: stops all of them.

    Raises:
        Cancelled: `cancel` was set.
        MaiError: what one of them raised, unless another says no to the change.
    """
    if len(parts) == 1:
        return [judge(parts[0], cancel)]
    stop = Cancel()
    cancel.on_set(stop.set)
    with ThreadPoolExecutor(min(at_once, len(parts)), "mai-trial") as pool:
        futures = [pool.submit(_judged, judge, part, stop) for part in parts]
        try:
            _await_all(futures, stop)
        except BaseException:
            stop.set()
            raise
    if cancel.is_set:
        raise Cancelled("The run was stopped; its container is gone.", stage="trial")
    reports = [future.result() for future in futures if future.exception() is None]
    done = [report for report in reports if report is not None]
    if all(report.verdict.lets_through for report in done):
        for future in futures:
            future.result()  # one that was not judged leaves the trial without a verdict
    return done


def _judged(judge: Judge, part: Part, stop: Cancel) -> TrialReport | None:
    if stop.is_set:
        return None
    try:
        return judge(part, stop)
    except Cancelled:
        return None


def _await_all(futures: Sequence[Future[TrialReport | None]], stop: Cancel) -> None:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, _POLL_S, return_when=FIRST_COMPLETED)
        for future in done:
            report = None if future.exception() else future.result()
            if future.exception() or (report and not report.verdict.lets_through):
                stop.set()


def combine(reports: Sequence[TrialReport]) -> TrialReport:
    """Return what several parts' reports say together. Seconds are added up."""
    if len(reports) == 1:
        return reports[0]
    verdict = _verdict(reports)
    telling = [report for report in reports if report.verdict is verdict]
    messages = dict.fromkeys(report.message for report in telling if report.message)
    return replace(
        telling[0],
        base=_added([report.base for report in reports]),
        head=_added([report.head for report in reports]),
        seconds=round(sum(report.seconds for report in reports), 3),
        cpu_s=round(sum(report.cpu_s for report in reports), 3),
        peak_memory_bytes=max(report.peak_memory_bytes for report in reports),
        message=" ".join(messages),
        fixed=_joined(report.fixed for report in reports),
        broken=_joined(report.broken for report in reports),
        missing=_joined(report.missing for report in reports),
        changed=_joined(report.changed for report in reports),
        flaky=_joined(report.flaky for report in reports),
    )


def _joined(ids: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted(set(chain.from_iterable(ids))))


def _verdict(reports: Sequence[TrialReport]) -> Verdict:
    """Return the first that stops the change; else whether tests of any part passed."""
    verdicts = [report.verdict for report in reports]
    stopping = [found for found in verdicts if not found.lets_through]
    return (stopping or [found for found in verdicts if found is Verdict.PASS] or verdicts)[0]


def _added(counts: Sequence[TestCounts]) -> TestCounts:
    totals = {
        each.name: sum(getattr(count, each.name) for count in counts) for each in fields(TestCounts)
    }
    return TestCounts(**totals)
