"""A Python file as numbered lines and the statements on them, read without being run."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

_CODE = re.compile(r"\s*(?:(?:async )?def |class |@\w|import \w|from [\w.]+ import |\w+\s*=)")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Source:
    """Parsed code: its lines, without line ends, and its statements."""

    lines: tuple[str, ...]
    body: tuple[ast.stmt, ...]

    def text_of(self, node: ast.stmt) -> list[str]:
        """Return the lines of `node` with its decorators and the comments right above it."""
        first, last = span(node)
        while first > 1 and _is_comment_of(self.lines[first - 2], self.lines[first - 1]):
            first -= 1
        return list(self.lines[first - 1 : last])


def read(text: str) -> Source | None:
    """Return `text` parsed, moved to the margin where all of it is indented; None if no Python."""
    for one in (text, textwrap.dedent(text)):
        tree = _parsed(one)
        if tree is not None:
            return Source(tuple(one.split("\n")), tuple(tree.body))
    return None


def whole_part(text: str) -> Source | None:
    """Return the longest run of lines that parses, from the first one that looks like code.

    Of code that was cut off it is what is whole, of prose around code the code.
    """
    lines = text.split("\n")
    first = next((at for at, line in enumerate(lines) if _CODE.match(line)), 0)
    starts = [at for at, line in enumerate(lines) if line[:1].strip() and at > first]
    for end in [len(lines), *reversed(starts)]:
        found = read("\n".join(lines[first:end]))
        if found is not None:
            return found if found.body else None
    return None


def span(node: ast.stmt) -> tuple[int, int]:
    """Return the first and last line of a statement, decorators included, counted from 1."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)]), node.end_lineno or node.lineno


def definitions(body: Iterable[ast.stmt]) -> dict[str, Definition]:
    """Return the functions and classes right in `body` by name; the last of a name counts."""
    return {one.name: one for one in body if isinstance(one, Definition)}


def targets(node: ast.stmt) -> frozenset[str]:
    """Return the names that an assignment binds; empty where the statement is none."""
    if isinstance(node, ast.Assign):
        named = [one for target in node.targets for one in ast.walk(target)]
    elif isinstance(node, ast.AnnAssign):
        named = list(ast.walk(node.target))
    else:
        return frozenset()
    return frozenset(one.id for one in named if isinstance(one, ast.Name))


def is_import(node: ast.stmt) -> bool:
    """Whether a statement imports."""
    return isinstance(node, ast.Import | ast.ImportFrom)


def bound_by(node: ast.stmt) -> frozenset[str]:
    """Return the names that an import binds."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return frozenset()
    return frozenset((one.asname or one.name).partition(".")[0] for one in node.names)


def is_docstring(node: ast.stmt) -> bool:
    """Whether a statement is a lone string."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def is_stub(node: ast.stmt) -> bool:
    """Whether a function has no body but `...` or `pass` and a docstring."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return all(
        isinstance(one, ast.Pass)
        or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        for one in node.body
    )


def same(one: ast.stmt, other: ast.stmt) -> bool:
    """Whether two statements mean the same to Python."""
    return ast.dump(one) == ast.dump(other)


def names_in(nodes: Iterable[ast.stmt]) -> frozenset[str]:
    """Return every name that is read or written in `nodes`."""
    return frozenset(
        one.id for node in nodes for one in ast.walk(node) if isinstance(one, ast.Name)
    )


def _is_comment_of(line: str, below: str) -> bool:
    indent = len(below) - len(below.lstrip())
    return line.lstrip().startswith("#") and len(line) - len(line.lstrip()) == indent


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
