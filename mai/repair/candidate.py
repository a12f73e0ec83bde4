"""One edit that might be the repair: which bytes of which file become what."""

from __future__ import annotations

import difflib
import io
import keyword
import tokenize
from dataclasses import dataclass

#: Comparisons are of one shape: any of them may be the first in a file.
_LIKE = dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), "<")

#: The bytes from the first number to the second become the text.
Edit = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Edits of one file. `prior` says how often such an edit is a repair, from 0 to 1.

    `line` is where the first edit begins; `what` describes it in a few words; `score` is the prior
    weighed with how suspicious the place is.
    """

    path: str
    edits: tuple[Edit, ...]
    operator: str
    prior: float
    what: str
    line: int
    score: float = 0.0

    def applied(self, data: bytes) -> bytes:
        """Return `data`, the content of the file, with the edits made."""
        for start, end, text in sorted(self.edits, reverse=True):
            data = data[:start] + text.encode() + data[end:]
        return data


def token_distance(before: bytes, after: bytes) -> int:
    """Return how many tokens two sources differ by."""
    old, new = _tokens(before), _tokens(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return sum(
        max(end - start, stop - begin)
        for kind, start, end, begin, stop in matcher.get_opcodes()
        if kind != "equal"
    )


def shape_of(data: bytes) -> list[str]:
    """Return the tokens of a source with every name as one and the same, but for calls' names."""
    tokens = _tokens(data)
    return [
        "name"
        if one.isidentifier() and not keyword.iskeyword(one) and after != "("
        else _LIKE.get(one, one)
        for one, after in zip(tokens, [*tokens[1:], ""], strict=True)
    ]


def _tokens(data: bytes) -> list[str]:
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
    try:
        found = list(tokenize.tokenize(io.BytesIO(data).readline))
    except (tokenize.TokenError, SyntaxError):
        return data.decode("utf-8", "replace").split()
    return [
        f"{one.type}" if one.type in {tokenize.INDENT, tokenize.DEDENT} else one.string
        for one in found
        if one.type not in skipped
    ]
