"""What a Python file defines, by dotted name and line: enough to say which part to change."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mai.prompting.repomap import syntax_tree, words
from mai.providers.tokens import most_tokens

_DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Symbol:
    """One definition. `name` is dotted from the module on; lines count from 1, both included."""

    name: str
    first: int
    last: int
    is_class: bool


def symbols(data: bytes) -> tuple[Symbol, ...]:
    """Return every function, method and class, in order; nothing where it cannot be parsed.

    A name that is there several times, such as a property and its setter, is left out: an edit of
    it by name alone would be ambiguous.
    """
    tree = syntax_tree(data)
    found = list(_inside(tree.body, "")) if tree else []
    names = [symbol.name for symbol in found]
    return tuple(symbol for symbol in found if names.count(symbol.name) == 1)


def source(data: bytes, symbol: Symbol) -> str:
    """Return the lines of one definition, decorators included."""
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    return "\n".join(lines[symbol.first - 1 : symbol.last]) + "\n"


def outline(found: Sequence[Symbol], wanted: str, room_tokens: int) -> str:
    """Return a line per symbol within `room_tokens`, in order; what `wanted` does not name goes."""
    about = words(wanted)
    ranked = sorted(found, key=lambda one: (-len(about & words(one.name)), one.first))
    kept: list[Symbol] = []
    for symbol in ranked:
        room_tokens -= most_tokens(_line(symbol) + "\n")
        if room_tokens < 0:
            break
        kept.append(symbol)
    return "\n".join(_line(symbol) for symbol in sorted(kept, key=lambda one: one.first))


def _line(symbol: Symbol) -> str:
    kind = "class" if symbol.is_class else "def"
    return f"{kind} {symbol.name}  lines {symbol.first}-{symbol.last}"


def _inside(body: Sequence[ast.stmt], prefix: str) -> Iterator[Symbol]:
    for node in body:
        if isinstance(node, _DEFINITIONS):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            is_class = isinstance(node, ast.ClassDef)
            yield Symbol(prefix + node.name, first, node.end_lineno or node.lineno, is_class)
            if is_class:
                yield from _inside(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from _inside([*node.body, *node.orelse], prefix)
