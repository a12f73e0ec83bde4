"""An answer that is the whole file, with what it forgot and without what only shows its use."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from mai.agent.known.tree import (
    Definition,
    Source,
    bound_by,
    definitions,
    is_docstring,
    is_import,
    is_stub,
    names_in,
    same,
    span,
    targets,
)

# What is asked for, not what is told: "remove the helper", not "it replaces" or "without removing".
_DROPS = re.compile(
    r"\b(?:rename|remove|delete|drop|replace|split|merge|move|get rid of)\b", re.IGNORECASE
)
_MAIN = re.compile(r"\bmain\b|\bcommand.line\b|\bscript\b", re.IGNORECASE)


def is_whole(old: Source, code: Source, task: str) -> bool:
    """Whether `code` is a version of the whole file: it has every name that `old` defines.

    A task that takes something away may leave some of them out.
    """
    missing = _anchors(old.body) - _anchors(code.body)
    kept = _anchors(old.body) & _anchors(code.body)
    if missing & names_in(code.body):
        return False  # what is used still is not meant to go
    if missing and not (_DROPS.search(task) and (len(missing) <= len(kept) or not kept)):
        return False
    if not kept and not missing and definitions(code.body) and old.body:
        return False  # a script that defines nothing is not one function
    before, after = definitions(old.body), definitions(code.body)
    return not any(
        _is_less(before[name], after[name], task) for name in before.keys() & after.keys()
    )


def whole(old: Source, code: Source, task: str, *, is_test: bool) -> list[str]:
    """Return the lines of the file that `code` makes of `old`."""
    lines = list(code.lines)
    for node in reversed(_shown_only(old, code, task, is_test=is_test)):
        first, last = span(node)
        while first > 1 and (lines[first - 2].lstrip().startswith("#")):
            first -= 1
        del lines[first - 1 : last]
    lost = _lost_imports(old, code)
    if lost:
        at = _after_head(code)
        lines[at:at] = _spaced(old, lost)
    return [*_lost_head(old, code), *lines]


def _anchors(body: Sequence[ast.stmt]) -> frozenset[str]:
    names = {name for node in body for name in targets(node)}
    return frozenset(names | definitions(body).keys())


def _is_less(old: Definition, new: Definition, task: str) -> bool:
    """Whether a definition was only hinted at: a class without some of its methods, a stub."""
    if is_stub(new) and not is_stub(old):
        return True
    if not isinstance(old, ast.ClassDef) or not isinstance(new, ast.ClassDef):
        return False
    before, after = definitions(old.body), definitions(new.body)
    if before.keys() - after.keys() and not _DROPS.search(task):
        return True
    return any(_is_less(before[name], after[name], task) for name in before.keys() & after.keys())


def _shown_only(old: Source, code: Source, task: str, *, is_test: bool) -> list[ast.stmt]:
    """Return the statements at the end of an answer that only show how it works: calls, asserts."""
    defined = [at for at, node in enumerate(code.body) if isinstance(node, Definition)]
    if not defined or is_test:
        return []
    added = [
        node
        for node in code.body[defined[-1] + 1 :]
        if not any(same(node, one) for one in old.body)
    ]
    had_calls = any(_shows(node) for node in old.body)
    shows = any(_shows(node) for node in added) and not had_calls and not _MAIN.search(task)
    tests = [
        node
        for name, node in definitions(code.body).items()
        if name.lower().startswith("test") and name not in definitions(old.body)
    ]
    return sorted([*tests, *(added if shows else [])], key=lambda node: node.lineno)


def _shows(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return "__name__" in names_in([ast.Expr(node.test)])
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return is_call or isinstance(node, ast.Assert)


def _lost_imports(old: Source, code: Source) -> list[ast.stmt]:
    """Return the imports of `old` whose names `code` uses and binds nowhere."""
    bound = {name for node in ast.walk(ast.Module(list(code.body), [])) for name in _binds(node)}
    used = names_in(code.body)
    return [
        node
        for node in old.body
        if is_import(node)
        and not any(same(node, one) for one in code.body)
        and ((bound_by(node) & used) - bound or _is_future(node))
    ]


def _spaced(old: Source, nodes: Sequence[ast.stmt]) -> list[str]:
    """Return the lines of `nodes`, each with the blank line that `old` has behind it, if any."""
    lines: list[str] = []
    for node in nodes:
        end = span(node)[1]
        has_blank = end < len(old.lines) and not old.lines[end].strip()
        lines += [*old.text_of(node), *([""] if has_blank else [])]
    return lines


def _binds(node: ast.AST) -> frozenset[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return bound_by(node)
    if isinstance(node, Definition):
        return frozenset({node.name})
    if isinstance(node, ast.arg):
        return frozenset({node.arg})
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return frozenset({node.id})
    return frozenset()


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _after_head(code: Source) -> int:
    """Return the index of the line after the docstring and the imports of the future."""
    head = 0
    for at, node in enumerate(code.body):
        if not ((at == 0 and is_docstring(node)) or _is_future(node)):
            break
        head = span(node)[1]
    if head == 0:
        while head < len(code.lines) and code.lines[head].startswith("#"):
            head += 1
    return head


def _lost_head(old: Source, code: Source) -> list[str]:
    """Return the comments and the docstring that `old` begins with and `code` left out."""
    end = span(old.body[0])[0] - 1 if old.body else 0
    has_docstring = bool(old.body) and is_docstring(old.body[0])
    lost = has_docstring and not (code.body and is_docstring(code.body[0]))
    comments = list(old.lines[:end])
    if any(line.strip() and line in code.lines for line in comments):
        comments = []
    if not any(line.startswith("#") for line in comments):
        comments = []
    elif comments[-1].strip() and not lost and not has_docstring:
        # Right above a statement it is that statement's, and that one is written anew.
        blank = next((at for at in range(len(comments) - 1, -1, -1) if not comments[at]), -1)
        comments = comments[: blank + 1] or [one for one in comments if one.startswith("#!")]
    if not lost:
        return comments
    return [*comments, *old.text_of(old.body[0])[-(_height(old.body[0])) :], ""]


def _height(node: ast.stmt) -> int:
    first, last = span(node)
    return last - first + 1
