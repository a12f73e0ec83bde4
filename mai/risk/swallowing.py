"""Finds what swallows the failure of the code that is handed to it: a test's assert, too.

A test that puts its asserts into `with session():` passes whatever they say where the session's
end swallows every error. An end that asks which error it is, or hands the question on, is believed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef

#: Errors that take a failed assert with them.
_BROAD = frozenset({"AssertionError", "Exception", "BaseException"})
_ENDS = frozenset({"__exit__", "__aexit__"})
_MANAGERS = frozenset({"contextmanager", "asynccontextmanager"})
_QUESTIONS = frozenset({"bool", "isinstance", "issubclass"})
_TELLING = ("__exit__", "__aexit__", "contextmanager", "suppress", "AssertionError")


def speaks_of_it(text: str) -> bool:
    """Whether a file's text names anything that could swallow; most do not."""
    return any(word in text for word in _TELLING)


def swallowing(nodes: Sequence[ast.AST]) -> Iterator[tuple[ast.AST, str]]:
    """Yield where a failure is swallowed whatever it is, and by what. `nodes` are all of a file."""
    at_once: set[ast.AST] = set()  # what a `with` of the same file uses, and nobody is handed
    for node in nodes:
        if isinstance(node, (ast.With, ast.AsyncWith)):
            at_once.update(item.context_expr for item in node.items)
    for node in nodes:
        if node not in at_once:
            name = _swallows(node)
            if name:
                yield node, name


def _swallows(node: ast.AST) -> str:
    """Return by what name `node` swallows failures, "" where it does not."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        is_end = node.name in _ENDS and _ends_well_anyhow(node)
        is_manager = _is_manager(node) and any(map(_drops, _around_a_yield(node)))
        return node.name if is_end or is_manager else ""
    if isinstance(node, ast.Call) and _word(node.func) == "suppress":
        return "suppress" if any(_word(one) in _BROAD for one in node.args) else ""
    if isinstance(node, ast.ClassDef) and "suppress" in map(_word, node.bases):
        return node.name
    if isinstance(node, ast.ExceptHandler) and "AssertionError" in _caught(node):
        return "" if _passes_on(node.body) else "AssertionError"
    return ""


def _word(node: ast.AST | None) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_manager(function: Function) -> bool:
    return any(_word(one) in _MANAGERS for one in function.decorator_list)


def _ends_well_anyhow(function: Function) -> bool:
    """Whether an end returns something true for whatever error it is given."""
    arguments = [*function.args.posonlyargs, *function.args.args][1:]
    errors = {one.arg for one in arguments}
    if function.args.vararg:
        errors.add(function.args.vararg.arg)
    nodes = [node for statement in function.body for node in ast.walk(statement)]
    returned = [node.value for node in nodes if isinstance(node, ast.Return) and node.value]
    asked = [
        *(node.test for node in nodes if isinstance(node, (ast.If, ast.IfExp, ast.While))),
        *(node.subject for node in nodes if isinstance(node, ast.Match)),
        *returned,
    ]
    if any(_asks_which(part, errors) for one in asked for part in ast.walk(one)):
        return False
    called = {  # what another end answered
        _word(target)
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Call, ast.Await))
        for target in node.targets
    }
    return any(_may_be_true(one, errors) for one in returned if _word(one) not in called)


def _may_be_true(node: ast.expr, errors: set[str]) -> bool:
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.Compare):  # `kind is None` is false where there is an error
        return not isinstance(node.ops[0], (ast.Is, ast.Eq))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _word(node.operand) not in errors
    is_asked = isinstance(node, (ast.Call, ast.Await))
    # What is handed the error may look at it; these ask nothing that tells one from another.
    return not is_asked or _word(getattr(node, "func", None)) in _QUESTIONS


def _asks_which(node: ast.AST, errors: set[str]) -> bool:
    """Whether an expression sets the error against a class that is not every error's."""
    if isinstance(node, ast.Call):
        names = {_word(one) for one in ast.walk(node)}
        return bool(names & errors) and not names & _BROAD and _word(node.func) != "bool"
    if isinstance(node, ast.Compare):
        names = {_word(one) for one in ast.walk(node)} - {""}
        return bool(names & errors) and bool(names - errors - _BROAD)
    return False


def _around_a_yield(function: Function) -> Iterator[ast.Try]:
    for node in ast.walk(function):
        if isinstance(node, ast.Try) and any(
            isinstance(inner, (ast.Yield, ast.YieldFrom))
            for statement in node.body
            for inner in ast.walk(statement)
        ):
            yield node


def _drops(node: ast.Try) -> bool:
    """Whether a failed assert does not get past a `try`."""
    if any(isinstance(one, ast.Return) for one in node.finalbody):
        return True
    for handler in node.handlers:
        caught = _caught(handler)
        if handler.type is None or caught & _BROAD:
            return not _passes_on(handler.body)
    return False


def _caught(handler: ast.ExceptHandler) -> set[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {_word(one) for one in kinds}


def _passes_on(body: Sequence[ast.stmt]) -> bool:
    """Whether a handler does anything with the failure but drop it."""
    return any(isinstance(one, (ast.Raise, ast.Call)) for part in body for one in ast.walk(part))
