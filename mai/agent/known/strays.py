"""What an answer holds besides the file: tests of it, what they import, an import of itself."""

from __future__ import annotations

import ast

from mai.agent.known.splice import UnfitError
from mai.agent.known.tree import (
    Definition,
    Source,
    bound_by,
    definitions,
    is_import,
    names_in,
    read,
    same,
    span,
    targets,
)


def without_strays(code: Source, path: str, old: Source) -> Source:
    """Return `code`, meant for the file at `path` that is no test, without what is beside it.

    Raises:
        UnfitError: it holds tests and nothing else.
    """
    known = definitions(old.body)
    tests = [
        node
        for node in code.body
        if isinstance(node, Definition) and _is_test(node) and node.name not in known
    ]
    rest = [node for node in code.body if node not in tests]
    if tests and not any(isinstance(node, Definition) or targets(node) for node in rest):
        raise UnfitError("the answer holds tests, and not the file that they test")
    used = names_in(node for node in rest if not is_import(node))
    lost = [
        node
        for node in rest
        if is_import(node)
        and not any(same(node, one) for one in old.body)
        and (_is_of_itself(node, path) or (tests and not bound_by(node) & used))
    ]
    if not tests and not lost:
        return code
    lines = list(code.lines)
    for node in sorted([*tests, *lost], key=lambda node: node.lineno, reverse=True):
        first, last = span(node)
        del lines[first - 1 : last]
    return read("\n".join(lines)) or code


def _is_test(node: Definition) -> bool:
    return node.name.lower().startswith("test")


def _is_of_itself(node: ast.stmt, path: str) -> bool:
    """Whether an import is one of the module at `path`, by its whole name or a relative one."""
    own = path.removesuffix("i").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if isinstance(node, ast.Import):
        return any(f".{own}".endswith(f".{one.name}") and "." in one.name for one in node.names)
    if not isinstance(node, ast.ImportFrom) or not node.module:
        return False
    if node.level == 1:
        return own.rpartition(".")[2] == node.module
    is_below = "." in node.module and own.endswith(f".{node.module}")  # of a folder such as src
    return node.level == 0 and (own == node.module or is_below)
