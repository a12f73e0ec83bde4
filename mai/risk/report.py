"""Puts findings together into a report: the level is the highest one, the score sorts within it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mai.proposal import Finding, Level, RiskReport
from mai.risk.policy import Policy

MAXIMUM_SCORE = 100


@dataclass(frozen=True, slots=True)
class FileReport:
    """What one file says, judged as if wholly new."""

    path: Path
    level: Level
    score: int
    findings: tuple[Finding, ...]


def ordered(findings: Iterable[Finding], policy: Policy) -> tuple[Finding, ...]:
    """Return `findings` with the policy's levels, worst first, each only once."""
    unique = dict.fromkeys(policy.applied(finding) for finding in findings)
    return tuple(
        sorted(
            unique,
            key=lambda each: (-each.level.rank, each.path, each.line, each.column, each.rule),
        )
    )


def score_of(findings: Iterable[Finding]) -> int:
    """Return the sort key of a report, from 0 (nothing found) to 100.

    Ten for each capability and three for each rule found at the highest level, one for each further
    finding there and a fifth for each below. It never decides a level.
    """
    found = list(findings)
    level = Level.highest(finding.level for finding in found)
    top = [finding for finding in found if finding.level is level]
    capabilities = {finding.capability for finding in top}
    rules = {finding.rule for finding in top}
    points = 10 * len(capabilities) + 3 * len(rules) + len(top) + (len(found) - len(top)) // 5
    return min(points, MAXIMUM_SCORE)


def report_of(findings: Iterable[Finding], policy: Policy, context: str = "tree") -> RiskReport:
    """Return the report over `findings`."""
    found = ordered(findings, policy)
    level = Level.highest(finding.level for finding in found)
    return RiskReport(level, score_of(found), found, context)
