"""Another comparison or arithmetic operator, swapped sides, other grouping."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from mai.repair.source import Change, Source

_COMPARISONS: dict[str, dict[str, float]] = {
    "<": {"<=": 1.0, ">": 0.7, ">=": 0.5, "!=": 0.3, "==": 0.2},
    "<=": {"<": 1.0, ">=": 0.7, ">": 0.5, "==": 0.3, "!=": 0.2},
    ">": {">=": 1.0, "<": 0.7, "<=": 0.5, "!=": 0.3, "==": 0.2},
    ">=": {">": 1.0, "<=": 0.7, "<": 0.5, "==": 0.3, "!=": 0.2},
    "==": {"!=": 0.8, ">=": 0.5, "<=": 0.5, "is": 0.3, "in": 0.4, ">": 0.3, "<": 0.3},
    "!=": {"==": 0.8, ">": 0.3, "<": 0.3, "is not": 0.3, "not in": 0.3, ">=": 0.2, "<=": 0.2},
    "is": {"is not": 0.8, "==": 0.6},
    "is not": {"is": 0.8, "!=": 0.6},
    "in": {"not in": 0.9, "==": 0.4},
    "not in": {"in": 0.9, "!=": 0.4},
}
_BINARY: dict[str, dict[str, float]] = {
    "+": {"-": 0.8, "*": 0.4, "|": 0.1, "//": 0.1},
    "-": {"+": 0.8, "*": 0.3, "//": 0.1, "%": 0.1},
    "*": {"+": 0.5, "/": 0.4, "**": 0.5, "//": 0.4, "-": 0.2},
    "/": {"//": 0.9, "*": 0.5, "%": 0.3, "-": 0.1},
    "//": {"/": 0.8, "%": 0.6, "*": 0.4, "-": 0.2},
    "%": {"//": 0.6, "/": 0.4, "*": 0.2, "-": 0.1},
    "**": {"*": 0.7, "//": 0.1},
    "&": {"|": 0.8, "^": 0.6, "&~": 0.1, "-": 0.3},
    "|": {"&": 0.8, "^": 0.6, "+": 0.1},
    "^": {"&": 0.8, "|": 0.8, "**": 0.3},
    "<<": {">>": 0.9, "*": 0.2},
    ">>": {"<<": 0.9, "//": 0.2},
}
_TIGHT = {"**": 4, "*": 3, "/": 3, "//": 3, "%": 3, "+": 2, "-": 2, "<<": 1, ">>": 1, "&": 0}
_NUMBERS = (cst.Integer, cst.Float)
_COMMUTES = frozenset({"*", "&", "|", "^"})
_SYMMETRIC = frozenset({"==", "!=", "is", "is not"})


def change_comparison(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other comparisons, swapped sides and shifted limits."""
    if not isinstance(node, cst.Comparison):
        return
    for target in node.comparisons:
        start, end = source.spans[target.operator]
        old = source.data[start:end].decode()
        right = target.comparator
        for new, prior in _COMPARISONS.get(" ".join(old.split()), {}).items():
            yield Change(start, end, new, "comparison", prior, f"{old} → {new}")
        if isinstance(right, cst.Integer) and right.evaluated_value in {0, 1} and old == "==":
            high = source.spans[right][1]
            for new in ("<= 1", "< 2"):
                yield Change(
                    start, high, new, "limit", 0.3, f"{source.data[start:high].decode()} → {new}"
                )
    if len(node.comparisons) == 1:
        first = node.comparisons[0]
        old = source.text(first.operator)
        if " ".join(old.split()) not in _SYMMETRIC:
            yield _swapped(source, node.left, first.comparator, "swapped sides", 0.5)


def change_arithmetic(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other arithmetic, one operand alone, swapped operands and other grouping."""
    if not isinstance(node, cst.BinaryOperation):
        return
    start, end = source.spans[node.operator]
    old = source.data[start:end].decode()
    has_number = isinstance(node.left, _NUMBERS) or isinstance(node.right, _NUMBERS)
    for new, prior in _BINARY.get(old, {}).items():
        likely = 0.3 if has_number and old in "+-" and new not in "+-" else 1.0
        yield Change(start, end, new, "arithmetic", prior * likely, f"{old} → {new}")
    for part in (node.left, node.right):
        other = node.right if part is node.left else node.left
        # One too many or too few is the commonest mistake of all.
        is_one = isinstance(other, cst.Integer) and other.value == "1"
        prior = 0.85 if is_one and isinstance(node.operator, cst.Add | cst.Subtract) else 0.35
        yield source.put(node, source.whole_text(part), "one operand", prior)
    if old not in _COMMUTES:
        yield _swapped(source, node.left, node.right, "swapped operands", 0.4)
    yield from _regrouped(source, node, old)


def change_assignment(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield `=`, `+=`, `-=` and their kin for one another."""
    if isinstance(node, cst.AugAssign):
        start, end = source.spans[node.operator]
        old = source.data[start:end].decode()
        for new, prior in _BINARY.get(old[:-1], {}).items():
            if "~" not in new:
                yield Change(start, end, f"{new}=", "arithmetic", prior, f"{old} → {new}=")
        yield Change(start, end, "=", "assignment", 0.35, f"{old} → =")
    elif isinstance(node, cst.Assign) and len(node.targets) == 1:
        target = node.targets[0].target
        if isinstance(target, (cst.Name, cst.Attribute, cst.Subscript)):
            _, start = source.whole(target)
            end, _ = source.whole(node.value)
            for new, prior in (("+=", 0.35), ("-=", 0.15), ("*=", 0.1), ("|=", 0.05)):
                yield Change(start, end, f" {new} ", "assignment", prior, f"= → {new}")


def change_sign(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield an operation without its sign."""
    if isinstance(node, cst.UnaryOperation) and not isinstance(node.operator, cst.Not):
        yield source.put(node, source.whole_text(node.expression), "sign", 0.5)


def _swapped(
    source: Source, left: cst.BaseExpression, right: cst.BaseExpression, name: str, prior: float
) -> Change:
    start, middle = source.whole(left)
    following, end = source.whole(right)
    between = source.data[middle:following].decode()
    text = f"{source.whole_text(right)}{between}{source.whole_text(left)}"
    return Change(start, end, text, name, prior, f"{source.data[start:end].decode()} → {text}")


def _regrouped(source: Source, node: cst.BinaryOperation, operator: str) -> Iterator[Change]:
    """Yield `(a + b) * c` for `a + b * c` and the other way round."""
    own = _TIGHT.get(operator, 0)
    left, right = node.left, node.right
    if isinstance(right, cst.BinaryOperation) and not right.lpar:
        start, inner = source.whole(left)[0], right.left
        yield _framed(source, start, source.whole(inner)[1], 0.5)
        while isinstance(inner, cst.BinaryOperation) and not inner.lpar:
            inner = inner.left
            yield _framed(source, start, source.whole(inner)[1], 0.5)
    if isinstance(left, cst.BinaryOperation) and not left.lpar:
        start, _ = source.whole(left.right)
        _, end = source.whole(right)
        loose = own >= _TIGHT.get(source.text(left.operator), 0)
        yield _framed(source, start, end, 0.4 if loose else 0.2)
    for part in (left, right):
        if isinstance(part, cst.BinaryOperation) and part.lpar:
            start, end = source.whole(part)
            text = source.text(part)
            yield Change(start, end, text, "grouping", 0.3, f"({text}) → {text}")


def _framed(source: Source, start: int, end: int, prior: float) -> Change:
    text = source.data[start:end].decode()
    return Change(start, end, f"({text})", "grouping", prior, f"{text} → ({text})")


OPERATORS = (change_comparison, change_arithmetic, change_assignment, change_sign)
