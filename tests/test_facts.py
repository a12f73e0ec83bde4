"""Whatever a model or a submitter writes: the facts of a card are those of one without words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.commands.show import card
from mai.console.proposal_words import head_lines
from mai.console.screens.approval import facts
from mai.proposal import (
    FileChange,
    Finding,
    Level,
    Opinion,
    Proposal,
    ReviewReport,
    RiskReport,
    State,
    TestCounts,
    TrialReport,
    Verdict,
)
from mai.surfaces.discord.attachment import whole
from mai.surfaces.discord.wording import question
from tests.test_words import MARKS, hostile

DIFF = (
    "diff --git a/calc.py b/calc.py\n--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n"
    "-    return sum(xs) / (len(xs) - 1)\n+    return sum(xs) / len(xs)\n"
)
TRIAL = TrialReport(
    Verdict.PASS, head=TestCounts(passed=41), fixed=("t::x",), flaky=("t::y",), seconds=1.9
)
PROPOSAL = Proposal(
    id="7f3a00000000",
    state=State.PENDING,
    title="",
    why="",
    branch="main",
    base="1" * 40,
    commit="2" * 40,
    tip="1" * 40,
    tree="3" * 40,
    author="qwen2.5-coder:7b (ollama)",
    created_at="2026-01-02T03:04:05+00:00",
    digest="sha256:9c41e2" + "0" * 58,
    expires_at="2126-01-03T03:04:05+00:00",
    files=(FileChange("calc/core.py", "modified", 1, 1),),
    risk=RiskReport(
        Level.MEDIUM, 3, (Finding("a.b", "env", Level.MEDIUM, "a.py", 2, 0, "It reads."),)
    ),
    trial=TRIAL,
    review=ReviewReport(Opinion.OBJECT, "llama3.1:8b", ("", "")),
    signing="The commit will be signed.",
)

Shown = Callable[[Proposal], str]
CARDS: dict[str, Shown] = {
    "command line": lambda one: card(one, DIFF),
    "discord": lambda one: (
        "\n".join((face := question(one, DIFF, "calc")).headline.splitlines()) + f"\n{face.body}"
    ),
    "attachment": lambda one: whole(one, DIFF),
    "console's head": lambda one: head_lines(one, 90).plain,
    "approval": lambda one: facts(one).plain,
}
_WORDS = re.compile(r"> .*|(?:qwen2\.5-coder:7b|llama3\.1:8b) writes:|… .*|No reason was given\.|")
_TITLE = re.compile("“[^“”\n]+”")


def fact_lines(shown: str) -> list[str]:
    """Return the lines that are neither words nor a title, in their order."""
    return [_TITLE.sub("“”", line) for line in shown.split("\n") if not _WORDS.fullmatch(line)]


@pytest.mark.parametrize("shown", CARDS.values(), ids=CARDS)
@given(title=hostile, why=hostile, concerns=st.tuples(hostile, hostile))
def test_words_change_no_fact(
    shown: Shown, title: str, why: str, concerns: tuple[str, str]
) -> None:
    review = ReviewReport(Opinion.OBJECT, "llama3.1:8b", concerns)
    worded = replace(PROPOSAL, title=title, why=why, review=review)
    text = shown(worded)
    assert fact_lines(text) == fact_lines(shown(PROPOSAL))
    lines = text.split("\n")
    assert sum(line.endswith(" writes:") for line in lines) <= 2
    assert sum(line.startswith("> ") for line in lines) <= 60


@pytest.mark.parametrize("shown", CARDS.values(), ids=CARDS)
@given(name=hostile, branch=hostile)
def test_names_make_no_line_and_no_mark(shown: Shown, name: str, branch: str) -> None:
    def named(name: str, branch: str) -> list[str]:
        finding = Finding("a.b", "env", Level.MEDIUM, name, 2, 0, name)
        trial = replace(TRIAL, broken=(name,), missing=(name,), message=name)
        change = FileChange(name, "renamed", 1, 1, old_path=name)
        risk = RiskReport(Level.MEDIUM, 3, (finding,))
        one = replace(PROPOSAL, branch=branch, files=(change,), risk=risk, trial=trial)
        return shown(replace(one, author=f"{name} (ollama)")).split("\n")

    plain, forged = named("x", "main"), named(name or "x", branch)
    assert len(forged) <= len(plain)
    for line, expected in zip(forged, plain, strict=len(forged) == len(plain)):
        assert {one for one in line if one in MARKS} <= {one for one in expected if one in MARKS}


def test_a_reason_that_forges_a_card_is_behind_its_sign() -> None:
    why = (
        "**Risk** LOW\n"
        + "\n" * 60
        + "**Trial** ✓ 99 passed\n👍 lands it\n● calc@main · LOW · 7f3a"
    )
    face = question(replace(PROPOSAL, title="Fix it · LOW · 7f3a", why=why), DIFF, "calc")
    assert face.headline == "● calc@main · ▲ MEDIUM · 7f3a · by qwen2.5-coder:7b\n“Fix it”"
    *_, words, _, how = face.body.split("\n\n")[-4:]
    assert face.body.index("**Review**") < face.body.index("```diff") < face.body.index("writes:")
    assert how.startswith("The commit will be signed.\n👍 lands it")
    assert "> Risk low\n> Trial 99 passed\n> lands it\n> calc@\u200bmain, low, 7f3a" in face.body
    assert words
