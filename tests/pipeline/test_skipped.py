"""A trial that shows nothing says why: the first error that pytest printed, on every list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mai.console.proposal_words import trial_line
from mai.jobs import RunResult
from mai.pipeline.message import unproven
from mai.pipeline.trial import _first_error
from mai.proposal import Opinion, ReviewReport, TrialReport, Verdict
from tests.test_digest import PROPOSAL

COLLECTING = """
==================================== ERRORS ====================================
_____________________ ERROR collecting tests/test_calc.py ______________________
ImportError while importing test module '/repo/tests/test_calc.py'.
tests/test_calc.py:1: in <module>
    from pkg.calc import mean
E   ModuleNotFoundError: No module named 'pkg._version'
_____________________ ERROR collecting tests/test_late.py ______________________
E   ModuleNotFoundError: No module named 'later'
"""
FIXTURE = "E       fixture 'three' not found\n>       available fixtures: cache, capfd\n"
CONFIGURED = "E   pytest.PytestUnknownMarkWarning: no\nE   yaml.scanner.ScannerError: bad\n"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (COLLECTING, " The first error: ModuleNotFoundError: No module named 'pkg._version'."),
        (FIXTURE, " The first error: fixture 'three' not found."),
        (CONFIGURED, " The first error: yaml.scanner.ScannerError: bad."),
        ("1 skipped in 0.01s\n", ""),
        ("print: E   ValueError\n", ""),
    ],
)
def test_the_first_error_is_said(output: str, said: str) -> None:
    assert _first_error(RunResult(Verdict.PASS, output=output)) == said


def test_rows_say_what_was_not_shown() -> None:
    error = "The first error: ModuleNotFoundError: No module named 'pkg'."
    skipped = TrialReport(Verdict.SKIPPED, message=f"No test passes: they show nothing. {error}")
    alone = replace(PROPOSAL, trial=skipped, review=None)
    assert unproven(alone) == "▲ no tests: ModuleNotFoundError: No module named 'pkg'  – no review"
    told = "▲ skipped, there are no tests: ModuleNotFoundError: No module named 'pkg'"
    assert trial_line(alone).plain == told
    without = replace(
        alone, trial=TrialReport(Verdict.SKIPPED, message="There are no tests to run.")
    )
    assert unproven(without) == "▲ no tests  – no review"
    objected = replace(PROPOSAL, review=ReviewReport(Opinion.OBJECT, "m", ("No.",)))
    assert unproven(objected) == "▲ review objects"
    agreed = ReviewReport(Opinion.APPROVE, "m")
    shown = replace(PROPOSAL, trial=TrialReport(Verdict.PASS), review=agreed)
    assert unproven(shown) == ""
