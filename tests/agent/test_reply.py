from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.agent.reply import read_reply
from mai.edits import parse

BLOCK = "calc/core.py\n```python\nTitle: not this one\nx = 1\n```\n"
DIFF = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"


@pytest.mark.parametrize(
    "text",
    [
        f"Title: Name the count\nWhy: It is one too low.\n\n{BLOCK}",
        f"Title: Name the count\nWhy: It is one\ntoo low.\n\n{BLOCK}",
        f"Title: Name the count\nWhy: It is one too low.\n{BLOCK}",
        f"**Title:** Name the count\n**Why:** It is one too low.\n\n{BLOCK}",
        f"## Title: Name the count\r\nwhy: It is one too low.\r\n\r\n{BLOCK}",
        f"Sure.\n\nTitle: Name the count\n\nWhy: It is one too low.\n\nHere:\n\n{BLOCK}",
    ],
)
def test_title_reason_and_edits_are_told_apart(text: str) -> None:
    reply = read_reply(text)
    assert reply.title == "Name the count"
    assert reply.why == "It is one too low."
    assert reply.edits == BLOCK


def test_a_diff_starts_at_its_first_line() -> None:
    assert read_reply(f"Title: Two\n\nHere:\n{DIFF}").edits == DIFF
    assert read_reply(f"Title: Two\n```diff\n{DIFF}```\n").edits == f"```diff\n{DIFF}```\n"


@pytest.mark.parametrize(
    "edits",
    [
        "*** Begin Patch\n*** Delete File: a.py\n*** End Patch\n",
        "a.py\n<source>python\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n</source>\n",
    ],
)
def test_other_forms_start_with_their_first_line_too(edits: str) -> None:
    reply = read_reply(f"Title: Two\nWhy: One was not enough.\n\n{edits}")
    assert reply.edits == edits
    assert parse(reply.edits)


@pytest.mark.parametrize("text", ["Title: none", "**Title:** None.\n", "title: nothing"])
def test_nothing_to_change_is_an_answer(text: str) -> None:
    assert read_reply(text).is_nothing


@pytest.mark.parametrize("text", ["", "I cannot help.", "Title: Fix it\nWhy: because"])
def test_words_alone_are_no_edit_and_no_nothing(text: str) -> None:
    reply = read_reply(text)
    assert reply.edits == ""
    assert not reply.is_nothing


@given(st.text(max_size=300) | st.text(alphabet="`~\nTitle: Why@-+ab/.", max_size=120))
def test_whatever_a_model_says_titles_are_one_plain_line(text: str) -> None:
    reply = read_reply(text)
    assert len(reply.title) <= 60
    assert len(reply.why) <= 700
    assert "\n" not in reply.title + reply.why
    assert "```" not in reply.title + reply.why
    assert reply.edits in text.replace("\r\n", "\n")
