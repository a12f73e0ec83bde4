"""Another name that can be used there, or another attribute."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

import libcst as cst

from mai.repair.source import Change, Source

_FIXED = frozenset({"True", "False", "None", "self", "cls", "super", "print"})
_ALIKE = 0.6


def change_name(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other variables in place of one, those nearest first."""
    if not isinstance(node, cst.Name) or node.value in _FIXED or not _is_read(source, node):
        return
    scope, name = source.scope_of(node), node.value
    parent = source.parent(node)
    if isinstance(parent, cst.Call) and parent.func is node:
        for other in scope.functions:
            if other != name:
                same = scope.arity.get(other) == scope.arity.get(name, len(parent.args))
                yield source.put(
                    node, other, "function", (0.5 if same else 0.2) + _alike(name, other)
                )
        if name in scope.methods:
            yield source.put(node, f"{scope.self_name}.{name}", "self", 0.6)
        return
    if name == scope.self_name:
        return
    is_bound = (
        isinstance(parent, (cst.AssignTarget, cst.AugAssign))
        and getattr(parent, "target", None) is node
    )
    is_loop = isinstance(parent, (cst.For, cst.CompFor)) and parent.target is node
    if is_loop:
        return
    for rank, other in enumerate(scope.values):
        if other != name:
            prior = (0.3 if is_bound else 0.55) - 0.02 * min(rank, 10) + _alike(name, other)
            yield source.put(node, other, "name", prior)
    for other in scope.attributes:
        own = f"{scope.self_name}.{other}"
        prior = 0.5 if other.strip("_") == name.strip("_") else 0.12
        yield source.put(node, own, "self", prior)
    if is_bound:
        return
    for other in scope.outer:
        if other != name:
            yield source.put(node, other, "name", 0.1 + _alike(name, other))
    if name not in scope.functions:
        for attribute in scope.dotted.get(name, ())[:8]:
            if not (isinstance(parent, cst.Attribute) and parent.attr.value == attribute):
                yield source.put(node, f"{name}.{attribute}", "attribute", 0.2)


def change_attribute(source: Source, node: cst.CSTNode) -> Iterator[Change]:
    """Yield other attributes of the same thing, and the thing itself."""
    if not isinstance(node, cst.Attribute):
        return
    scope, old = source.scope_of(node), node.attr.value
    parent = source.parent(node)
    is_called = isinstance(parent, cst.Call) and parent.func is node
    base = node.value.value if isinstance(node.value, cst.Name) else ""
    start, end = source.spans[node.attr]
    near = dict.fromkeys(scope.dotted.get(base, ()), 0.5)
    if base and base == scope.self_name:
        near = {**dict.fromkeys(scope.attributes, 0.6), **dict.fromkeys(scope.methods, 0.3)}
        if is_called:
            near = {**dict.fromkeys(scope.methods, 0.5), **dict.fromkeys(scope.attributes, 0.05)}
    for other in (*scope.all_attributes, *source.hints.attributes):
        near.setdefault(other, 0.15)
    near = {other: prior for other, prior in near.items() if not other.startswith("__")}
    for other, prior in near.items():
        if other != old:
            yield Change(
                start, end, other, "attribute", prior + _alike(old, other), f".{old} → .{other}"
            )
    if not is_called:
        yield source.put(node, source.whole_text(node.value), "attribute", 0.25)
        if isinstance(parent, cst.Call) or source.is_roomy(node):
            yield source.put(node, f"{source.text(node)}()", "called", 0.2)
    elif base and base == scope.self_name and old in scope.functions:
        yield source.put(node, old, "self", 0.3)


def _is_read(source: Source, node: cst.Name) -> bool:
    """Whether a name stands for a value here, rather than naming something new."""
    parent = source.parent(node)
    match parent:
        case cst.Attribute():
            return parent.value is node
        case cst.Arg():
            return parent.value is node
        case cst.Param():
            return parent.default is node
        case cst.AssignTarget() | cst.AugAssign():
            return source.function_of(node) is not None
        case (
            cst.FunctionDef()
            | cst.ClassDef()
            | cst.ImportAlias()
            | cst.AsName()
            | cst.Annotation()
            | cst.ImportFrom()
            | cst.NameItem()
            | cst.NamedExpr()
            | cst.ExceptHandler()
        ):
            return False
    return not any(
        isinstance(one, (cst.Annotation, cst.Import, cst.ImportFrom)) for one in source.above(node)
    )


def _alike(name: str, other: str) -> float:
    ratio = SequenceMatcher(None, name, other).ratio()
    return 0.3 * (ratio - _ALIKE) / (1 - _ALIKE) if ratio > _ALIKE else 0.0


OPERATORS = (change_name, change_attribute)
