"""What the model would have written in a change's place, token by token.

A small model judges code badly when it is asked for an opinion, and knows well what comes next. So
it is given the old code and the title, the new code is put into its mouth, and what counts is where
it was sure of something else.
"""

from __future__ import annotations

import ast
import difflib
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace

from mai.events import Cancel
from mai.protocols import Expectation, Provider
from mai.providers.base import context_tokens, expect
from mai.review.units import Unit
from mai.templating.budget import Part
from mai.templating.templates import load

_OPEN = "```python\n"
_CLOSE = "\n```"
#: `sum((x for x in xs))`, `return (a, b)`, `a, b = (b, a)`: what `ast.unparse` writes so.
_NEEDLESS = re.compile(r"\(\(|^ *return \(|^ *[\w.]+(?:, [\w.]+)+ = \(", re.MULTILINE)
_MOST_CLOSING = 20
_NOTHING = "(there is no such code yet)"


def expected(
    provider: Provider, title: str, unit: Unit, cancel: Cancel
) -> Sequence[Expectation] | None:
    """Return what `provider` expected at each token of what is new in `unit`.

    None: it cannot say. `unit` is `normalised`, and `start` counts from its new code's beginning.

    Raises:
        ContextOverflow: it is too long to be read in one piece.
        ProviderError: the model failed.
        Cancelled: somebody asked to stop.
    """
    parts = (
        Part("the title", title, importance=0),
        Part("the code", unit.before or _NOTHING, importance=0),
    )
    request = load("review/rewrite").request(parts, context_tokens=context_tokens(provider))
    answer = f"{_OPEN}{unit.after}{_CLOSE}"
    spans = [(len(_OPEN) + start, len(_OPEN) + end) for start, end in new_spans(unit)]
    found = expect(provider, request, answer, spans, cancel)
    if found is None:
        return None
    return [replace(one, start=one.start - len(_OPEN)) for one in found]


def normalised(unit: Unit) -> Unit:
    """Return `unit` in the one form that Python itself writes, without comments.

    How code is laid out surprises a model as much as a fault does, and a comment can talk to it.
    What does not parse stays as it is, on both sides.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a repo's invalid escapes
            before, after = (_plain(code) for code in (unit.before, unit.after))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return unit
    return replace(unit, before=before, after=after)


def _plain(code: str) -> str:
    """Return `code` as `ast.unparse` writes it, without the parentheses that nobody else writes."""
    tree = ast.parse(code)
    plain = ast.unparse(tree)
    shape = ast.dump(tree)
    for at in reversed([found.end() - 1 for found in _NEEDLESS.finditer(plain)]):
        for end in _closing(plain, at):
            shorter = plain[:at] + plain[at + 1 : end] + plain[end + 1 :]
            if _has_shape(shorter, shape):
                plain = shorter
                break
    return plain


def _closing(text: str, at: int) -> list[int]:
    """Return where in its line the parenthesis at `at` may close, nearest first."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return [place for place in range(at, end) if text[place] == ")"][:_MOST_CLOSING]


def _has_shape(code: str, shape: str) -> bool:
    try:
        return ast.dump(ast.parse(code)) == shape
    except SyntaxError:
        return False


def new_spans(unit: Unit) -> list[tuple[int, int]]:
    """Return first character and end of what is new in a unit's code, its last fence included.

    The line after what is new belongs to it: that something is missing shows there.
    """
    old = [*unit.before.split("\n"), "```"]
    new = [*unit.after.split("\n"), "```"]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    lines: set[int] = set()
    for tag, _, _, first, end in matcher.get_opcodes():
        if tag != "equal":
            lines.update(range(first, min(end + 1, len(new))))
    spans, at = [], 0
    for number, line in enumerate(new):
        if number in lines:
            spans.append((at, at + len(line)))
        at += len(line) + 1
    return spans
