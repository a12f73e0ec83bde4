"""Resolves expressions to the dotted names they can stand for, without running anything.

Flow-insensitive: a name stands for everything it is bound to anywhere in its scope. A dotted name
ends in `()` where it is the result of a call. `@` begins the name of a function or class of the
file itself. Every question is answered once per node, and a cycle finds nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from mai.risk import calls
from mai.risk.aliases import BUILTINS, OWN_SUBMODULES, POWERFUL, PRIVATE_COPIES, canonical
from mai.risk.fold import Folder
from mai.risk.scopes import Scope, Survey, is_bound
from mai.risk.sinks import NAMES, OWNERS

Names = tuple[str, ...]
_MAXIMUM_NAMES = 12
_MAXIMUM_DEPTH = 60
_CONTAINER_METHODS = frozenset(
    {"values", "items", "get", "pop", "copy", "setdefault", "__getitem__"}
)


class Resolver:
    """Resolves the expressions of one surveyed file."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self._names: dict[ast.AST, Names] = {}
        self._elements: dict[ast.AST, Names] = {}
        self._free: dict[str, Names] = {}
        self._scope_of_fold: Scope = survey.module
        self._depth = 0
        self._folder = Folder(self._assigned)

    # --- constants ---

    def constant(self, node: ast.AST | None, scope: Scope) -> Any:
        """Return the constant that `node` is worth in `scope`, or None."""
        if node is None or isinstance(node, ast.Constant):
            return None if node is None else node.value
        saved, self._scope_of_fold = self._scope_of_fold, scope
        try:
            return self._folder.fold(node)
        finally:
            self._scope_of_fold = saved

    def text(self, node: ast.AST | None, scope: Scope) -> str | None:
        """Return the string that `node` is worth, or None; bytes are read as UTF-8."""
        value = self.constant(node, scope)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        return value if isinstance(value, str) else None

    def edges(self, node: ast.expr, scope: Scope) -> tuple[str, str]:
        """Return the constant beginning and end of a partly constant string."""
        saved, self._scope_of_fold = self._scope_of_fold, scope
        try:
            return self._folder.edges(node)
        finally:
            self._scope_of_fold = saved

    def _assigned(self, node: ast.Name) -> ast.expr | None:
        bound = self._scope_of_fold.find(node.id)
        if bound and len(bound) == 1 and bound[0][0] == "value":
            expression: ast.expr = bound[0][1]
            return expression
        return None

    # --- names ---

    def names(self, node: ast.AST | None, scope: Scope) -> Names:
        """Return every dotted name that `node` may stand for; empty where none is known."""
        return self._ask(node, scope, self._handlers, self._names)

    def elements(self, node: ast.AST | None, scope: Scope) -> Names:
        """Return what the elements of the container `node` may stand for."""
        return self._ask(node, scope, self._element_handlers, self._elements)

    def _ask(
        self,
        node: ast.AST | None,
        scope: Scope,
        handlers: dict[type[ast.AST], Callable[[Any, Any, Scope], Iterable[str]]],
        memo: dict[ast.AST, Names],
    ) -> Names:
        if node is None:
            return ()
        found = memo.get(node)
        if found is not None:
            return found
        handler = handlers.get(node.__class__)
        if handler is None or self._depth > _MAXIMUM_DEPTH:
            return ()
        memo[node] = ()
        self._depth += 1
        try:
            names = tuple(handler(self, node, scope))
        finally:
            self._depth -= 1
        memo[node] = names = tuple(dict.fromkeys(names))[:_MAXIMUM_NAMES]
        return names

    def bound(self, name: str, scope: Scope) -> Names:
        """Return what the bare `name` may stand for in `scope`."""
        bindings = scope.find(name) or []
        if not is_bound(bindings):
            if name not in self._free:
                self._free[name] = self._unbound(name)
            return self._free[name]
        return tuple(
            each
            for how, what, where in bindings[:24]
            for each in self._binding(name, how, what, where)
        )

    def _unbound(self, name: str) -> Names:
        """Return what a name that nothing binds may stand for: a built-in, or behind a star."""
        starred = (canonical(f"{module}.{name}") for module in self.survey.stars)
        found = [
            each
            for each in starred
            if each in NAMES or each in OWNERS or each in POWERFUL or each.startswith("builtins.")
        ]
        if name in BUILTINS:
            found.append("builtins" if name == "__builtins__" else f"builtins.{name}")
        elif name == "__path__":
            found.append("sys.path")  # where a package looks for its own modules
        return tuple(dict.fromkeys(found))

    def _binding(self, name: str, how: str, what: Any, where: Scope) -> Names:
        if how == "import":
            return (canonical(what),)
        if how == "value":
            return self.names(what, where)
        if how == "item":
            return self.elements(what, where)
        if how in {"function", "class"}:
            return (f"@{name}",)
        if how == "parameter":
            return self._argument(what, where)
        return ()

    def _argument(self, position: int | str, where: Scope) -> Names:
        function = where.node
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return ()
        found: list[str] = []
        for call, scope in self.survey.local_calls.get(function.name, ())[:12]:
            argument = calls.argument_of(call, position, function)
            if argument is not None:
                found.extend(self.names(argument, scope))
        return tuple(found)

    def _name(self, node: ast.Name, scope: Scope) -> Names:
        return self.bound(node.id, scope)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Names:
        word = node.attr
        found = [
            self.attribute(base, word)
            for base in self.names(node.value, scope) or calls.implied(node.value, scope)
            if not base.startswith("@")
        ]
        if not found or word in POWERFUL:
            for value, where in self.survey.attributes.get(word, ())[:12]:
                found.extend(self.names(value, where))
            found.extend(self._class_attribute(word))
            if word in POWERFUL and not found:
                found.append(canonical(word))
        return tuple(found)

    def _class_attribute(self, word: str) -> Names:
        return tuple(
            name
            for body in self.survey.bodies.values()
            if body.kind == "class" and word in body.bindings
            for how, what, where in body.bindings[word]
            if how in {"value", "import"}
            for name in self._binding(word, how, what, where)
        )

    @staticmethod
    def attribute(base: str, word: str) -> str:
        """Return the name of `base.word`."""
        if word in {"__call__", "__func__"}:
            return base
        owner, _, function = base.rpartition(".")
        if word == "__self__" and function and owner in POWERFUL:
            return owner  # a function written in C is bound to its module
        if word in PRIVATE_COPIES and not base.endswith("()"):
            return canonical(word[1:])
        if word in POWERFUL and f"{base}.{word}" not in OWN_SUBMODULES:
            return canonical(word)
        return canonical(f"{base}.{word}")

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Names:
        key = self.text(node.slice, scope)
        found = [
            name for base in self.names(node.value, scope) for name in self.item(base, key, scope)
        ]
        return tuple(found) or self.elements(node.value, scope)

    def item(self, base: str, key: str | None, scope: Scope) -> Names:
        """Return what `base[key]` may stand for where `base` is a namespace."""
        if key is None:
            return ()
        if base == "sys.modules":
            return (canonical(key),)
        if base in {"builtins.globals()", "builtins.locals()", "builtins.vars()"}:
            return self.bound(key, scope)
        if base == "builtins":
            return (f"builtins.{key}",)
        if base.endswith(".__dict__"):
            return (self.attribute(base.removesuffix(".__dict__"), key),)
        return ()

    def _call(self, node: ast.Call, scope: Scope) -> Iterable[str]:
        return calls.result_of(self, node, scope)

    def returned(self, function: str, scope: Scope) -> Names:
        """Return what calling `@function` of the file itself may give."""
        return tuple(
            name
            for how, what, _ in scope.find(function[1:]) or ()
            if how == "function"
            for value, where in self.survey.returns.get(what, ())[:12]
            for name in self.names(value, where)
        )

    def _either(self, node: ast.IfExp, scope: Scope) -> Names:
        return (*self.names(node.body, scope), *self.names(node.orelse, scope))

    def _any_of(self, node: ast.BoolOp, scope: Scope) -> Names:
        return tuple(name for value in node.values for name in self.names(value, scope))

    def _inner(self, node: Any, scope: Scope) -> Names:
        return self.names(node.value, scope)

    # --- elements ---

    def _of_sequence(self, node: ast.Tuple | ast.List | ast.Set, scope: Scope) -> list[str]:
        return [name for each in node.elts for name in self.names(each, scope)]

    def _of_dict(self, node: ast.Dict, scope: Scope) -> list[str]:
        found = [name for each in node.values for name in self.names(each, scope)]
        spread = (value for key, value in zip(node.keys, node.values, strict=True) if key is None)
        return [*found, *(name for each in spread for name in self.elements(each, scope))]

    def _of_call(self, node: ast.Call, scope: Scope) -> list[str]:
        found: list[str] = []
        if isinstance(node.func, ast.Attribute) and node.func.attr in _CONTAINER_METHODS:
            found.extend(self.elements(node.func.value, scope))
        for argument in node.args:
            found.extend(self.elements(argument, scope))
        found.extend(name for word in node.keywords for name in self.names(word.value, scope))
        return found

    def _of_attribute(self, node: ast.Attribute, scope: Scope) -> list[str]:  # noqa: ARG002 - one shape for all handlers
        return [
            name
            for value, where in self.survey.attributes.get(node.attr, ())[:6]
            for name in self.elements(value, where)
        ]

    def _of_name(self, node: ast.Name, scope: Scope) -> list[str]:
        found: list[str] = []
        for how, what, where in (scope.find(node.id) or ())[:12]:
            if how == "element":
                found.extend(self.names(what, where))
            elif how in {"value", "item"}:
                found.extend(self.elements(what, where))
        return found

    def _of_inner(self, node: Any, scope: Scope) -> Names:
        return self.elements(node.value, scope)

    _handlers: ClassVar[dict[type[ast.AST], Callable[[Any, Any, Scope], Iterable[str]]]] = {
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.Call: _call,
        ast.IfExp: _either,
        ast.BoolOp: _any_of,
        ast.NamedExpr: _inner,
        ast.Await: _inner,
        ast.Starred: _inner,
    }
    _element_handlers: ClassVar[dict[type[ast.AST], Callable[[Any, Any, Scope], Iterable[str]]]] = {
        ast.Tuple: _of_sequence,
        ast.List: _of_sequence,
        ast.Set: _of_sequence,
        ast.Dict: _of_dict,
        ast.Call: _of_call,
        ast.Attribute: _of_attribute,
        ast.Name: _of_name,
        ast.Subscript: _of_inner,
        ast.NamedExpr: _of_inner,
        ast.Starred: _of_inner,
    }
