"""What a test file promises, so that a change which makes it promise less is seen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from mai.risk.shape import Function, functions_of, print_of

_SKIPS = frozenset(
    {
        "skip",
        "skipif",
        "xfail",
        "skipIf",
        "skipUnless",
        "expectedFailure",
        "skipTest",
        "importorskip",
        "SkipTest",
    }
)
_PATCHES = frozenset({"setattr", "setitem", "delattr", "patch", "object", "multiple"})
_ENDS = frozenset({"skip", "exit", "_exit", "fail", "xfail", "skipTest"})


def promises_of(tree: ast.Module) -> dict[str, dict[str, Any]]:
    """Return what each test of a file promises, by qualified name.

    `asserts` lists `[fingerprint, strength, line]`, strength from 0 (always true) to 3 (one exact
    value); `skips` and `patches` count; `print` is the body's fingerprint; `line` its first line.
    The entry `""` stands for the file: `hooks` are the pytest hooks it defines, `skips` its marks.
    """
    found: dict[str, dict[str, Any]] = {
        "": {"hooks": _hooks(tree), "skips": _file_skips(tree), "line": 1}
    }
    classes = _test_classes(tree)
    for name, function in functions_of(tree.body):
        if _is_collected(name, classes):
            asserts = [
                [_dump(node), strength, node.lineno] for node, strength in _asserts(function.body)
            ]
            found[name] = {
                "asserts": asserts,
                "skips": sum(1 for _ in _skips(function)),
                "patches": sum(1 for _ in _patches(function)),
                "print": print_of(function),
                "line": function.lineno,
            }
    return found


def _is_collected(name: str, classes: set[str]) -> bool:
    """Whether pytest collects a function of this qualified name."""
    *owners, last = name.split(".")
    return last.startswith("test") and all(owner in classes for owner in owners)


def _test_classes(tree: ast.Module) -> set[str]:
    """Return the classes that pytest may look into: `Test…`, and heirs of anything."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or node.bases)
    }


def _hooks(tree: ast.Module) -> list[list[Any]]:
    found: list[list[Any]] = [
        [name, function.lineno]
        for name, function in functions_of(tree.body)
        if name.startswith("pytest_") or _is_autouse(function)
    ]
    found.extend(
        ["pytest_plugins", statement.lineno]
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


def _file_skips(tree: ast.Module) -> int:
    count = 0
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        nodes: list[ast.AST] = (
            list(statement.decorator_list) if isinstance(statement, ast.ClassDef) else [statement]
        )
        for root in nodes:
            count += sum(1 for node in ast.walk(root) if _word(node) in _SKIPS)
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        count += len(names & {"collect_ignore", "collect_ignore_glob", "__test__"})
    return count


def _skips(function: Function) -> Iterator[ast.AST]:
    for node in ast.walk(function):
        if _word(node) in _SKIPS:
            yield node


def _patches(function: Function) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _word(node.func) in _PATCHES:
            owner = _word(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            if (
                owner in {"monkeypatch", "mock", "patch", "mocker", "mp"}
                or _word(node.func) == "patch"
            ):
                yield node


def _word(node: ast.AST) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def _asserts(body: list[ast.stmt], *, is_swallowed: bool = False) -> Iterator[tuple[ast.expr, int]]:
    """Yield what a block asserts and can reach, with how much each one demands."""
    for statement in body:
        if isinstance(statement, ast.Assert):
            yield statement.test, 0 if is_swallowed else strength_of(statement.test)
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            for item in statement.items:
                if _word(_callee(item.context_expr)).startswith(
                    ("raises", "assertRaises", "warns", "assertWarns", "assertLogs")
                ):
                    yield item.context_expr, _strength_of_raises(item.context_expr)
        elif isinstance(statement, ast.Expr):
            callee = _callee(statement.value)
            if _word(callee).lower().startswith("assert"):
                yield statement.value, 0 if is_swallowed else _strength_of_call(statement.value)
            elif _word(callee) in _ENDS:
                return
        if isinstance(statement, (ast.Return, ast.Raise)):
            return
        yield from _inside(statement, is_swallowed=is_swallowed)


def _inside(statement: ast.stmt, *, is_swallowed: bool) -> Iterator[tuple[ast.expr, int]]:
    if isinstance(statement, (ast.If, ast.While)) and isinstance(statement.test, ast.Constant):
        yield from _asserts(
            statement.body if statement.test.value else statement.orelse, is_swallowed=is_swallowed
        )
        return
    if isinstance(statement, ast.Try):
        swallows = any(
            handler.type is None
            or _word(handler.type) in {"Exception", "BaseException", "AssertionError"}
            for handler in statement.handlers
            if not any(isinstance(node, ast.Raise) for node in ast.walk(handler))
        )
        yield from _asserts(statement.body, is_swallowed=is_swallowed or swallows)
        for block in (
            *(handler.body for handler in statement.handlers),
            statement.orelse,
            statement.finalbody,
        ):
            yield from _asserts(block, is_swallowed=is_swallowed)
        return
    for name in ("body", "orelse"):
        inner = getattr(statement, name, None)
        if isinstance(inner, list) and not isinstance(statement, ast.ClassDef):
            yield from _asserts(inner, is_swallowed=is_swallowed)


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


def _strength_of_raises(node: ast.AST) -> int:
    if not isinstance(node, ast.Call) or not node.args:
        return 1
    is_broad = _word(node.args[0]) in {"Exception", "BaseException"}
    has_match = any(keyword.arg == "match" for keyword in node.keywords)
    return (1 if is_broad else 2) + (1 if has_match else 0)


def _dump(node: ast.AST) -> str:
    return ast.dump(node, annotate_fields=False)[:2000]
