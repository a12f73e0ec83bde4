"""A map of a repo that fits a prompt: what is defined where, what matters for a task first.

Python files are read with `ast`, which parses and never runs. What is too large, too deep or does
not parse is listed by its path alone.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mai.protocols import Snapshot
from mai.providers.tokens import most_tokens

MAX_FILE_BYTES = 200_000
MAX_FILES = 1_500
#: CPython's parser has limits of its own; staying well under them costs nothing real code has.
MAX_NESTING = 60
_MAX_METHODS = 12
_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])|\d+")
_BRACKET = re.compile(rb"[\[\](){}]")


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    definitions: tuple[str, ...]
    score: int


def repo_map(snapshot: Snapshot, task: str, room_tokens: int) -> str:
    """Return lines of `path: definitions` within `room_tokens`, best match with `task` first.

    Lines are left out from the end; the result may be empty.
    """
    wanted = words(task)
    entries = [_entry(snapshot, path, wanted) for path in _sources(snapshot)]
    entries.sort(key=lambda entry: (-entry.score, entry.path.count("/"), entry.path))
    lines: list[str] = []
    left = room_tokens
    for entry in entries:
        line = f"{entry.path}: {', '.join(entry.definitions)}".rstrip(": ")
        left -= most_tokens(line + "\n")
        if left < 0:
            break
        lines.append(line)
    return "\n".join(lines)


def words(text: str) -> frozenset[str]:
    """Return the words of a text or identifier, lower case, `parse_rows` and `parseRows` alike."""
    return frozenset(word.lower() for word in _WORD.findall(text) if len(word) > 2)  # noqa: PLR2004 - shorter words match everything


def definitions(data: bytes) -> tuple[str, ...]:
    """Return what a Python file defines at its top, such as `def mean(xs)`, `class A: f, g`.

    Empty where the file is too large or deep, or does not parse.
    """
    tree = syntax_tree(data)
    return tuple(_described(tree.body)) if tree else ()


def syntax_tree(data: bytes) -> ast.Module | None:
    """Parse a Python file, None where it is too large or deep, or does not parse."""
    if len(data) > MAX_FILE_BYTES or _nesting(data) > MAX_NESTING:
        return None
    try:
        with warnings.catch_warnings():
            # A repo's invalid escapes are not this person's to read about in their terminal.
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _described(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            yield f"def {node.name}({', '.join(names)})"
        elif isinstance(node, ast.ClassDef):
            methods = [
                inner.name
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
                and not inner.name.startswith("_")
            ]
            shown = f": {' '.join(methods[:_MAX_METHODS])}" if methods else ""
            yield f"class {node.name}{shown}"


def _entry(snapshot: Snapshot, path: str, wanted: frozenset[str]) -> _Entry:
    found = definitions(snapshot.read(path) or b"")
    in_path = len(wanted & words(path))
    in_definitions = len(wanted & words(" ".join(found)))
    return _Entry(path, found, 3 * in_path + in_definitions)


def _sources(snapshot: Snapshot) -> list[str]:
    return [path for path in snapshot.paths() if path.endswith(".py")][:MAX_FILES]


def _nesting(data: bytes) -> int:
    """Return how deep brackets go, strings and comments not told apart."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(data):
        if bracket in b"([{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth = max(0, depth - 1)
    return deepest
