"""The digest covers every field that a person is shown, whatever field is added later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.digest import NOT_IN_DIGEST, Shown, canonical_json
from mai.proposal import (
    FileChange,
    Finding,
    Level,
    Measured,
    Opinion,
    Proposal,
    ReviewReport,
    RiskReport,
    State,
    TestCounts,
    TrialReport,
    Verdict,
)

MEASURED = Measured(hits=22, bad=24, false_alarms=2, good=24, on="2026-01-02")
PROPOSAL = Proposal(
    id="7f3a00000000",
    state=State.PENDING,
    title="Divide by the count",
    why="Two tests fail.",
    branch="main",
    base="1" * 40,
    commit="2" * 40,
    tip="1" * 40,
    tree="3" * 40,
    author="qwen2.5-coder:7b (ollama)",
    created_at="2026-01-02T03:04:05+00:00",
    files=(FileChange("calc/core.py", "renamed", 1, 1, "calc/old.py", "100644", "100755"),),
    risk=RiskReport(
        Level.HIGH, 3, (Finding("net.socket", "net", Level.HIGH, "a.py", 3, 0, "Opens."),)
    ),
    trial=TrialReport(
        Verdict.PASS,
        TestCounts(3, 1),
        TestCounts(4),
        ("a",),
        ("b",),
        ("c",),
        ("d",),
        ("e",),
        1.5,
        "sha256:1",
        "trusted",
        "One test ran out of time.",
        "1 passed in 1.50s",
        1_000,
        1.2,
    ),
    review=ReviewReport(Opinion.OBJECT, "llama3.1:8b (ollama)", ("It opens a socket.",), MEASURED),
    rolls_back="8a0000000000",
    signing="The commit will be signed with your SSH key.",
)
EARLIER = "sha256:c655c85c940dca8ff8f80d816c773404951599baaed31c11c81c2984df74c973"
DIFF = "diff --git a/a.py b/a.py\n@@ -1 +1 @@\n-x\n+y\n"
#: What a proposal has and its digest does not, and why.
LEFT_OUT = {
    "id": "the answer names it",
    "state": "how far it is, not what it is",
    "base": "the diff says what changes; the same diff on a moved branch keeps its yes",
    "tip": "likewise",
    "commit": "likewise",
    "tree": "likewise",
    "created_at": "a time",
    "expires_at": "a time",
    "digest": "itself",
    "approval": "comes after it",
    "rest": "comes after it: confirms what is shown, or ends the proposal",
    "landed": "comes after it",
    "error": "ends it: there is nothing left to answer",
    "reason": "comes after it",
}


def digest(proposal: Proposal, diff: str = DIFF, repo: str = "calc") -> str:
    return Shown.of(proposal, diff, repo).digest()


def others(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield `value` with one thing changed at a time, with the name of what was changed."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            for inner, changed in others(getattr(value, field.name), f"{name}.{field.name}"):
                yield inner, replace(value, **{field.name: changed})
    elif isinstance(value, tuple):
        yield f"{name}[-]", value[:-1]
        yield f"{name}[+]", (*value, value[-1])
        for inner, changed in others(value[0], f"{name}[0]"):
            yield inner, (changed, *value[1:])
    elif isinstance(value, Enum):
        yield name, next(one for one in type(value) if one is not value)
    elif isinstance(value, bool):
        yield name, not value
    elif isinstance(value, int | float):
        yield name, value + 1
    else:
        yield name, f"{value}x"


def _shown_fields() -> list[tuple[str, Proposal]]:
    return [
        (inner, replace(PROPOSAL, **{field.name: changed}))
        for field in fields(Proposal)
        if field.name not in LEFT_OUT
        for inner, changed in others(getattr(PROPOSAL, field.name), field.name)
        if inner.removeprefix("trial.") not in NOT_IN_DIGEST
    ]


@pytest.mark.parametrize("other", [pytest.param(other, id=name) for name, other in _shown_fields()])
def test_every_field_that_is_shown_is_in_the_digest(other: Proposal) -> None:
    assert digest(other) != digest(PROPOSAL)


def test_the_diff_and_the_repo_are_in_the_digest() -> None:
    assert digest(PROPOSAL, DIFF + " ") != digest(PROPOSAL)
    assert digest(PROPOSAL, repo="other") != digest(PROPOSAL)


def test_what_each_run_measures_anew_voids_no_yes() -> None:
    assert {"seconds", "cpu_s", "peak_memory_bytes", "output"} == NOT_IN_DIGEST
    assert PROPOSAL.trial is not None
    again = replace(PROPOSAL.trial, seconds=9.0, cpu_s=9.0, peak_memory_bytes=9, output="9 s")
    assert digest(replace(PROPOSAL, trial=again)) == digest(PROPOSAL)


def test_a_digest_from_before_reviewers_were_measured_is_as_it_was() -> None:
    """Taken with the Mai before: a yes to what waits must not be void for a field that is empty."""
    review = ReviewReport(Opinion.OBJECT, "llama3.1:8b (ollama)", ("It opens a socket.",))
    assert digest(replace(PROPOSAL, review=review)) == EARLIER


def test_a_moved_branch_alone_voids_no_yes() -> None:
    moved = replace(PROPOSAL, tip="4" * 40, tree="5" * 40, expires_at="2026-01-03T00:00:00+00:00")
    assert digest(moved) == digest(PROPOSAL)


@given(st.dictionaries(st.text(), st.text(st.characters())))
def test_canonical_json_does_not_depend_on_order(value: dict[str, str]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical_json(value) == canonical_json(turned)
