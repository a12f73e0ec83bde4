"""Which of the edits that pass is likeliest to be meant, and which are never proposed."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterable, Iterator

from mai.repair.candidate import Candidate, shape_of, token_distance
from mai.repair.unused import leaves_unused

#: Kinds that make tests pass by doing less, or that a person would hardly have meant.
_DOUBTFUL = {
    "removed": 0.3,
    "unconditional": 0.5,
    "guard": 0.8,
    "guarded": 0.7,
    "inserted": 0.8,
    "return": 0.7,
    "borrowed": 0.7,
    "one branch": 0.6,
    "condition": 0.5,
    "text": 0.9,
    "one operand": 1.1,
    "value not kept": 0.4,
    "unwrapped": 0.9,
    "two edits": 0.5,
    "repeated arguments": 0.5,
}
#: What is left of an edit of which nothing is written in the same way elsewhere in the file.
_STRANGE = 0.8
#: What each further token costs; past so many of them a larger edit is no less likely.
_PER_TOKEN, _MOST_TOKENS = 0.09, 3
#: What an edit is worth that leaves a variable without use.
_UNUSED = 0.2
_USUAL = frozenset({0, 1, -1, 2, "", None})


def likelihood(one: Candidate, data: bytes) -> float:
    """Return how likely the author meant this edit: the place, the kind and the size count."""
    edited = one.applied(data)
    size = token_distance(data, edited)
    usual = _STRANGE + (1 - _STRANGE) * usualness(data, edited)
    weight = _DOUBTFUL.get(one.operator, 1.0) * usual
    if leaves_unused(data, edited):
        weight *= _UNUSED
    return one.score * weight * math.exp(-_PER_TOKEN * min(max(0, size - 1), _MOST_TOKENS))


def usualness(data: bytes, edited: bytes) -> float:
    """Return which share of what an edit writes has the same shape as something in the file."""
    before, after = (Counter(_triples(text)) for text in (data, edited))
    new = [triple for triple, count in after.items() if count > before[triple]]
    return sum(triple in before for triple in new) / len(new) if new else 1.0


def _triples(text: bytes) -> Iterator[tuple[str, ...]]:
    tokens = shape_of(text)
    return zip(tokens, tokens[1:], tokens[2:], strict=False)


def is_special_case(data: bytes, edited: bytes, tests: Iterable[bytes]) -> bool:
    """Whether an edit makes an exception of a value that a test uses.

    That is a new comparison with, or a new answer of, a constant which the tests name and which
    was not in the file before; the usual ones (0, 1, nothing) are no exception.
    """
    before, after = _constants(data), _constants(edited)
    new = {value for value in after - before if value not in {repr(one) for one in _USUAL}}
    if not new:
        return False
    named: set[str] = set()
    for test in tests:
        named |= _constants(test)
    return bool(new & named)


def _constants(data: bytes) -> set[str]:
    """Return the constants that are compared with or given back, as they are written."""
    try:
        tree = ast.parse(data)
    except SyntaxError:
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Compare, ast.Return, ast.IfExp, ast.Assert, ast.Call, ast.List)):
            found |= {repr(one.value) for one in ast.walk(node) if isinstance(one, ast.Constant)}
    return found
