"""Calls with other arguments, of their other kin, unwrapped, or wrapped around an expression."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from mai.repair.operators.kin import FORGOTTEN, KIN, KINDS, METHODS, WRAPS
from mai.repair.source import Change, Source


def change_kin(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield `max` for `min`, `endswith` for `startswith` and so on."""
    if not isinstance(node, cst.Call):
        return
    place = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
    if not isinstance(place, cst.Name):
        return
    near: dict[str, float] = {}
    for family in KIN:
        if place.value in family:
            near |= {one: 0.8 if len(family) == 2 else 0.5 for one in family if one not in near}
    start, end = source.spans[place]
    for new, prior in near.items():
        if new != place.value:
            yield Change(start, end, new, "kin", prior, f"{place.value} → {new}")
    scope = source.scope_of(node)
    if isinstance(node.func, cst.Name):
        for name, attributes in scope.dotted.items():
            if place.value in attributes and name in scope.module:
                yield source.put(node.func, f"{name}.{place.value}", "function", 0.2)


def change_arguments(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield swapped, dropped and further arguments."""
    if not isinstance(node, cst.Call):
        return
    arguments = [source.data[slice(*_span(source, one))].decode() for one in node.args]
    scope = source.scope_of(node)
    for number, argument in enumerate(node.args):
        for other in range(number):
            if not (
                argument.keyword
                or node.args[other].keyword
                or argument.star
                or node.args[other].star
            ):
                swapped = [*arguments]
                swapped[other], swapped[number] = swapped[number], swapped[other]
                yield _with(source, node, swapped, 0.7 if other == number - 1 else 0.3, "swapped")
        yield _with(source, node, arguments[:number] + arguments[number + 1 :], 0.3, "fewer")
        for other, text in enumerate(arguments):
            if other != number and not argument.keyword and not node.args[other].keyword:
                replaced = [*arguments]
                replaced[number] = text
                yield _with(source, node, replaced, 0.15, "repeated")
    called = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
    name = called.value if isinstance(called, cst.Name) else ""
    if name == "isinstance" and len(arguments) == 2:
        for kinds in KINDS:
            if arguments[1] in kinds and len(kinds) > 1:
                known = f"({', '.join(kinds)})"
                yield _with(source, node, [arguments[0], known], 0.35, "other")
    for text in FORGOTTEN.get(name, ()):
        yield _with(source, node, [*arguments, text], 0.35, "further")
    if len(arguments) < _most_arguments(source, node, name):
        for value in scope.values[:10]:
            yield _with(source, node, [*arguments, value], 0.3, "further")
            yield _with(source, node, [*arguments, f"{value}={value}"], 0.25, "further")
    elif not any(one.keyword for one in node.args):
        for value in scope.values[:6]:
            yield _with(source, node, [*arguments, value], 0.06, "further")
    if name == "range" and len(arguments) <= 2:
        first, last = (
            (arguments if len(arguments) > 1 else ["0", *arguments]) if arguments else ("0", "0")
        )
        for low, high, prior in (
            (first, f"{last} + 1", 0.6),
            (first, f"{last} - 1", 0.5),
            ("1", last, 0.4),
            ("1", f"{last} + 1", 0.4),
            (f"{first} + 1", last, 0.4),
            (f"{first} + 1", f"{last} + 1", 0.2),
        ):
            limits = [high] if low == "0" and len(arguments) == 1 else [low, high]
            yield _with(source, node, limits, prior, "range")
        yield _with(source, node, [last, first], 0.1, "range")
        yield _with(source, node, [f"{last} - 1", "-1", "-1"], 0.15, "range")


def unwrap_call(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield a call's argument, or what a method is called on, in its place."""
    if not isinstance(node, cst.Call):
        return
    for argument in node.args[:3]:
        if (
            not argument.star
            and not argument.keyword
            and not isinstance(argument.value, cst.GeneratorExp)
        ):
            yield source.put(node, source.whole_text(argument.value), "unwrapped", 0.4)
    if isinstance(node.func, cst.Attribute):
        yield source.put(node, source.whole_text(node.func.value), "unwrapped", 0.3)
    if not node.args:
        yield source.put(node, source.whole_text(node.func), "not called", 0.2)
    if source.scope_of(node).is_async and not isinstance(source.parent(node), cst.Await):
        yield source.put(node, f"await {source.text(node)}", "await", 0.5)


def wrap_expression(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield an expression inside of a call that is often forgotten."""
    if not isinstance(
        node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.BinaryOperation, cst.ListComp)
    ) or not _is_value(source, node):
        return
    text = (
        source.whole_text(node) if not isinstance(node, cst.BinaryOperation) else source.text(node)
    )
    weight = 1.0 if source.is_roomy(node) else 0.5
    called = (
        node.func.value if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) else ""
    )
    for name, prior in WRAPS.items():
        if name != called:
            yield source.put(node, f"{name}({text})", "wrapped", prior * weight)
    if isinstance(node, cst.BinaryOperation):
        is_step = any(_is_target(source, node, one) for one in text.replace("(", " ").split())
        if isinstance(node.operator, cst.Subtract):
            yield source.put(node, f"abs({text})", "wrapped", 0.45 * weight)
        yield source.put(node, f"max(0, {text})", "limited", 0.45 if is_step else 0.2)
        for name in _targets(source, node):
            likely = 1.0 if _is_target(source, node, name) else 0.4
            yield source.put(node, f"max({name}, {text})", "limited", 0.45 * likely)
            yield source.put(node, f"min({name}, {text})", "limited", 0.4 * likely)
        return
    parent = source.parent(node)
    if isinstance(parent, (cst.Arg, cst.Return, cst.Assign)):
        prior = 0.3 if isinstance(parent, cst.Arg) else 0.15
        yield source.put(node, f"[{text}]", "wrapped", prior)
    for method, prior in METHODS.items():
        yield source.put(node, f"{text}.{method}", "method", prior * weight)


def _is_target(source: Source, node: cst.CSTNode, name: str) -> bool:
    parent = source.parent(node)
    targets = parent.targets if isinstance(parent, cst.Assign) else ()
    return any(source.whole_text(one.target) == name for one in targets)


def _targets(source: Source, node: cst.CSTNode) -> list[str]:
    """Return what the value goes to, and a few other names."""
    parent = source.parent(node)
    found = (
        [source.whole_text(one.target) for one in parent.targets]
        if isinstance(parent, cst.Assign)
        else []
    )
    return list(dict.fromkeys([*found, *source.scope_of(node).values[:6]]))


def _is_value(source: Source, node: cst.CSTNode) -> bool:
    parent = source.parent(node)
    if not source.is_value(node):
        return False
    match parent:
        case (
            cst.Arg()
            | cst.Return()
            | cst.Assign()
            | cst.Element()
            | cst.CompFor()
            | cst.Index()
            | cst.Slice()
        ):
            return True
        case cst.For() | cst.DictElement() | cst.AugAssign() | cst.AnnAssign():
            return True
        case cst.ListComp() | cst.GeneratorExp() | cst.SetComp():
            return parent.elt is node
        case cst.BinaryOperation() | cst.Comparison() | cst.ComparisonTarget():
            return True
    return False


def _span(source: Source, argument: cst.Arg) -> tuple[int, int]:
    start, end = source.spans[argument]
    return start, max(end, source.whole(argument.value)[1])


def _with(source: Source, node: cst.Call, arguments: list[str], prior: float, kind: str) -> Change:
    _, start = source.whole(node.func)
    _, end = source.spans[node]
    text = f"({', '.join(one.rstrip().rstrip(',') for one in arguments)})"
    old = source.text(node)
    return Change(
        start,
        end,
        text,
        f"{kind} arguments",
        prior,
        f"{old} → {source.whole_text(node.func)}{text}",
    )


def _most_arguments(source: Source, node: cst.Call, name: str) -> int:
    scope = source.scope_of(node)
    if isinstance(node.func, cst.Attribute):
        return scope.arity.get(f".{name}", 0)
    return scope.arity.get(name, 0)


OPERATORS = (change_kin, change_arguments, unwrap_call, wrap_expression)
