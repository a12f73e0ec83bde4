from __future__ import annotations

import pytest

from mai.errors import MaiError, exit_code_of
from mai.proposal import Finding, Level, RiskReport

FINDING = Finding("net.socket", "net", Level.HIGH, "a.py", 3, 0, "It could call home.")


def test_levels_are_ordered_by_harm_not_by_letter() -> None:
    assert Level.LOW < Level.MEDIUM < Level.HIGH < Level.BLOCKED
    assert Level.highest([Level.MEDIUM, Level.HIGH, Level.LOW]) is Level.HIGH
    assert Level.highest([]) is Level.LOW


def test_a_finding_raises_the_level_of_its_report() -> None:
    assert RiskReport(Level.LOW).with_findings(FINDING).level is Level.HIGH
    assert RiskReport(Level.BLOCKED).with_findings(FINDING).level is Level.BLOCKED


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("internal", 1),
        ("usage", 2),
        ("blocked", 3),
        ("trial", 4),
        ("does-not-parse", 5),
        ("no-engine", 6),
        ("expired", 7),
        ("rejected", 7),
        ("stale-digest", 8),
        ("unheard-of", 1),
    ],
)
def test_every_code_has_its_exit_code(code: str, exit_code: int) -> None:
    assert exit_code_of(code) == exit_code


def test_no_two_errors_share_a_code() -> None:
    def tree(kind: type[MaiError]) -> list[type[MaiError]]:
        return [kind, *(child for sub in kind.__subclasses__() for child in tree(sub))]

    # One that a room keeps to itself reaches nobody under its own name.
    codes = [kind.code for kind in tree(MaiError) if not kind.__name__.startswith("_")]
    assert len(codes) == len(set(codes))
