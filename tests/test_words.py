"""A model's or a submitter's words never pass for Mai's own, wherever they are shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.words import (
    label,
    mailed,
    name_of,
    quoted,
    quoted_title,
    said,
    tame,
    title_line,
    unformatted,
    without_signs,
    writes,
)

#: What a forged card is made of.
PIECES = (
    *("**Risk** LOW", "**Trial**  ✓ 40 fixed", "👍 lands it", "● calc@main · LOW · 7f3a", "✗"),
    *(" · LOW · 7f3a", " · 7f3a · ▲ MEDIUM", "LOW", "HIGH", "ＬＯＷ", "·", "•", "✔", "🟢", "\n"),
    *("# ", "- ", "* ", "1. ", "> ", ">>> ", "-# ", "---", "`", "```", "**", "||", "@everyone"),
    *("[here](https://evil.example)", "\u202e", "\x1b[31m", "\r", "\u2028", "\u3164", "7f3a"),
    *("\n" * 60, "word", " ", "<@1>"),
)
hostile = st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
MARKS = "●▲◆■✓✗👍👎↶↻◌·•✔🟢"
LEVEL = re.compile(r"(?<![\w./-])(LOW|MEDIUM|HIGH|BLOCKED)(?![\w./-])")


@given(hostile)
def test_quoted_words_are_behind_their_sign_few_and_tame(text: str) -> None:
    lines = quoted(text, width=40)
    assert len(lines) <= 9
    words = [line for line in lines if line.startswith("> ")]
    assert all(re.fullmatch(r"… \d+ more lines?", line) for line in lines[len(words) :])
    for line in words:
        assert len(line) <= 40
        assert line.removeprefix("> ").strip()
        assert not set(line) & set(MARKS)
        assert line.splitlines() == [line]
        assert line.count("`") % 2 == 0
        assert not re.search(r"\[[^\]]*\]\([^)]*\)", re.sub("`[^`]*`", "", line))
        assert not LEVEL.search(line)


@given(hostile)
def test_a_tame_line_begins_with_no_mark_and_is_not_bold(text: str) -> None:
    line = tame(text.replace("\n", " "))
    assert not re.match(r"#{1,6}\s|[-*+]\s|\d{1,3}[.)]\s|>|-#\s", line)
    assert not re.search(r"(?<!\S)\*\*[^\s*]", re.sub("`[^`]*`", "", line))
    assert "```" not in line
    assert "@everyone" not in line


@given(hostile)
def test_a_title_is_one_line_that_says_no_fact(text: str) -> None:
    line = title_line(text)
    assert len(line) <= 72
    assert len(line.splitlines()) <= 1
    assert not set(line) & set(MARKS)
    assert not LEVEL.search(line)
    assert title_line(line) == line
    assert re.fullmatch("“[^“”]+”", quoted_title(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Divide by the count", "Divide by the count"),
        ("Fix it · LOW · 7f3a", "Fix it"),
        ("Fix it   7f3a · ▲ MEDIUM", "Fix it"),
        ("Fix it 7f3a LOW", "Fix it"),
        ("Fix it | low | 7f3a", "Fix it"),
        ("Fix it — LOW", "Fix it"),
        ("Fix it [LOW]", "Fix it"),
        ("Fix it ＬＯＷ · ７f3a", "Fix it low"),
        ("✓ Fix it 👍", "Fix it"),
        ("Fix · LOW · 7f3a · by Mai", "Fix, low, 7f3a, by Mai"),
        ("Set the priority to HIGH", "Set the priority to high"),
        ("Rename tests/HIGH.py, Level.LOW", "Rename tests/HIGH.py, Level.LOW"),
        ("Revert 3c0fe91", "Revert 3c0fe91"),
        ("Read what was added", "Read what was added"),
        ("**Use** `a ** b` in __init__", "Use `a ** b` in __init__"),
    ],
)
def test_titles(text: str, shown: str) -> None:
    assert title_line(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0" * 34 + ":LOW0", ["> " + "0" * 34 + ":low", "> 0"]),
        ("word " * 7 + "abc # heading", ["> " + "word " * 7 + "abc", "> heading"]),
    ],
)
def test_a_break_lays_nothing_bare(text: str, shown: list[str]) -> None:
    assert quoted(text, width=40) == shown


def test_words_say_whose_they_are_and_how_many_are_left() -> None:
    text = "**Risk** LOW\n" + "\n" * 60 + "\n".join(f"- {number}" for number in range(10))
    lines = writes("qwen2.5-coder:7b (ollama)", text, rest="mai show 7f3a")
    assert lines[:3] == ["qwen2.5-coder:7b writes:", "> Risk low", "> 0"]
    assert lines[-1] == "… 3 more lines: `mai show 7f3a`"
    assert len(lines) == 10
    assert writes("m", " \n\n--- \n") == []
    assert len(writes("m", text, most=None)) == 12


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("patch (submit)", "The submitter"),
        ("qwen2.5-coder:7b (ollama)", "qwen2.5-coder:7b"),
        ("Mai (ollama)", "A model named Mai"),
        ("● LOW\n7f3a", "‹U+25CF› LOW‹U+000A›7f3a"),
    ],
)
def test_a_name_is_no_fact(author: str, name: str) -> None:
    assert name_of(author) == name


@given(hostile)
def test_a_label_is_exact_and_one_line(text: str) -> None:
    shown = label(text, 4000)
    assert shown.isprintable()
    assert not set(shown) & set(MARKS)
    assert len(label(text, 20)) <= 20


def test_a_label_keeps_what_it_names() -> None:
    assert label("tests/test_a.py::test_x[HIGH-a*b]") == "tests/test_a.py::test_x[HIGH-a*b]"
    assert label("test[✓\u202e]") == "test[‹U+2713›‹U+202E›]"


@given(hostile)
def test_a_sentence_that_quotes_stays_a_sentence(text: str) -> None:
    shown = said(text, 80)
    assert len(shown) <= 80
    assert not set(shown) & set(MARKS)
    assert "\n" not in shown


def test_talk_has_no_signs_of_facts() -> None:
    assert without_signs("✓ 7f3a landed\n- one") == " 7f3a landed\n- one"


def test_discord_shows_emphasis_as_it_was_written() -> None:
    assert unformatted("a*b* __x__ `__y__`") == r"a\*b\* \_\_x\_\_ `__y__`"


def test_no_line_is_where_a_mailed_message_is_cut() -> None:
    assert mailed("> -- >8 --\n8< 100%<") == "> -- > 8 --\n8 < 100% <"
