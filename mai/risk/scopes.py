"""Blocks that bind names, and everything that one walk over a file collects."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mai.risk.shape import print_of_file

# How a name came to be bound, what it is bound to, and the scope to read that in.
Binding = tuple[str, Any, "Scope"]


class Scope:
    """A block that binds names. `bindings` maps a name to `(how, what, scope)` tuples.

    `how` is `import` (what: a dotted name), `value` (an expression), `item` (an expression whose
    elements it takes), `function`, `class`, `parameter` (its position or name), `element`
    (something put into the container), `augmented` (an operation on itself) or `unknown`.
    """

    __slots__ = ("bindings", "function", "globals", "kind", "node", "parent", "runs_at_import")

    def __init__(self, kind: str, parent: Scope | None, node: ast.AST | None) -> None:
        self.kind = kind
        self.parent = parent
        self.node = node
        self.bindings: dict[str, list[Binding]] = {}
        self.globals: set[str] = set()
        self.function: ast.AST | None = parent.function if parent else None
        self.runs_at_import: bool = parent.runs_at_import if parent else True

    def find(self, name: str) -> list[Binding] | None:
        """Return what `name` is bound to as seen from here, None where nothing binds it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings and (scope.kind != "class" or scope is self):
                return scope.bindings[name]
            scope = scope.parent
        return None

    def add(self, name: str, how: str, what: Any) -> None:
        """Bind `name` here, or where `global` sends it."""
        target: Scope = self
        if name in self.globals:
            while target.parent is not None:
                target = target.parent
        target.bindings.setdefault(name, []).append((how, what, self))

    def around(self) -> Scope:
        """Return the nearest scope that is not a comprehension's: where `:=` binds."""
        scope = self
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope


def is_bound(bindings: list[Binding] | None) -> bool:
    """Whether `bindings` bind a name, and do not just put something into what it stands for.

    In `from sys import *; path.append(x)` nothing does that the file itself says.
    """
    return bool(bindings) and any(how != "element" for how, _, _ in bindings or ())


Place = tuple[ast.expr, Scope]
Reference = tuple[ast.expr, Scope, ast.Call | None]


@dataclass(slots=True)
class Survey:
    """What one walk over a file found. Nodes live only as long as the survey does.

    Attributes:
        module: the outermost scope.
        references: attributes whose last word matters, and everything called, with their calls.
        names: the bare names that are read, by name.
        calls: every call.
        subscripts: every subscript that is read.
        stores: attributes and subscripts that are assigned to or deleted.
        strings: every string and bytes constant but docstrings.
        imports: module, member (None for the module itself) and statement.
        attributes: what is assigned to an attribute of that name anywhere.
        functions: every function with the scope around it.
        bodies: the scope of each function, lambda and class.
        returns: what each function or lambda returns or yields.
        local_calls: calls by the last word of what is called.
        stars: the modules that are imported whole.
        package: the dotted package of the file.
    """

    module: Scope
    references: list[Reference] = field(default_factory=list)
    names: dict[str, list[Reference]] = field(default_factory=dict)
    calls: list[tuple[ast.Call, Scope]] = field(default_factory=list)
    subscripts: list[tuple[ast.Subscript, Scope]] = field(default_factory=list)
    stores: list[tuple[ast.Attribute | ast.Subscript, Scope]] = field(default_factory=list)
    strings: list[tuple[ast.Constant, Scope]] = field(default_factory=list)
    imports: list[tuple[str, str | None, ast.stmt, Scope]] = field(default_factory=list)
    attributes: dict[str, list[Place]] = field(default_factory=dict)
    functions: list[tuple[ast.FunctionDef | ast.AsyncFunctionDef, Scope]] = field(
        default_factory=list
    )
    bodies: dict[ast.AST, Scope] = field(default_factory=dict)
    returns: dict[ast.AST | None, list[Place]] = field(default_factory=dict)
    local_calls: dict[str, list[tuple[ast.Call, Scope]]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    annotated: set[str] = field(default_factory=set)
    package: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    _print: str = ""

    def print_of_file(self) -> str:
        """Return a fingerprint of the whole file as Python reads it."""
        if not self._print and isinstance(self.module.node, ast.Module):
            self._print = print_of_file(self.module.node)
        return self._print


_NOT_NODES = frozenset(
    {
        *("ctx", "id", "attr", "op", "ops", "lineno", "kind", "type_comment", "names", "level"),
        *("module", "simple", "conversion", "arg", "rest", "kwd_attrs", "is_async", "tag"),
        "type_ignores",
    }
)
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


def fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """Return the fields of a node class that can hold other nodes."""
    found = _FIELDS.get(kind)
    if found is None:
        found = tuple(name for name in kind._fields if name not in _NOT_NODES)
        _FIELDS[kind] = found
    return found
