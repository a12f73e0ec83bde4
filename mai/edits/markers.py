"""The markers of SEARCH/REPLACE blocks, and the ways models get them wrong.

What is misspelt is understood where there is one way to, and refused where a line could be text of
the file as well, such as a heading that is underlined like a divider.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mai.errors import EditError

_SEARCH = re.compile(r"(<{5,9}) ?SEARCH>?\s*")
_REPLACE = re.compile(r"(>{5,9}) ?REPLACE\s*")
_DIVIDER = re.compile(r"={5,9}\s*")
# What some prompts have models write instead of backticks.
_TAG = re.compile(r"</?(?:source|code|pre|codeblock|sourcecode)>\w*\s*")
# What looks like a marker to a person, however it is indented and spelt.
_LOOSE = re.compile(
    r"\s*(?:<{5,9} ?(?:SEARCH|ORIGINAL)>?|>{5,9} ?(?:REPLACE|UPDATED))\s*", re.IGNORECASE
)
_BARE_FENCE = re.compile(r" {0,3}(?:`{3,}|~{3,})\s*")
_USUAL_SIZE = 7
#: The divider itself, and one that is too many or stands in for REPLACE.
_DOUBLED = 2


def is_search(line: str) -> bool:
    """Whether `line` is a `<<<<<<< SEARCH` marker."""
    return bool(_SEARCH.fullmatch(line))


def is_tag(line: str) -> bool:
    """Whether `line` opens or closes a block in the way of HTML, as in `<source>python`."""
    return bool(_TAG.fullmatch(line))


def is_loose_marker(line: str) -> bool:
    """Whether `line` is SEARCH's or REPLACE's marker, or what is left of one."""
    return bool(_LOOSE.fullmatch(line))


def is_divider(line: str) -> bool:
    """Whether `line` could stand between SEARCH and REPLACE, with any number of signs."""
    return bool(_DIVIDER.fullmatch(line))


def marker_size(line: str) -> int:
    """Return how many angle brackets a SEARCH marker has; its divider and end have as many."""
    marker = _SEARCH.fullmatch(line)
    return len(marker[1]) if marker else 0


def is_replace(line: str) -> bool:
    """Whether `line` is a `>>>>>>> REPLACE` marker."""
    return bool(_REPLACE.fullmatch(line))


def search_end(lines: Sequence[str], start: int, *, is_fenced: bool = False) -> int:
    """Return the index of the REPLACE marker that ends the block whose SEARCH is `lines[start]`.

    Markers of one block are of one length; a model that miscounts is understood where there is
    only one way to. `is_fenced`: a fence closes after the last of `lines`.

    Raises:
        EditError: there is none before the next SEARCH.
    """
    size = marker_size(lines[start])
    for at in range(start + 1, len(lines)):
        match = _REPLACE.fullmatch(lines[at])
        if match and len(match[1]) == size:
            return at
        if marker_size(lines[at]) == size:
            break
    others: list[int] = []
    for at in range(start + 1, len(lines)):
        if is_search(lines[at]):
            break
        others += [at] if _REPLACE.fullmatch(lines[at]) else []
    if len(others) == 1:
        return others[0]
    end = None if others else _second_divider(lines, start, is_fenced=is_fenced)
    if end is not None:
        return end
    raise EditError(f"Line {start + 1}: this SEARCH has no REPLACE marker after it.")


def _second_divider(lines: Sequence[str], start: int, *, is_fenced: bool) -> int | None:
    """Return where a second divider stands in for REPLACE, None where it could be text.

    It ends the block where the fence closes right after it, or where it underlines nothing and an
    empty line or the end follows.
    """
    dividers = []
    for at in range(start + 1, len(lines)):
        if is_search(lines[at]):
            break
        dividers += [at] if is_divider(lines[at]) else []
    if len(dividers) != _DOUBLED:
        return None
    at = dividers[1]
    is_last = at + 1 == len(lines)
    after = "" if is_last else lines[at + 1]
    is_closed = is_tag(after) or bool(_BARE_FENCE.fullmatch(after)) or (is_last and is_fenced)
    is_end = not after.strip() and not may_be_underline(lines, at)
    return at if is_closed or is_end else None


def may_be_underline(lines: Sequence[str], at: int) -> bool:
    """Whether the divider at `lines[at]` could be a heading's, with its text on the line before."""
    before = lines[at - 1]
    return not is_divider(before) and before.strip() != "" and before[:1] not in {" ", "\t"}


def halves(lines: Sequence[str], start: int, end: int) -> tuple[Sequence[str], Sequence[str]]:
    """Return what to find and what to put there, for the block from `start` to its end.

    Raises:
        EditError: there is no divider, or several lines could be it.
    """
    size = marker_size(lines[start])
    every = [at for at in range(start, end) if is_divider(lines[at])]
    right = [at for at in every if lines[at].rstrip() == "=" * size]
    # With markers of the usual length, the right divider right before REPLACE may be the one too
    # many, and the real one miscounted.
    dividers = every if not right or (size == _USUAL_SIZE and right == [end - 1]) else right
    last = end
    is_doubled = len(dividers) == _DOUBLED and dividers[1] == end - 1
    if is_doubled and not may_be_underline(lines, dividers[1]):
        last = dividers.pop()
    if len(dividers) != 1:
        problem = "several lines that could be its" if dividers else "no"
        raise EditError(
            f"this SEARCH has {problem} divider {'=' * size}; with markers of another length "
            "(5 to 9 characters) it can be told from the text."
        )
    return lines[start + 1 : dividers[0]], lines[dividers[0] + 1 : last]
