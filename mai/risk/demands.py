"""Says what an assert demands, however it is written: `assertEqual(a, b)` is `assert b == a`."""

from __future__ import annotations

import ast
from collections.abc import Callable

# Methods of `unittest.TestCase`, and the comparison that each one makes of its two arguments.
_COMPARE: dict[str, type[ast.cmpop]] = {
    "assertEqual": ast.Eq,
    "assertEquals": ast.Eq,
    "assertListEqual": ast.Eq,
    "assertTupleEqual": ast.Eq,
    "assertDictEqual": ast.Eq,
    "assertSetEqual": ast.Eq,
    "assertMultiLineEqual": ast.Eq,
    "assertNotEqual": ast.NotEq,
    "assertIs": ast.Is,
    "assertIsNot": ast.IsNot,
    "assertIn": ast.In,
    "assertNotIn": ast.NotIn,
    "assertGreater": ast.Gt,
    "assertGreaterEqual": ast.GtE,
    "assertLess": ast.Lt,
    "assertLessEqual": ast.LtE,
}
# Methods that demand something of one argument.
_ALONE: dict[str, Callable[[ast.expr], ast.expr]] = {
    "assertTrue": lambda test: test,
    "assertFalse": lambda test: ast.UnaryOp(ast.Not(), test),
    "assertIsNone": lambda test: ast.Compare(test, [ast.Is()], [ast.Constant(None)]),
    "assertIsNotNone": lambda test: ast.Compare(test, [ast.IsNot()], [ast.Constant(None)]),
}
_SYMMETRIC = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)
_LONGEST = 2000
_PAIR = 2


def demand_of(node: ast.expr) -> str:
    """Return a fingerprint of what an assert demands. `node` is its test, or the call it is."""
    test = test_of(node)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = test.operand
        if isinstance(inner, ast.Compare) and isinstance(inner.ops[0], ast.In):
            return _compared(ast.NotIn, inner.left, inner.comparators[0])
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _compared(test.ops[0].__class__, test.left, test.comparators[0])
    return _dump(test)


def test_of(node: ast.expr) -> ast.expr:
    """Return the expression that must hold, or `node` where it is a call of another kind."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return node
    word, given = node.func.attr, node.args
    if not isinstance(node.func.value, ast.Name) or node.func.value.id not in {"self", "cls"}:
        return node
    if word in _COMPARE and len(given) >= _PAIR:
        return ast.Compare(given[0], [_COMPARE[word]()], [given[1]])
    if word == "assertIsInstance" and len(given) >= _PAIR:
        return ast.Call(ast.Name("isinstance"), given[:_PAIR], [])
    return _ALONE[word](given[0]) if word in _ALONE and given else node


def _compared(operator: type[ast.cmpop], left: ast.expr, right: ast.expr) -> str:
    sides = [_dump(left), _dump(right)]
    if issubclass(operator, _SYMMETRIC):
        sides.sort()
    return f"{operator.__name__} {sides[0]} {sides[1]}"


def _dump(node: ast.AST) -> str:
    return ast.dump(node, annotate_fields=False)[:_LONGEST]
