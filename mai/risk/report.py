"""Puts findings together into a report: the level is the highest one, the score sorts within it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mai.proposal import Finding, Level, RiskReport
from mai.risk.policy import Policy

MAXIMUM_SCORE = 100
_MAXIMUM_ALIKE = 8


@dataclass(frozen=True, slots=True)
class FileReport:
    """What one file says, judged as if wholly new. `unread` says why it could not be, if so."""

    path: Path
    level: Level
    score: int
    findings: tuple[Finding, ...]
    unread: str = ""


def ordered(findings: Iterable[Finding], policy: Policy) -> tuple[Finding, ...]:
    """Return `findings` with the policy's levels, worst first, each only once.

    Of many findings of one rule in one file the first few are kept; the last of them says how
    many more there are.
    """
    unique = dict.fromkeys(policy.applied(finding) for finding in findings)
    counts = Counter((each.rule, each.path, each.level) for each in unique)
    kept: Counter[tuple[str, str, Level]] = Counter()
    found = []
    for each in sorted(unique, key=_place):
        key = (each.rule, each.path, each.level)
        kept[key] += 1
        more = counts[key] - _MAXIMUM_ALIKE
        if kept[key] == _MAXIMUM_ALIKE and more > 0:
            found.append(
                replace(each, message=f"{each.message} ({more} more of this in the file.)")
            )
        elif kept[key] <= _MAXIMUM_ALIKE:
            found.append(each)
    return tuple(found)


def _place(finding: Finding) -> tuple[int, str, int, int, str]:
    return -finding.level.rank, finding.path, finding.line, finding.column, finding.rule


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
