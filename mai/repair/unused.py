"""Whether an edit leaves something without use: then it is hardly the one that was meant."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def leaves_unused(before: bytes, after: bytes) -> bool:
    """Whether a local variable or parameter that was read is only written after the edit."""
    try:
        return bool(_unread(after) - _unread(before))
    except (SyntaxError, RecursionError, ValueError):
        return False


def _unread(data: bytes) -> set[tuple[str, str]]:
    """Return function and name of what is bound in a function and never read there."""
    return {
        (function.name, name)
        for function in ast.walk(ast.parse(data))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for name in set(_bound(function)) - set(_read(function))
    }


def _bound(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def _read(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
