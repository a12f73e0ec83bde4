"""Show a file's text and a diff as they are: a symbol stands for each character that hides.

Escapes, lone carriage returns, bidirectional controls, zero-width characters, tags and fillers are
how a diff lies to its reader. They are neither passed on nor dropped: `‹U+202E›` shows where one
is. Every diff that a person or a reviewing model reads passes through here. A line ends at a line
feed and nowhere else, as git has it.
"""

from __future__ import annotations

import re

_TAB_COLUMNS = 4
#: Characters that Python calls printable although nothing shows: Unicode's
#: Default_Ignorable_Code_Point, the blank Braille pattern and the blank note head.
_BLANK = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)


def is_visible(character: str) -> bool:
    """Return whether a reader sees `character`; a space counts as seen, a tab does not."""
    return character.isprintable() and not _BLANK.match(character)


def visible(text: str) -> str:
    """Return one line of a file with a symbol for each character that would not show.

    Tabs become spaces. The carriage return of a line that ends as on Windows becomes `␍`.
    """
    return _with_symbols(text.expandtabs(_TAB_COLUMNS), kept="")


def visible_line(text: str) -> str:
    """Return one line with a symbol for each character that would not show. Tabs stay."""
    return _with_symbols(text, kept="\t")


def visible_diff(diff: str) -> str:
    """Return a diff, or any text of several lines, with nothing hidden in it.

    Each line of the result begins with the sign that its line has in the diff: what another
    program would take for a line break within a line is a symbol.
    """
    return "\n".join(visible_line(line) for line in diff.split("\n"))


def _with_symbols(text: str, kept: str) -> str:
    if text.isprintable() and not _BLANK.search(text):
        return text
    end = "␍" if text.endswith("\r") else ""
    body = text.removesuffix("\r")
    shown = "".join(
        one if one in kept or is_visible(one) else f"‹U+{ord(one):04X}›" for one in body
    )
    return shown + end
