"""Small programs that use a capability, written the way people and models write them."""

from __future__ import annotations

import pytest

from mai.proposal import Level
from mai.risk.rules import RULE
from tests.risk.conftest import ScoreSource, corpus


@pytest.mark.parametrize(("capability", "source"), corpus("misuse"))
def test_the_capability_is_named(score_source: ScoreSource, capability: str, source: str) -> None:
    report = score_source(source)
    assert report.level >= Level.MEDIUM
    assert capability in {RULE[finding.rule].capability for finding in report.findings}


@pytest.mark.parametrize(("rule", "source"), corpus("high"))
def test_these_are_high_by_themselves(score_source: ScoreSource, rule: str, source: str) -> None:
    report = score_source(source)
    assert report.level is Level.HIGH
    assert rule in {finding.rule for finding in report.findings if finding.level is Level.HIGH}
