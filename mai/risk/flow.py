"""Fingerprints the data that reaches a place: the same data under other names is the same print."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable

from mai.risk.calls import argument_of
from mai.risk.names import Resolver
from mai.risk.scopes import Scope, fields_of

_MAXIMUM_PIECES = 400
_MAXIMUM_DEPTH = 6


class Flow:
    """Writes one fingerprint. Names are replaced by what they are bound to, up to a few steps.

    `has_parameter` tells whether a parameter of a function is among what was written.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.has_parameter = False
        self._pieces: list[str] = []
        self._seen: set[tuple[str, int]] = set()

    def of(self, nodes: Iterable[ast.AST], scope: Scope) -> str:
        """Return 16 hex digits over `nodes` as they are seen from `scope`."""
        for node in nodes:
            self._node(node, scope, 0)
        return hashlib.sha256("\x1f".join(self._pieces).encode("utf-8", "replace")).hexdigest()[:16]

    def _node(self, node: ast.AST, scope: Scope, depth: int) -> None:
        if len(self._pieces) > _MAXIMUM_PIECES:
            return
        if isinstance(node, ast.Name):
            self._name(node.id, scope, depth)
            return
        self._pieces.append(node.__class__.__name__)
        if isinstance(node, ast.Constant):
            self._pieces.append(repr(node.value)[:500])
        elif isinstance(node, ast.Attribute):
            self._pieces.append(node.attr)
        elif isinstance(node, ast.keyword):
            self._pieces.append(str(node.arg))
        for name in ("op", "ops"):
            operators = getattr(node, name, ())
            for operator in operators if isinstance(operators, list) else (operators,):
                if isinstance(operator, ast.AST):
                    self._pieces.append(operator.__class__.__name__)
        for name in fields_of(node.__class__):
            value = getattr(node, name, None)
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, ast.AST):
                    self._node(item, scope, depth)

    def _name(self, name: str, scope: Scope, depth: int) -> None:
        bindings = scope.find(name)
        if bindings is None:
            self._pieces.append(name)
            return
        key = (name, id(bindings))
        if key in self._seen or depth >= _MAXIMUM_DEPTH:
            self._pieces.append("$again")
            return
        self._seen.add(key)
        for how, what, where in bindings[:8]:
            if how == "import":
                self._pieces.append(what)
            elif how == "parameter":
                self._parameter(what, where, depth)
            elif how == "function" or how == "class":
                self._pieces.append(f"${how}")
                for value, inside in self._resolver.survey.returns.get(what, ())[:4]:
                    self._node(value, inside, depth + 1)
            elif isinstance(what, ast.AST):
                self._pieces.append(f"${how}")
                self._node(what, where, depth + 1)
            else:
                self._pieces.append("$unknown")
        self._seen.discard(key)

    def _parameter(self, position: int | str, where: Scope, depth: int) -> None:
        self.has_parameter = True
        self._pieces.append(f"${position}" if isinstance(position, int) else "$keyword")
        function = where.node
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        for call, scope in self._resolver.survey.local_calls.get(function.name, ())[:6]:
            argument = argument_of(call, position, function)
            if argument is not None:
                self._node(argument, scope, depth + 1)
