from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mai.surfaces.discord.emoji import Meaning, meaning_of
from mai.surfaces.discord.pieces import pieces

_LINES = st.lists(
    st.one_of(
        st.sampled_from(["```", "```python", "~~~", "````", "", "  ", "word " * 30, "x" * 500]),
        st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=200),
    ),
    max_size=60,
)
_OPENS = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


@given(_LINES, st.integers(200, 2000))
def test_every_piece_fits_and_no_word_is_lost(lines: list[str], limit: int) -> None:
    text = "\n".join(lines)
    found = pieces(text, limit)
    assert all(0 < len(piece) <= limit for piece in found)
    kept = re.sub(r"[\s`~]", "", "".join(found))
    words = re.sub(r"[\s`~]", "", text)
    # A fence that is opened again names its language again; nothing else is added.
    assert len(kept) >= len(words)
    position = 0
    for sign in words:
        position = kept.index(sign, position) + 1


def test_a_cut_fence_is_closed_and_opened_again_in_its_language() -> None:
    code = "\n".join(f"print({number})" for number in range(100))
    first, *rest = pieces(f"Look:\n\n```python\n{code}\n```\nDone.", 400)
    assert first.startswith("Look:\n\n```python\nprint(0)")
    assert all(piece.startswith("```python\n") for piece in rest[:-1])
    assert all(piece.count("```") == 2 for piece in (first, *rest[:-1]))
    assert rest[-1].endswith("Done.")


def test_paragraphs_stay_together() -> None:
    paragraphs = [f"{number} " + "word " * 40 for number in range(8)]
    found = pieces("\n\n".join(paragraphs), 500)
    assert len(found) > 2
    for paragraph in paragraphs:
        assert any(paragraph.strip() in piece for piece in found)


def test_nothing_is_no_piece() -> None:
    assert pieces("") == pieces("\n\n \n") == []


def test_only_the_standard_thumbs_mean_something() -> None:
    for tone in ("", "🏻", "🏼", "🏽", "🏾", "🏿", "\ufe0f"):
        assert meaning_of(f"👍{tone}") is Meaning.YES
        assert meaning_of(f"👎{tone}") is Meaning.NO
    assert meaning_of("👍", 12345) is Meaning.NOTHING
    for other in ("", None, "thumbsup", "👍👎", "👍👍", "✅", "🏽", "\ufe0f"):
        assert meaning_of(other) is Meaning.NOTHING
