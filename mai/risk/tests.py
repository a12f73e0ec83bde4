"""What a test file promises, so that a change which makes it promise less is seen."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from mai.risk.demands import demand_of, test_of
from mai.risk.shape import Function, functions_of, print_of
from mai.risk.skips import file_skips, marks_of, skips_of
from mai.risk.skips import word_of as _word

_PATCHES = frozenset({"setattr", "setitem", "delattr", "patch", "object", "multiple"})
_RAISES = ("raises", "assertRaises", "warns", "assertWarns", "assertLogs")
_ENDS = frozenset({"skip", "exit", "_exit", "fail", "xfail", "skipTest"})


def promises_of(tree: ast.Module) -> dict[str, dict[str, Any]]:
    """Return what each test of a file promises, by qualified name.

    `asserts` lists `[fingerprint, strength, line]`, strength from 0 (always true) to 3 (one exact
    value); `skips` counts what always skips it, `conditions` what does so only where something
    holds; `patches` count; `steps` are what a test without asserts calls; `print` is the body's
    fingerprint; `line` its first line.
    The entry `""` stands for the file: `hooks` are the pytest hooks it defines.
    """
    marks = marks_of(tree)
    found: dict[str, dict[str, Any]] = {
        "": {"hooks": _hooks(tree), **_counted(file_skips(tree, marks)), "line": 1}
    }
    classes = _test_classes(tree)
    for name, function in functions_of(tree.body):
        if _is_collected(name, classes):
            demands = _Demands(_named_raises(function))
            asserts = [
                [demand_of(node), strength, node.lineno]
                for node, strength in demands.of(function.body)
            ]
            found[name] = {
                "asserts": asserts,
                **_counted(skips_of(function, marks)),
                "patches": sum(1 for _ in _patches(function)),
                "print": print_of(function),
                "line": function.lineno,
                "steps": [] if asserts else _steps(function),
            }
    return found


def _is_collected(name: str, classes: set[str]) -> bool:
    """Whether pytest collects a function of this qualified name."""
    *owners, last = name.split(".")
    return last.startswith("test") and all(owner in classes for owner in owners)


def _test_classes(tree: ast.Module) -> set[str]:
    """Return the classes that pytest may look into: `Test…`, heirs of anything, and their parents.

    A parent lends its tests to its heirs, whatever it is called and wherever it stands.
    """
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    parents = {
        getattr(node, "attr", getattr(node, "id", ""))
        for each in classes
        for base in each.bases
        for node in ast.walk(base)
    }
    return {
        each.name
        for each in classes
        if each.name.startswith("Test") or each.bases or each.name in parents
    }


def _counted(skips: Iterator[bool]) -> dict[str, int]:
    found = list(skips)
    return {"skips": sum(found), "conditions": len(found) - sum(found)}


def _named_raises(function: Function) -> dict[str, ast.expr]:
    """Return what `with refused:` stands for after `refused = pytest.raises(…)`."""
    return {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _is_raises(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _is_raises(node: ast.AST) -> bool:
    return _word(_callee(node)).startswith(_RAISES)


def _hooks(tree: ast.Module) -> list[list[Any]]:
    found: list[list[Any]] = [
        [name, function.lineno, print_of(function)]
        for name, function in functions_of(tree.body)
        if name.startswith("pytest_") or _is_autouse(function)
    ]
    found.extend(
        ["pytest_plugins", statement.lineno, ""]
        for statement in tree.body
        for target in getattr(statement, "targets", ())
        if _word(target) == "pytest_plugins"
    )
    return found


def _is_autouse(function: Function) -> bool:
    return any(
        isinstance(decorator, ast.Call) and any(key.arg == "autouse" for key in decorator.keywords)
        for decorator in function.decorator_list
    )


def _patches(function: Function) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _word(node.func) in _PATCHES:
            owner = _word(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            if (
                owner in {"monkeypatch", "mock", "patch", "mocker", "mp"}
                or _word(node.func) == "patch"
            ):
                yield node


class _Demands:
    """Finds what a test asserts and can reach, with how much each one demands.

    `raises` maps names to the `pytest.raises(…)` that they stand for.
    """

    def __init__(self, raises: Mapping[str, ast.expr]) -> None:
        self._raises = raises

    def of(
        self, body: list[ast.stmt], *, is_swallowed: bool = False
    ) -> Iterator[tuple[ast.expr, int]]:
        """Yield the asserts of a block; `is_swallowed` where their failures are caught."""
        for statement in body:
            if isinstance(statement, ast.Assert):
                yield statement.test, 0 if is_swallowed else strength_of(statement.test)
            elif isinstance(statement, (ast.With, ast.AsyncWith)):
                for item in statement.items:
                    opened = item.context_expr
                    raises = self._raises.get(_word(opened), opened)
                    if _is_raises(raises):
                        yield from _of_raises(raises)
            elif isinstance(statement, ast.Expr):
                yield from self._call(statement.value, is_swallowed=is_swallowed)
            if _ends(statement):
                return
            yield from self._inside(statement, is_swallowed=is_swallowed)

    @staticmethod
    def _call(node: ast.expr, *, is_swallowed: bool) -> Iterator[tuple[ast.expr, int]]:
        if _word(_callee(node)).lower().startswith("assert"):
            test = test_of(node)
            strength = _strength_of_call(node) if test is node else strength_of(test)
            yield node, 0 if is_swallowed else strength
        elif isinstance(node, ast.Call) and _is_raises(node):
            yield from _of_raises(node)

    def _inside(self, statement: ast.stmt, *, is_swallowed: bool) -> Iterator[tuple[ast.expr, int]]:
        if isinstance(statement, (ast.If, ast.While)) and isinstance(statement.test, ast.Constant):
            block = statement.body if statement.test.value else statement.orelse
            yield from self.of(block, is_swallowed=is_swallowed)
            return
        if isinstance(statement, ast.Try):
            swallows = is_swallowed or any(_swallows(each) for each in statement.handlers)
            yield from self.of(statement.body, is_swallowed=swallows)
            for block in (
                *(handler.body for handler in statement.handlers),
                statement.orelse,
                statement.finalbody,
            ):
                yield from self.of(block, is_swallowed=is_swallowed)
            return
        for name in ("body", "orelse"):
            inner = getattr(statement, name, None)
            if isinstance(inner, list) and not isinstance(statement, ast.ClassDef):
                yield from self.of(inner, is_swallowed=is_swallowed)


def _ends(statement: ast.stmt) -> bool:
    """Whether nothing after a statement is reached."""
    if isinstance(statement, ast.Expr):
        return _word(_callee(statement.value)) in _ENDS
    return isinstance(statement, (ast.Return, ast.Raise))


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether a handler lets a failed assert go by."""
    is_broad = handler.type is None or _word(handler.type) in {
        "Exception",
        "BaseException",
        "AssertionError",
    }
    return is_broad and not any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def _callee(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.Await):
        node = node.value
    return node.func if isinstance(node, ast.Call) else node


def strength_of(test: ast.AST) -> int:  # noqa: PLR0911 - one return per kind of assert
    """Return how much an assert demands: 3 one exact value, 2 a relation, 1 truth, 0 nothing."""
    if isinstance(test, ast.Constant):
        return 0
    if isinstance(test, ast.BoolOp):
        strengths = [strength_of(value) for value in test.values]
        # `and` demands all of them; `or` is satisfied by the weakest, and less still.
        return max(strengths) if isinstance(test.op, ast.And) else max(0, min(strengths) - 1)
    if isinstance(test, ast.UnaryOp):
        return min(strength_of(test.operand), 2) or (
            0 if isinstance(test.operand, ast.Constant) else 1
        )
    if isinstance(test, ast.Compare):
        if _dump(test.left) == _dump(test.comparators[0]):
            return 0
        return 3 if isinstance(test.ops[0], (ast.Eq, ast.Is)) and not _is_anything(test) else 2
    if isinstance(test, ast.Call):
        return 2 if test.args else 1
    return 1


def _is_anything(test: ast.Compare) -> bool:
    return any(_word(_callee(node)) in {"ANY", "approx"} for node in (test.left, *test.comparators))


def _strength_of_call(node: ast.AST) -> int:
    word = _word(_callee(node)).lower()
    if word in {
        "assertequal",
        "assertis",
        "assertlistequal",
        "assertdictequal",
        "assertcountequal",
        "assertequals",
        "asserttupleequal",
        "assertsetequal",
        "assert_called_once_with",
    }:
        call = node.value if isinstance(node, ast.Await) else node
        if (
            isinstance(call, ast.Call)
            and len(call.args) > 1
            and _dump(call.args[0]) == _dump(call.args[1])
        ):
            return 0
        return 3
    return 1 if word in {"asserttrue", "assertisnotnone", "assert_called"} else 2


def _of_raises(node: ast.expr) -> Iterator[tuple[ast.expr, int]]:
    """Yield what `pytest.raises(…)` demands: an error of a kind, and what its message says."""
    if not isinstance(node, ast.Call):
        yield node, 1
        return
    kinds = [word.value for word in node.keywords if word.arg == "expected_exception"]
    others = [word for word in node.keywords if word.arg not in {"expected_exception", "match"}]
    given = [*node.args, *kinds]
    is_broad = not given or _word(given[0]) in {"Exception", "BaseException"}
    yield ast.copy_location(ast.Call(node.func, given, others), node), 1 if is_broad else 2
    for keyword in node.keywords:
        if keyword.arg == "match":
            yield keyword.value, 0 if _matches_anything(keyword.value) else 3


def _matches_anything(pattern: ast.expr) -> bool:
    return isinstance(pattern, ast.Constant) and pattern.value in {None, "", ".", ".*", ".+"}


def _steps(function: Function) -> list[str]:
    """Return the names of the methods that a test without asserts is made of."""
    return [
        _word(_callee(statement.value))
        for statement in function.body
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    ]


def _dump(node: ast.AST) -> str:
    return ast.dump(node, annotate_fields=False)[:2000]
