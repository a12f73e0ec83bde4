"""Fingerprints the data that reaches a place: the same data under other names is the same print."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable

from mai.risk.calls import argument_of
from mai.risk.names import Resolver
from mai.risk.renames import before
from mai.risk.scopes import Binding, Scope, fields_of

# Far enough for nearly all code: three times as far as where large modules began to be cut short,
# in the same time, because nothing is followed twice.
_MAXIMUM_PIECES = 8000
_MAXIMUM_DEPTH = 40
_MAXIMUM_WAYS = 48


class _TooFarError(Exception):
    """There is more to follow than the limits allow."""


class Budget:
    """How many steps may still be followed in a file; a large one has thousands of places."""

    def __init__(self, steps: int) -> None:
        self.steps = steps


class Flow:
    """Writes one fingerprint. Names are replaced by what they are bound to, step by step.

    `has_parameter` tells whether a parameter of a function is among what was written. Where there
    is more to follow than the limits or the file's `budget` allow, the fingerprint is the whole
    file's, so that no change hides behind them.
    """

    def __init__(self, resolver: Resolver, budget: Budget) -> None:
        self._resolver = resolver
        self._budget = budget
        self.has_parameter = False
        self._steps = 0
        # What was written already is not followed again, or `b = a + a` doubles the work each time.
        self._written: dict[int, int] = {}
        # The names that a comprehension or a lambda around what is written has for itself.
        self._inner: dict[str, str] = {}
        self._pieces: list[str] = []
        self._seen: set[int] = set()

    def of(self, nodes: Iterable[ast.AST], scope: Scope) -> str:
        """Return 16 hex digits over `nodes` as they are seen from `scope`."""
        try:
            for node in nodes:
                self._node(node, scope, 0)
        except (_TooFarError, RecursionError):
            # Whatever came after may have been a parameter.
            self.has_parameter = True
            return self._resolver.survey.print_of_file()
        finally:
            self._budget.steps -= self._steps
        return _print_of(self._pieces)

    def _node(self, node: ast.AST, scope: Scope, depth: int) -> None:
        self._steps += 1
        if self._steps > _MAXIMUM_PIECES or self._steps > self._budget.steps:
            raise _TooFarError
        if isinstance(node, ast.Name):
            self._name(node.id, scope, depth)
            return
        if isinstance(node, ast.BoolOp) and len(told := _that_say_something(node)) == 1:
            self._node(told[0], scope, depth)
            return
        self._pieces.append(node.__class__.__name__)
        own = _names_of(node)
        if own:
            outer = self._inner
            numbered = {name: f"${len(outer) + index}$" for index, name in enumerate(own)}
            self._inner = {**outer, **numbered}
            self._rest(node, scope, depth)
            self._inner = outer
        else:
            self._rest(node, scope, depth)

    def _rest(self, node: ast.AST, scope: Scope, depth: int) -> None:
        if isinstance(node, ast.Constant):
            self._pieces.append(repr(node.value))
        elif isinstance(node, ast.Attribute):
            self._attribute(node, depth)
        elif isinstance(node, ast.keyword):
            self._pieces.append(str(node.arg))
        self._operators(node)
        for name in fields_of(node.__class__):
            value = getattr(node, name, None)
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, ast.AST):
                    self._node(item, scope, depth)

    def _operators(self, node: ast.AST) -> None:
        for name in ("op", "ops"):
            found = getattr(node, name, ())
            for operator in found if isinstance(found, list) else (found,):
                self._pieces.append(operator.__class__.__name__)

    def _name(self, name: str, scope: Scope, depth: int) -> None:
        if name in self._inner:
            self._pieces.append(self._inner[name])
            return
        bindings = scope.find(name)
        if bindings is None:
            self._pieces.append(name)
        elif self._enter(id(bindings), depth):
            inner, self._inner = self._inner, {}
            told = [each for each in bindings if not _is_nothing(each[1])] or bindings
            for binding in told[:_MAXIMUM_WAYS]:
                self._binding(binding, depth)
            self._inner = inner
            _refuse(len(bindings))
            self._seen.discard(id(bindings))

    def _attribute(self, node: ast.Attribute, depth: int) -> None:
        """Write an attribute; one of `self` with what the file assigns to any of that name."""
        self._pieces.append(node.attr)
        if not isinstance(node.value, ast.Name) or node.value.id not in {"self", "cls"}:
            return
        assigned = self._resolver.survey.attributes.get(node.attr, [])
        if assigned and self._enter(id(assigned), depth):
            groups: dict[ast.AST | None, list[tuple[ast.AST, Scope]]] = {}
            for value, where in assigned[:_MAXIMUM_WAYS]:
                groups.setdefault(where.function, []).append((value, where))
            self._in_any_order(groups.values(), depth + 1)
            self._seen.discard(id(assigned))

    def _enter(self, key: int, depth: int) -> bool:
        if key in self._seen:
            self._pieces.append("$again")
            return False
        if key in self._written:
            self._pieces.append(f"$same{self._written[key]}")
            return False
        if depth >= _MAXIMUM_DEPTH:
            raise _TooFarError
        self._seen.add(key)
        self._written[key] = len(self._written)
        return True

    def _binding(self, binding: Binding, depth: int) -> None:
        how, what, where = binding
        if how == "import":
            self._pieces.append(self._from_here(what))
        elif how == "parameter":
            self._parameter(what, where, depth)
        elif how in {"function", "class"}:
            self._pieces.append(f"${how}")
            for value, inside in self._resolver.survey.returns.get(what, ())[:_MAXIMUM_WAYS]:
                self._node(value, inside, depth + 1)
        else:
            self._pieces.append(f"${how}")
            if isinstance(what, ast.AST):
                self._node(what, where, depth + 1)

    def _from_here(self, name: str) -> str:
        """Return what a relative import names as the file says it, wherever the file lies."""
        name = before(name, self._resolver.survey.renamed)
        parts = self._resolver.survey.package.split(".") if name.startswith(".") else []
        for count in range(len(parts), 0, -1):
            prefix = "." + ".".join(parts[:count])
            if name.startswith(f"{prefix}."):
                return f"~{len(parts) - count}{name.removeprefix(prefix)}"
        return name

    def _parameter(self, position: int | str, where: Scope, depth: int) -> None:
        self.has_parameter = True
        self._pieces.append(f"${position}" if isinstance(position, int) else "$keyword")
        function = where.node
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        calls = self._resolver.survey.local_calls.get(function.name, ())
        arguments = [
            [(argument, scope)]
            for call, scope in calls[:_MAXIMUM_WAYS]
            if (argument := argument_of(call, position, function)) is not None
        ]
        self._in_any_order(arguments, depth + 1)
        _refuse(len(calls))

    def _in_any_order(self, groups: Iterable[Iterable[tuple[ast.AST, Scope]]], depth: int) -> None:
        """Write what different functions do so that it does not matter which stands first."""
        outer, found = self._pieces, []
        inner, self._inner = self._inner, {}
        written = self._written
        for group in groups:
            self._pieces, self._written = [], dict(written)
            for node, scope in group:
                self._node(node, scope, depth)
            found.append("\x1e".join(self._pieces))
        self._pieces, self._inner, self._written = [*outer, *sorted(found)], inner, written


def _is_nothing(value: object) -> bool:
    """Whether `value` is an expression without any data in it: `None`, `""`, `[]`, `{}`."""
    if isinstance(value, ast.Constant):
        return value.value is None or value.value in {"", b""}
    if isinstance(value, (ast.List, ast.Tuple)):
        return not value.elts
    return isinstance(value, ast.Dict) and not value.keys


def _that_say_something(node: ast.BoolOp) -> list[ast.expr]:
    """Return what `node` may be worth, without the nothing that `x or None` falls back on."""
    if isinstance(node.op, ast.And):
        return []
    return [value for value in node.values if not _is_nothing(value)]


def _refuse(ways: int) -> None:
    """Stop where a name can be more things than are followed."""
    if ways > _MAXIMUM_WAYS:
        raise _TooFarError


def _names_of(node: ast.AST) -> list[str]:
    """Return the names that only a comprehension or a lambda itself can see, in their order."""
    if isinstance(node, ast.Lambda):
        return [each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)]
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
        targets = (each for generator in node.generators for each in ast.walk(generator.target))
        return [each.id for each in targets if isinstance(each, ast.Name)]
    return []


def _print_of(pieces: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(pieces).encode("utf-8", "replace")).hexdigest()[:16]
