"""The tests that the task names, run over the change before anybody is asked about it."""

from __future__ import annotations

from dataclasses import replace

from mai.agent.evidence import evidence_of
from mai.agent.feedback import clipped
from mai.agent.task import Fault, Means, Work
from mai.edits.apply import apply
from mai.edits.nouns import BaseFile
from mai.edits.parse import parse


def try_out(work: Work, means: Means) -> Work:
    """Run the tests that failed before; set `fault` where one of them fails still.

    Raises:
        NoEngine, Undecided: they could not be run.
        Cancelled: somebody asked to stop.
    """
    before = work.evidence
    if work.fault is not None or before is None or means.run_tests is None or not before.failing:
        return work

    def read(path: str) -> BaseFile | None:
        data = means.snapshot.read(path)
        return None if data is None else BaseFile(data)

    made = apply(parse(work.text), read)
    run = means.run_tests(before.files, made)
    names = sorted(before.wanted) if before.wanted else before.files
    after = evidence_of(names, run)
    lost = before.wanted - after.wanted
    if after.is_done and not lost:
        return work
    report = after.report or f"{len(lost)} tests did not run any more."
    return replace(work, fault=Fault("tests", clipped(report)))
