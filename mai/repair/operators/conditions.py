"""Conditions that are turned round, loosened, tightened or replaced."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from mai.repair.source import Change, Source

_MOST_NAMES = 8


def change_boolean(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield `and` for `or`, one side alone, other grouping, and `not` dropped."""
    if isinstance(node, cst.BooleanOperation):
        start, end = source.spans[node.operator]
        old = source.data[start:end].decode()
        new = "or" if old == "and" else "and"
        yield Change(start, end, new, "boolean", 0.9, f"{old} → {new}")
        for part in (node.left, node.right):
            yield source.put(node, source.whole_text(part), "one condition", 0.45)
        if isinstance(node.right, cst.BooleanOperation) and not node.right.lpar:
            start, (_, end) = source.whole(node.left)[0], source.whole(node.right.left)
            text = source.data[start:end].decode()
            yield Change(start, end, f"({text})", "grouping", 0.5, f"{text} → ({text})")
        if isinstance(node.left, cst.BooleanOperation) and not node.left.lpar:
            (start, _), (_, end) = source.whole(node.left.right), source.whole(node.right)
            text = source.data[start:end].decode()
            yield Change(start, end, f"({text})", "grouping", 0.4, f"{text} → ({text})")
        if isinstance(node.left, cst.UnaryOperation):
            inner = source.whole_text(node.left.expression)
            text = f"not ({inner} {old} {source.whole_text(node.right)})"
            yield source.put(node, text, "grouping", 0.2)
        for part in (node.left, node.right):
            yield source.put(part, _negated(source, part), "negation", 0.4)
    elif isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
        yield source.put(node, source.whole_text(node.expression), "negation", 0.8)


def change_condition(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield a condition negated, replaced, or joined with a further one."""
    condition = _condition_of(source, node)
    if condition is None:
        return
    text = source.whole_text(condition)
    yield source.put(condition, _negated(source, condition), "negation", 0.6)
    is_loop = isinstance(node, cst.While)
    for word, prior in (("True", 0.2), ("False", 0.2)):
        if text != word:
            yield source.put(condition, word, "condition", prior)
    used = {one.value for one in _names_in(condition)}
    values = source.scope_of(node).values
    names = [name for name in values if name in used]
    others = [name for name in values if name not in used][:_MOST_NAMES]
    if isinstance(condition, cst.Name):
        for name in (*names, *others):
            if text != name:
                yield source.put(condition, name, "condition", 0.45 if is_loop else 0.3)
    elif not is_loop:
        for name in names:
            yield source.put(condition, name, "condition", 0.12)
    bare = source.text(condition)
    left, right = (f"({bare})" if isinstance(condition, cst.BooleanOperation) else bare,) * 2
    for atom, prior in _atoms(source, node, names, others, text):
        yield _joined(source, condition, f"{atom} and {left}", 0.9 * prior)
        yield _joined(source, condition, f"{atom} or {right}", 0.9 * prior)
        yield _joined(source, condition, f"{left} and {atom}", prior)
        yield _joined(source, condition, f"{right} or {atom}", prior)


def _joined(source: Source, condition: cst.BaseExpression, text: str, prior: float) -> Change:
    return source.put(condition, text, "further condition", prior)


def _atoms(
    source: Source, node: cst.CSTNode, names: list[str], others: list[str], text: str
) -> Iterator[tuple[str, float]]:
    """Yield small conditions that a further one is likely to be."""
    for name, prior in (*((name, 0.35) for name in names), *((name, 0.26) for name in others)):
        yield f"not {name}", 0.8 * prior
        yield name, 0.8 * prior
        yield f"{name} is None", 0.7 * prior
        yield f"{name} is not None", 0.7 * prior
        yield f"{name} == 0", 0.3 * prior
        yield f"{name} > 0", 0.3 * prior
    function = source.function_of(node)
    seen: set[str] = set()
    for one in source.within(function, cst.Comparison):
        if (
            (atom := source.text(one)) not in text
            and len(atom) < 60
            and atom not in seen
            and len(seen) < 6
        ):
            seen.add(atom)
            yield atom, 0.15


def _condition_of(source: Source, node: cst.CSTNode) -> cst.BaseExpression | None:
    match node:
        case (
            cst.If(test=test) | cst.While(test=test) | cst.IfExp(test=test) | cst.CompIf(test=test)
        ):
            return test
        case cst.Return(value=value) if isinstance(
            value, (cst.Comparison, cst.BooleanOperation, cst.UnaryOperation)
        ):
            return value
        case cst.GeneratorExp(elt=elt) if isinstance(elt, (cst.Comparison, cst.BooleanOperation)):
            return elt
    del source
    return None


def _negated(source: Source, node: cst.BaseExpression) -> str:
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
        return source.whole_text(node.expression)
    if isinstance(node, (cst.BooleanOperation, cst.IfExp)) and not node.lpar:
        return f"not ({source.text(node)})"
    return f"not {source.whole_text(node)}"


def _names_in(node: cst.CSTNode) -> Iterator[cst.Name]:
    if isinstance(node, cst.Name):
        yield node
    for child in node.children:
        yield from _names_in(child)


def change_comprehension(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield a comprehension without its condition, or with one, and other things to walk over."""
    if isinstance(node, cst.CompFor):
        for one in node.ifs:
            start, end = source.spans[one]
            yield Change(start, end, "", "condition dropped", 0.3, f"without {source.text(one)}")
        target = source.text(node.target)
        if not node.ifs and target.isidentifier():
            _, end = source.whole(node.iter)
            for atom, prior in ((target, 0.25), (f"{target} is not None", 0.2)):
                yield Change(end, end, f" if {atom}", "further condition", prior, f"if {atom}")
    elif isinstance(node, cst.IfExp):
        for part in (node.body, node.orelse):
            yield source.put(node, source.whole_text(part), "one branch", 0.25)
        start, _ = source.whole(node.body)
        _, end = source.whole(node.orelse)
        text = (
            f"{source.whole_text(node.orelse)} if {source.whole_text(node.test)}"
            f" else {source.whole_text(node.body)}"
        )
        yield Change(start, end, text, "swapped branches", 0.4, f"{source.text(node)} → {text}")


OPERATORS = (change_boolean, change_condition, change_comprehension)
