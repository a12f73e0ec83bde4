"""Lines by which a model says "and so on" instead of writing what belongs there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from mai.text import one_line

_COMMENT = re.compile(r"(?:#|//|--|;+|%|/\*|<!--|\{/\*)\s*(.*?)\s*(?:\*/\}?|-->)?")
_LONGEST = 200
_DOTS = re.compile(r"\.{3,}|…")
_WORDS = re.compile(
    r"\b(?:rest|remaining|remainder|existing|unchanged|same as|as before|previous|omitted|"
    r"other|more|continues|code|here|stays?|remains?)\b",
    re.IGNORECASE,
)
_THING = r"(?:file|code|class|functions?|methods?|module|script|implementation|contents?|program)"
_LEFT = r"(?:remains?|stays?|is|are|here|goes here)?(?: ?(?:unchanged|the same|here|as before))*"
# Without dots only set phrases count: "the rest of the arguments" is an honest comment.
_PHRASES = re.compile(
    rf"(?:the )?rest of (?:the |your |this |my )?(?:\w+ )?{_THING}\b.*"
    rf"|(?:\.\.\. ?)?(?:existing|remaining) (?:\w+ )?{_THING} ?{_LEFT}"
    rf"|(?:the )?(?:rest|everything else|(?:all )?others?(?: \w+)?|(?:previous|original) {_THING})"
    r" (?:remains?|stays?|is|are|goes)? ?(?:unchanged|the same|here)(?: as before)?",
    re.IGNORECASE,
)


def elided(lines: Iterable[str], known: Collection[str] = ()) -> str | None:
    """Return the first line that stands for others, as one to show; None where there is none.

    `known` are lines, stripped, that the file has already: there such a line is only text. A bare
    `...` is Python's own where it is indented, so only at the margin is it taken for one.
    """
    for line in lines:
        text = line.strip()
        # Nobody says it in a long line, and the patterns are not made for one.
        if 0 < len(text) <= _LONGEST and text not in known and _stands_for_others(line, text):
            return one_line(text, 80)
    return None


def _stands_for_others(line: str, text: str) -> bool:
    if _DOTS.fullmatch(text):
        return line[:1] == text[:1]
    comment = _COMMENT.fullmatch(text)
    if not comment:
        return False
    words = comment[1].rstrip(".:!")
    if _DOTS.search(comment[1]):
        return bool(_WORDS.search(words)) or not _DOTS.sub("", comment[1]).strip()
    return bool(_PHRASES.fullmatch(words))
