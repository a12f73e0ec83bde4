from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.console.proposal_news import end_line, step_line
from mai.console.proposal_words import Progress, head_lines, rows, stages, time_left
from mai.proposal import (
    FileChange,
    Finding,
    Level,
    Opinion,
    Proposal,
    ReviewReport,
    RiskReport,
    State,
    TrialReport,
    Verdict,
)
from mai.tui.spoken import markdown_lines

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def proposal(
    state: State = State.PENDING,
    title: str = "Divide by the count",
    why: str = "",
    level: Level | None = Level.LOW,
    expires_at: str | None = "2026-01-02T11:30:00+00:00",
) -> Proposal:
    finding = Finding("net.socket", title, level or Level.LOW, title, 1, 0, title)
    return Proposal(
        id="7f3a00000000",
        state=state,
        title=title,
        why=why,
        branch="main",
        base="0" * 40,
        commit="1" * 40,
        tip="0" * 40,
        tree="2" * 40,
        author="demo (scripted)",
        created_at="2026-01-01T00:00:00+00:00",
        digest="sha256:" + "ab" * 32,
        expires_at=expires_at,
        files=(FileChange("a.py", "modified", 1, 1),),
        risk=None if level is None else RiskReport(level, 0, (finding,)),
    )


def is_harmless(text: str) -> bool:
    """Whether nothing in `text` moves a cursor, breaks a line or turns its order around."""
    text = text.replace("\u200b", "")  # what keeps a mention from being one
    return not any(unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp"} for one in text)


@given(
    st.text(max_size=60),
    st.integers(12, 120),
    st.sampled_from(State),
    st.one_of(st.none(), st.sampled_from(Level)),
)
def test_a_row_keeps_its_width_and_its_lines(
    title: str, width: int, state: State, level: Level | None
) -> None:
    drawn = rows(proposal(state, title, level=level), width, None, 0.0)
    lines = drawn.split(allow_blank=True)
    assert len(lines) == (1 if state.is_end else 3 if state is State.PENDING else 2)
    assert lines[0].cell_length <= width
    assert is_harmless(drawn.plain.replace("\n", ""))


@given(st.text(), st.integers(10, 120))
def test_a_reason_stays_above_the_diff(why: str, width: int) -> None:
    head = head_lines(proposal(why=why), width)
    assert head.plain.count("\n") < 10
    assert "\x1b" not in head.plain


@given(st.text(), st.sampled_from(State))
def test_news_are_one_line(title: str, state: State) -> None:
    for line in (step_line(proposal(state, title), Progress()), end_line(proposal(state, title))):
        assert line is None or is_harmless(line.plain)


@pytest.mark.parametrize(
    ("expires_at", "shown"),
    [
        ("2026-01-02T11:30:00+00:00", "23 h left"),
        ("2026-01-01T12:07:00+00:00", "7 min left"),
        ("2026-01-01T12:00:00+00:00", "no time left"),
        (None, ""),
    ],
)
def test_the_time_left(expires_at: str | None, shown: str) -> None:
    assert time_left(proposal(expires_at=expires_at), NOW) == shown


def test_stages_tick_as_they_pass() -> None:
    running = Progress("trial", 10.0)
    working = proposal(State.ASSESSED)
    assert stages(working, running, 14.1, 2).plain == "✓check ✓assess ⠹trial  4.1 s"
    assert stages(proposal(State.FAILED, level=None), None, 0.0).plain == "✗check"
    assert stages(proposal(State.BLOCKED), None, 0.0).plain == "✓check ✗assess"
    assert stages(proposal(), None, 0.0).plain == "✓check ✓assess ✓trial – no review"
    skipped = replace(proposal(), trial=TrialReport(Verdict.SKIPPED))
    objection = ReviewReport(Opinion.OBJECT, "m", ("No.",))
    objected = replace(proposal(), review=objection)
    assert stages(objected, None, 0.0).plain == "✓check ✓assess ✓trial ▲ objects"
    assert stages(skipped, None, 0.0).plain == "✓check ✓assess ▲ no tests – no review"


@given(st.text(max_size=200), st.integers(10, 80))
def test_markdown_of_any_kind_stays_in_its_width(text: str, width: int) -> None:
    for line in markdown_lines(text, width):
        assert line.cell_length <= width
        assert "\n" not in line.plain


def test_links_are_shown_and_not_live() -> None:
    (line,) = markdown_lines("See [the docs](https://example.org/[x]).", 80)
    assert "https://example.org" in line.plain
    assert not any("link" in str(span.style) for span in line.spans)
