"""What the user and the repository may say about levels."""

from __future__ import annotations

import pytest

from mai.proposal import Level
from mai.repo_policy import RepoPolicy
from mai.risk import Policy
from mai.risk.policy import known_rules
from mai.risk.rules import CAPABILITIES, RULES, Rule
from mai.settings import load
from tests.risk.conftest import Score, rules

SHELL = {"a.py": "import os\nos.system('ls')\n"}
BASE = {"a.py": "", "b.py": "import os\nos.system('x')\n"}
HEAD = {**BASE, **SHELL}


@pytest.mark.parametrize("name", ["process.shell", "process"])
@pytest.mark.parametrize("level", list(Level))
def test_the_user_may_raise_and_lower_by_rule_or_capability(
    score: Score, name: str, level: Level
) -> None:
    assert score(BASE, HEAD).level is Level.MEDIUM
    assert score(BASE, HEAD, policy=Policy(levels={name: level})).level is level


@pytest.mark.parametrize("level", list(Level))
def test_the_repository_only_raises(score: Score, level: Level) -> None:
    report = score(BASE, HEAD, policy=Policy(repo={"process.shell": level}))
    assert report.level is max(level, Level.MEDIUM, key=lambda each: each.rank)


def test_the_repository_is_stronger_than_the_user_where_it_is_stricter(score: Score) -> None:
    policy = Policy(levels={"process.shell": Level.LOW}, repo={"process.shell": Level.HIGH})
    assert score(BASE, HEAD, policy=policy).level is Level.HIGH


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.level is Level.BLOCKED])
def test_nothing_lowers_what_is_blocked(rule: Rule) -> None:
    identity, capability = rule.id, rule.capability
    policy = Policy(levels={identity: Level.LOW, capability: Level.LOW}, repo={identity: Level.LOW})
    assert policy.level(identity, capability, Level.BLOCKED) is Level.BLOCKED


def test_a_level_that_a_setting_gave_says_so(score: Score) -> None:
    report = score(BASE, HEAD, policy=Policy(levels={"process": Level.HIGH}))
    assert report.findings[0].message.endswith("The settings make it HIGH.")


def test_settings_and_the_repository_file_become_a_policy(score: Score) -> None:
    settings = load(risk_levels={"net": Level.HIGH})
    repo = RepoPolicy.read(b'leave_alone = ["vendor/**"]\n[risk]\nprocess = "BLOCKED"\n')
    policy = Policy.of(settings, repo)
    assert policy == Policy({"net": Level.HIGH}, {"process": Level.BLOCKED}, ("vendor/**",))
    assert score(BASE, HEAD, policy=policy).level is Level.BLOCKED
    assert "path.leave-alone" in rules(score({}, {"vendor/a.py": ""}, policy=policy))


def test_every_rule_may_be_named() -> None:
    assert {rule.id for rule in RULES} | set(CAPABILITIES) == known_rules()
