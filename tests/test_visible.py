"""What is there is shown, each line with the sign that it has in the diff."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.commands.output import print_json
from mai.commands.show import card
from mai.console.proposal_rows import parse_diff, unified_rows
from mai.surfaces.discord.attachment import whole
from mai.surfaces.discord.diffs import short_diff
from mai.visible import is_visible, visible, visible_diff
from tests.test_digest import PROPOSAL

#: What ends a line for Python or for a terminal, and not for git; and what does not show.
BREAKS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
HIDING = "\x1b\x08\x9b\x00\u00ad\u200b\u202e\u2066\u2800\u3164\ufe0f\ufeff\U000e0041\U000e0101"


def diff_with(hiding: str) -> str:
    return (
        "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n"
        f"@@ -1 +1 @@\n-x = 1\n+# fine.{hiding}    return True\n"
    )


@given(st.text(st.characters(codec="utf-8") | st.sampled_from(BREAKS + HIDING)))
def test_every_character_is_shown_or_a_symbol_for_it(text: str) -> None:
    shown = visible(text)
    assert all(is_visible(one) for one in shown)
    assert all(one in shown for one in text if is_visible(one))
    assert len(visible_diff(text).splitlines()) <= text.count("\n") + 1


def test_symbols_name_what_they_stand_for() -> None:
    assert visible("a\u202eb\x1b[31mc") == "a‹U+202E›b‹U+001B›[31mc"
    assert visible("ends as on Windows\r") == "ends as on Windows␍"
    assert visible("x\ry\r\r") == "x‹U+000D›y‹U+000D›␍"
    assert visible("\tx") == "    x"
    assert visible_diff("+\tx\u00ad\n y\n") == "+\tx‹U+00AD›\n y\n"
    assert visible("\r" * 100_000).endswith("␍")


@pytest.mark.parametrize("one", BREAKS + HIDING)
def test_no_added_line_is_shown_without_its_sign(one: str) -> None:
    diff = diff_with(one)
    wanted = f"# fine.‹U+{ord(one):04X}›    return True"
    for shown in (
        card(PROPOSAL, diff),
        whole(PROPOSAL, diff),
        short_diff(diff),
        "\n".join(f"{row.mark}{row.new.text}" for row in unified_rows(parse_diff(diff)) if row.new),
    ):
        assert f"+{wanted}" in shown.splitlines()
        assert one not in shown


def test_json_for_a_person_hides_nothing_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"diff": diff_with(BREAKS + HIDING), "title": "Grüße 😀"}
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    print_json(value)
    stream.seek(0)
    text = stream.read()
    assert json.loads(text) == value
    assert all(one == "\n" or is_visible(one) for one in text)
    assert "Grüße 😀" in text


def test_a_file_name_hides_nothing() -> None:
    (change,) = PROPOSAL.files
    odd = replace(PROPOSAL, files=(replace(change, path="a\u202e\r.py", old_path=None),))
    for shown in (card(odd), whole(odd, "")):
        assert "\u202e" not in shown
        assert "\r" not in shown
