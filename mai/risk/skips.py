"""Finds what keeps tests from running, and whether it does so always or only in some places."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from mai.risk.shape import Function

_SKIPS = frozenset(
    {
        *("skip", "skipif", "xfail", "skipIf", "skipUnless", "expectedFailure", "skipTest"),
        *("importorskip", "SkipTest"),
    }
)
_WITH_CONDITION = frozenset({"skipif", "skipIf", "skipUnless", "xfail"})
_NOT_COLLECTED = frozenset({"collect_ignore", "collect_ignore_glob", "__test__"})
# Catching one of these says that something is missing here, not that a test has failed.
_MISSING = frozenset({"ImportError", "ModuleNotFoundError", "OSError", "NotImplementedError"})

Marks = Mapping[str, bool]


def word_of(node: ast.AST) -> str:
    """Return the last word of a name, empty for anything else."""
    return getattr(node, "attr", getattr(node, "id", ""))


def marks_of(tree: ast.Module) -> dict[str, bool]:
    """Return the names that a file gives to skip marks: `no_net = pytest.mark.skipif(…)`.

    The value says whether the mark always holds.
    """
    found: dict[str, bool] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            always = list(skips_in(statement.value, {}))
            names = [each.id for each in statement.targets if isinstance(each, ast.Name)]
            if always and not {"pytestmark", *_NOT_COLLECTED} & set(names):
                found.update(dict.fromkeys(names, any(always)))
    return found


def file_skips(tree: ast.Module, marks: Marks) -> Iterator[bool]:
    """Yield, for each thing that skips tests of a whole file or class, whether it always does."""
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(statement, ast.ClassDef):
            for decorator in statement.decorator_list:
                yield from skips_in(decorator, marks)
        elif not _names_a_mark(statement, marks):
            yield from skips_in(statement, marks)
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id in _NOT_COLLECTED:
                yield True


def _names_a_mark(statement: ast.stmt, marks: Marks) -> bool:
    """Whether a statement only gives a mark a name; what wears it is judged where it does."""
    return isinstance(statement, ast.Assign) and all(
        word_of(target) in marks for target in statement.targets
    )


def skips_of(function: Function, marks: Marks) -> Iterator[bool]:
    """Yield, for each thing that skips a test or expects it to fail, whether it always does."""
    for decorator in function.decorator_list:
        yield from skips_in(decorator, marks)
    for statement in function.body:
        yield from skips_in(statement, marks)


def skips_in(node: ast.AST, marks: Marks, *, is_sure: bool = True) -> Iterator[bool]:
    """Yield whether each skip below `node` always happens; `is_sure` says so of `node` itself."""
    word = word_of(node)
    if isinstance(node, ast.Name) and word in marks:
        yield is_sure and marks[word]
    elif word in _SKIPS:
        yield is_sure
    elif isinstance(node, ast.Call) and word_of(node.func) in _SKIPS:
        yield is_sure and not _depends(node)
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            yield from skips_in(argument, marks, is_sure=is_sure)
    elif isinstance(node, (ast.If, ast.IfExp)):
        is_surely = is_sure and not _says_something(node.test)
        yield from _each(ast.iter_child_nodes(node), marks, is_sure=is_surely)
    elif isinstance(node, ast.ExceptHandler):
        yield from _each(node.body, marks, is_sure=is_sure and not _is_missing(node.type))
    else:
        yield from _each(ast.iter_child_nodes(node), marks, is_sure=is_sure)


def _each(nodes: Iterable[ast.AST], marks: Marks, *, is_sure: bool) -> Iterator[bool]:
    for node in nodes:
        yield from skips_in(node, marks, is_sure=is_sure)


def _depends(call: ast.Call) -> bool:
    """Whether a skip asks something about where it runs before it skips."""
    word = word_of(call.func)
    if word == "importorskip":
        return True
    if word not in _WITH_CONDITION:
        return False
    conditions = [*call.args[:1], *(key.value for key in call.keywords if key.arg == "condition")]
    return any(_says_something(condition) for condition in conditions)


def _says_something(condition: ast.expr) -> bool:
    """Whether a condition is more than constants, which always say the same."""
    return any(
        isinstance(node, (ast.Name, ast.Attribute))
        or (isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value)
        for node in ast.walk(condition)
    )


def _is_missing(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return all(_is_missing(each) for each in caught.elts)
    return caught is not None and word_of(caught) in _MISSING
