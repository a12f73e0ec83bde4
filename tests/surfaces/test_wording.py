"""What is sent, as text: it fits, it reads well, and what a stranger wrote stays text."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mai.proposal import (
    Approval,
    Fault,
    FileChange,
    Finding,
    Landing,
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
from mai.surfaces.discord.wording import outcome, question, superseded

DIGEST = "sha256:9c41e2" + "0" * 58
DIFF = (
    "diff --git a/calc/core.py b/calc/core.py\nindex 1..2 100644\n--- a/calc/core.py\n"
    "+++ b/calc/core.py\n@@ -1,2 +1,2 @@\n def mean(xs):\n-    return sum(xs) / (len(xs) - 1)\n"
    "+    return sum(xs) / len(xs)\n"
)
PROPOSAL = Proposal(
    id="7f3a00000000",
    state=State.PENDING,
    title="Divide by the count",
    why="`mean([1, 2, 3])` gives 3.0. Two tests fail because of it.",
    branch="main",
    base="1" * 40,
    commit="2" * 40,
    tip="1" * 40,
    tree="3" * 40,
    author="qwen2.5-coder:7b (ollama)",
    created_at="2026-01-02T03:04:05+00:00",
    digest=DIGEST,
    expires_at="2026-01-03T03:04:05+00:00",
    files=(FileChange("calc/core.py", "modified", 1, 1),),
    risk=RiskReport(),
    trial=TrialReport(Verdict.PASS, head=TestCounts(passed=41), fixed=("t::x",), seconds=1.9),
    review=ReviewReport(Opinion.APPROVE, "llama3.1:8b"),
)
_TEXT = st.text(max_size=300) | st.sampled_from(
    ["```", "@everyone", "||x||", "[a](http://b)", "<@200>", "# x", "\u202e", "\x1b[31m", "`" * 9]
)


def test_a_card_reads_as_it_was_drawn() -> None:
    face = question(PROPOSAL, DIFF, "calc")
    assert face.headline == "● calc@main · LOW · 7f3a · by qwen2.5-coder:7b\n“Divide by the count”"
    assert face.body == (
        "`calc/core.py`  +1 −1\n\n"
        "**Risk**  LOW, gains nothing\n"
        "**Trial**  ✓ 1 fixed, 0 broken, 41 passed, in 1.9 s without network\n"
        "**Review**  ✓ llama3.1:8b agrees, no concerns; how good it is was not measured\n\n"
        "```diff\n@@ -1,2 +1,2 @@\n def mean(xs):\n-    return sum(xs) / (len(xs) - 1)\n"
        "+    return sum(xs) / len(xs)\n```\n\n"
        "qwen2.5-coder:7b writes:\n"
        "> `mean([1, 2, 3])` gives 3.0. Two tests fail because of it.\n\n"
        "👍 lands it · 👎 refuses it\nends <t:1767409445:R> · digest `9c41e2`"
    )
    assert face.footer == "7f3a00000000 · 9c41e2000000"


def test_findings_say_their_place_always_and_their_level_where_it_differs() -> None:
    long = "It can now do things. " * 20
    worst = Finding("a", "net", Level.HIGH, "calc/net.py", 7, 0, long)
    other = Finding("b", "env", Level.MEDIUM, "calc/env.py", 2, 0, "It reads settings.")
    proposal = replace(PROPOSAL, risk=RiskReport(Level.HIGH, 9, (other, worst)))
    lines = question(proposal, DIFF, "calc").body.splitlines()
    place = lines.index("**Risk**  ◆ HIGH")
    assert lines[place + 1].startswith("- It can now do things.")
    assert lines[place + 1].endswith("… (calc/net.py:7)")
    assert len(lines[place + 1]) <= 162
    assert lines[place + 2] == "- ▲ MEDIUM: It reads settings. (calc/env.py:2)"
    assert lines[-2] == "👍 and then the digest as a reply lands it · 👎 refuses it"


def test_no_line_of_the_file_is_left_out_of_the_diff() -> None:
    sql = (
        "diff --git a/a.sql b/a.sql\nindex 1..2 100644\n--- a/a.sql\n+++ b/a.sql\n@@ -1,2 +1,2 @@\n"
        "--- a comment that was removed\n+++ two signs and a plus\n index of\n"
    )
    shown = question(PROPOSAL, sql, "calc").body
    assert "--- a comment that was removed\n+++ two signs and a plus\n index of" in shown
    assert "a/a.sql" not in shown


def test_the_outcomes_name_who_and_where() -> None:
    landed = replace(
        PROPOSAL,
        state=State.LANDED,
        approval=Approval("terminal:ana", "2026-01-02T04:00:00+00:00", DIGEST),
        landed=Landing("8091c28afb" + "0" * 30, "main", "2026-01-02T04:00:00+00:00"),
    )
    told = outcome(landed, DIGEST, "calc")
    assert told.headline.startswith("✓ calc@main · landed · 7f3a · by qwen2.5-coder:7b\n")
    assert "Landed on `main` as `8091c28afb`, in the terminal by ana." in told.body
    refused = replace(
        PROPOSAL,
        state=State.REJECTED,
        error=Fault("rejected", "Rejected by discord:200: too clever"),
        reason="too clever",
    )
    assert (
        outcome(refused, DIGEST, "calc")
        .body.partition("\n\nqwen")[0]
        .endswith("\nWhy: “too clever”")
    )
    expired = replace(PROPOSAL, state=State.EXPIRED, error=Fault("expired", "Nobody answered."))
    assert "Nobody answered in time, which is a no." in outcome(expired, DIGEST, "calc").body
    assert "There is a newer card" in superseded(PROPOSAL, DIGEST, "calc").body
    assert not outcome(landed, DIGEST, "calc").answers


def test_a_blocked_one_says_that_nobody_can_land_it() -> None:
    blocked = replace(
        PROPOSAL,
        state=State.BLOCKED,
        digest="",
        risk=RiskReport(Level.BLOCKED),
        error=Fault("blocked", "It changes the gate."),
    )
    face = question(blocked, DIFF, "calc")
    assert face.body.endswith(
        "It changes the gate. Nobody can land this from here, and no answer is asked for."
    )
    assert "👍" not in face.headline + face.body
    assert not face.answers


@given(
    title=_TEXT,
    why=_TEXT.map(lambda text: text * 20),
    path=_TEXT,
    message=_TEXT.map(lambda text: text * 5),
    count=st.integers(0, 40),
    level=st.sampled_from(Level),
    state=st.sampled_from(State),
)
def test_whatever_was_written_it_fits_and_stays_text(
    *, title: str, why: str, path: str, message: str, count: int, level: Level, state: State
) -> None:
    finding = Finding("r", "net", level, path, 1, 0, message)
    tests = tuple(f"{path}{number}" for number in range(count))
    proposal = replace(
        PROPOSAL,
        title=title,
        why=why,
        state=state,
        reason=message,
        files=tuple(FileChange(f"{path}{number}", "added", 1) for number in range(count)),
        risk=RiskReport(level, 0, (finding,) * count),
        trial=TrialReport(Verdict.PASS, broken=tests, flaky=tests, message=message),
        review=ReviewReport(Opinion.OBJECT, path, (message,) * count),
        error=Fault("x", message),
    )
    for face in (
        question(proposal, message, path),
        outcome(proposal, DIGEST, path),
        superseded(proposal, DIGEST, path),
    ):
        assert len(face.headline) <= 300
        assert len(face.body) <= 3900
        assert len(face.headline) + len(face.body) + len(face.footer) <= 6000
        assert face.headline.count("\n") == 1
        shown = face.headline + face.body.partition("```diff")[0]
        for forbidden in ("@everyone", "||", "](", "<@2", "\u202e", "\x1b"):
            assert forbidden not in shown
        assert face.body.count("```") in {0, 2}
        assert "\n# " not in shown
    assert "\x1b" not in whole(proposal, message)
