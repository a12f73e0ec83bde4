"""Finds comparisons that agree with everything: what they answer does not come from comparing.

A value that is equal to whatever a test expects passes the test without having been worked out. A
comparison is believed where something it decides by, or returns, sets what is compared against
something else: `self.x == other.x`, `isinstance(other, Point)`, `super().__eq__(other)`.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

#: What Python calls for `==` and its like. An `in` is answered by what is asked about alone.
COMPARISONS = frozenset(
    {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"}
)
_BUILTIN = frozenset(dir(builtins))
_ROUNDS = 3  # how many assignments in a row a value is followed through


def speaks_of_it(text: str) -> bool:
    """Whether a file's text names any comparison at all; most do not."""
    return any(name in text for name in COMPARISONS)


def agreeing(nodes: Sequence[ast.AST]) -> Iterator[tuple[ast.AST, str]]:
    """Yield where a comparison is defined or set that does not compare, and its name.

    `nodes` are all of a file, walked once for everybody who asks.
    """
    functions: dict[str, list[Function]] = {}
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions.setdefault(node.name, []).append(node)
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            yield from _defined_in(node)
        for name, value in _set_by(node):
            if name in COMPARISONS and _is_known_not_to_compare(value, name, functions):
                yield value, name


def _defined_in(node: ast.ClassDef) -> Iterator[tuple[ast.AST, str]]:
    for one in node.body:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = one.name
            if name in COMPARISONS and not _compares(one, name):
                yield one, name


def _set_by(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that `node` sets on anything, each with what it is set to."""
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield _target(target), node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield _text(key), value
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            yield keyword.arg or "", keyword.value
        if len(node.args) > 1:  # `setattr`, by whatever name
            yield _text(node.args[-2]), node.args[-1]


def _target(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _text(node.slice)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_known_not_to_compare(
    value: ast.expr, name: str, functions: dict[str, list[Function]]
) -> bool:
    known: Sequence[Function] = ()
    if isinstance(value, ast.Lambda):
        known = [value]
    elif isinstance(value, ast.Name):
        known = functions.get(value.id, ())
    elif isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        known = [  # what a function of the file makes
            inner
            for maker in functions.get(value.func.id, ())
            for inner in ast.walk(maker)
            if inner is not maker
            and isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        ]
    return bool(known) and not any(_compares(one, name) for one in known)


def _compares(function: Function, name: str) -> bool:
    """Whether something that `function` decides by or returns is a comparison of its two sides."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    if len(arguments) < 2:  # noqa: PLR2004 - itself and the other; what takes `*args` hands them on
        return bool(function.args.vararg)
    own, other = {arguments[0].arg, "super", "__class__"}, {arguments[1].arg}
    body: list[ast.AST] = (
        [function.body] if isinstance(function, ast.Lambda) else list(function.body)
    )
    nodes = [node for statement in body for node in ast.walk(statement)]
    for _ in range(_ROUNDS):
        for node in nodes:
            _follow(node, own, other)
    if _keeps_the_other(nodes, arguments[0].arg, other):
        return False
    returned = [function.body] if isinstance(function, ast.Lambda) else _returned(nodes)
    if all(_is_no(one) for one in returned):
        return True
    if name == "__contains__":
        return any(_sets_against(node, own, other, is_lone=True) for node in nodes)
    decided = [
        node.test for node in nodes if isinstance(node, (ast.If, ast.IfExp, ast.While, ast.Assert))
    ]
    decided += [node.subject for node in nodes if isinstance(node, ast.Match)]
    decided += [node.iter for node in nodes if isinstance(node, (ast.For, ast.comprehension))]
    return any(
        _sets_against(part, own, other)
        for expression in (*returned, *decided)
        for part in ast.walk(expression)
    )


def _returned(nodes: Sequence[ast.AST]) -> list[ast.expr]:
    return [node.value for node in nodes if isinstance(node, ast.Return) and node.value is not None]


def _is_no(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return not node.value
    return isinstance(node, ast.Name) and node.id == "NotImplemented"


def _sets_against(node: ast.AST, own: set[str], other: set[str], *, is_lone: bool = False) -> bool:
    if not isinstance(node, (ast.Compare, ast.Call, ast.BinOp, ast.Subscript)):
        return False
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    if not names & other:
        return False
    return is_lone or bool(names & own) or bool(names - other - _BUILTIN)


def _follow(node: ast.AST, own: set[str], other: set[str]) -> None:
    """Count what is made of one side to that side."""
    targets: Sequence[ast.AST]
    if isinstance(node, ast.Assign):
        value, targets = node.value, node.targets
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        value, targets = node.value, [node.target]
    elif isinstance(node, (ast.For, ast.comprehension)):
        value, targets = node.iter, [node.target]
    else:
        return
    read = {one.id for one in ast.walk(value) if isinstance(one, ast.Name)}
    bound = {
        one.id
        for target in targets
        for one in ast.walk(target)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    }
    for side in (own, other):
        if read & side:
            side.update(bound)


def _keeps_the_other(nodes: Sequence[ast.AST], own: str, other: set[str]) -> bool:
    """Whether it puts what it is compared with into itself, to be equal to that from then on."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            read = {one.id for one in ast.walk(node.value) if isinstance(one, ast.Name)}
            for target in node.targets:
                is_part = isinstance(target, (ast.Attribute, ast.Subscript))
                roots = {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}
                if is_part and own in roots and read & other:
                    return True
    return False
