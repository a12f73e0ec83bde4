"""The table of rules, and the page generated from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mai.risk
from mai.risk import aliases, sinks
from mai.risk.aliases import canonical
from mai.risk.methods import METHODS
from mai.risk.reference import FILE, markdown
from mai.risk.rules import CAPABILITIES, RULE, RULES
from mai.settings_sources import own_checkout

SOURCES = "\n".join(
    path.read_text("utf-8")
    for path in Path(mai.risk.__file__).parent.glob("*.py")
    if path.name != "rules.py"
)


def test_every_rule_has_one_id_and_a_known_capability() -> None:
    assert len(RULE) == len(RULES)
    assert {rule.capability for rule in RULES} == set(CAPABILITIES)
    for rule in RULES:
        assert rule.summary
        assert rule.example


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_rule_is_there_for_nothing(rule: mai.risk.Rule) -> None:
    assert re.search(rf"\b{re.escape(rule.id)}\b", SOURCES)


def test_every_sink_falls_under_a_rule() -> None:
    for rule in (*sinks.NAMES.values(), *METHODS.values(), *sinks.MODULES.values()):
        assert rule in RULE or rule == "mark.exit"


def test_resolving_a_name_twice_changes_nothing() -> None:
    for name in (*sinks.NAMES, *aliases.SAME, *aliases.ALIASES, *aliases.POWERFUL):
        assert canonical(canonical(name)) == canonical(name)


def test_the_page_of_rules_is_current() -> None:
    page = (own_checkout() / FILE).read_text("utf-8")
    assert page == markdown(), "run: python -m mai.risk.reference"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = mai.risk.nothing_of_the_kind
