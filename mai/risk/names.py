"""Resolves expressions to the dotted names they can stand for, without running anything.

Flow-insensitive: a name stands for everything it is bound to anywhere in its scope. A dotted name
ends in `()` where it is the result of a call. `@` begins the name of a function, class or lambda
of the file itself.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from mai.risk.fold import Folder
from mai.risk.scopes import Scope, Survey
from mai.risk.sinks import ALIASES, BUILTINS, NAMES, OWN_SUBMODULES, POWERFUL, SAME

Names = tuple[str, ...]
_MAXIMUM_NAMES = 12
_MAXIMUM_DEPTH = 60
# How standard modules import what they do not want to export.
_PRIVATE_COPIES = frozenset({"_os", "_sys", "_subprocess", "_builtins", "_socket"})
_CONTAINER_METHODS = frozenset(
    {"values", "items", "get", "pop", "copy", "setdefault", "__getitem__"}
)
_GETTERS = frozenset({"get", "__getitem__", "pop", "setdefault"})


class Resolver:
    """Resolves the expressions of one surveyed file."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self._memo: dict[ast.AST, Names] = {}
        self._element_memo: dict[ast.AST, Names] = {}
        self._scope_of_fold: Scope = survey.module
        self._depth = 0
        self.folder = Folder(self._assigned)

    # --- constants ---

    def constant(self, node: ast.AST | None, scope: Scope) -> Any:
        """Return the constant that `node` is worth in `scope`, or None."""
        if node is None or node.__class__ is ast.Constant:
            return None if node is None else node.value
        saved, self._scope_of_fold = self._scope_of_fold, scope
        try:
            return self.folder.fold(node)
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
            return self.folder.edges(node)
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
        if node is None:
            return ()
        found = self._memo.get(node)
        if found is not None:
            return found
        handler = _HANDLERS.get(node.__class__)
        if handler is None or self._depth > _MAXIMUM_DEPTH:
            return ()
        self._memo[node] = ()  # a cycle finds nothing instead of never ending
        self._depth += 1
        try:
            names = handler(self, node, scope)
        finally:
            self._depth -= 1
        if len(names) > 1:
            names = tuple(dict.fromkeys(names))[:_MAXIMUM_NAMES]
        self._memo[node] = names
        return names

    def bound(self, name: str, scope: Scope) -> Names:
        """Return what the bare `name` may stand for in `scope`."""
        bindings = scope.find(name)
        if bindings is None:
            found = [
                f"{module}.{name}" for module in self.survey.stars if _known(f"{module}.{name}")
            ]
            if name in BUILTINS:
                found.append("builtins" if name == "__builtins__" else f"builtins.{name}")
            return tuple(canonical(each) for each in found)
        names: list[str] = []
        for how, what, where in bindings[:24]:
            names.extend(self._binding(name, how, what, where))
        return tuple(names)

    def _binding(self, name: str, how: str, what: Any, where: Scope) -> Names:
        if how == "import":
            return (canonical(what),)
        if how == "value":
            return self.names(what, where)
        if how == "item":
            return self.elements(what, where)
        if how in ("function", "class"):
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
            argument = argument_of(call, position, function)
            if argument is not None:
                found.extend(self.names(argument, scope))
        return tuple(found)

    def _name(self, node: ast.Name, scope: Scope) -> Names:
        return self.bound(node.id, scope)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Names:
        bases = self.names(node.value, scope)
        attribute = node.attr
        found = [
            self.attribute(base, attribute, scope) for base in bases if not base.startswith("@")
        ]
        if not found or attribute in POWERFUL:
            for value, where in self.survey.attributes.get(attribute, ())[:12]:
                found.extend(self.names(value, where))
            found.extend(self._class_attribute(attribute, bases))
            if attribute in POWERFUL and not found:
                found.append(canonical(attribute))
        return tuple(name for name in found if name)

    def _class_attribute(self, attribute: str, bases: Names) -> Names:
        found: list[str] = []
        for body in self.survey.bodies.values():
            if body.kind == "class" and attribute in body.bindings:
                for how, what, where in body.bindings[attribute]:
                    if how in ("value", "import"):
                        found.extend(self._binding(attribute, how, what, where))
        return tuple(found)

    def attribute(self, base: str, attribute: str, scope: Scope) -> str:
        """Return the name of `base.attribute`."""
        if attribute == "__call__" or attribute == "__func__":
            return base
        if attribute == "__self__" and base.startswith("builtins."):
            return "builtins"
        if attribute in _PRIVATE_COPIES and not base.endswith("()"):
            return canonical(attribute[1:])
        if attribute in POWERFUL and f"{base}.{attribute}" not in OWN_SUBMODULES:
            return canonical(attribute)
        return canonical(f"{base}.{attribute}")

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Names:
        found: list[str] = []
        key = self.text(node.slice, scope)
        for base in self.names(node.value, scope):
            found.extend(self.item(base, key, scope))
        if not found:
            found.extend(self.elements(node.value, scope))
        return tuple(found)

    def item(self, base: str, key: str | None, scope: Scope) -> Names:
        """Return what `base[key]` may stand for."""
        if key is None:
            return ()
        if base == "sys.modules":
            return (canonical(key),)
        if base in ("builtins.globals()", "builtins.locals()", "builtins.vars()"):
            return self.bound(key, scope)
        if base == "builtins":
            return (f"builtins.{key}",)
        if base.endswith(".__dict__"):
            return (self.attribute(base.removesuffix(".__dict__"), key, scope),)
        return ()

    def elements(self, node: ast.AST | None, scope: Scope) -> Names:
        """Return what the elements of the container `node` may stand for."""
        handler = _ELEMENTS.get(node.__class__)
        if handler is None or node is None or self._depth > _MAXIMUM_DEPTH:
            return ()
        found = self._element_memo.get(node)
        if found is None:
            self._element_memo[node] = ()  # as in `names`, a cycle finds nothing
            self._depth += 1
            try:
                found = tuple(dict.fromkeys(handler(self, node, scope)))[:_MAXIMUM_NAMES]
            finally:
                self._depth -= 1
            self._element_memo[node] = found
        return found

    def _of_sequence(self, node: ast.Tuple | ast.List | ast.Set, scope: Scope) -> list[str]:
        return [name for each in node.elts for name in self.names(each, scope)]

    def _of_dict(self, node: ast.Dict, scope: Scope) -> list[str]:
        return [name for each in node.values for name in self.names(each, scope)]

    def _of_call(self, node: ast.Call, scope: Scope) -> list[str]:
        found: list[str] = []
        if isinstance(node.func, ast.Attribute) and node.func.attr in _CONTAINER_METHODS:
            found.extend(self.elements(node.func.value, scope))
        for argument in node.args:
            found.extend(self.elements(argument, scope))
        found.extend(name for key in node.keywords for name in self.names(key.value, scope))
        return found

    def _of_attribute(self, node: ast.Attribute, scope: Scope) -> list[str]:
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
            elif how in ("value", "item"):
                found.extend(self.elements(what, where))
        return found

    def _of_inner(self, node: Any, scope: Scope) -> Names:
        return self.elements(node.value, scope)

    # --- calls ---

    def _call(self, node: ast.Call, scope: Scope) -> Names:
        found: list[str] = []
        for function in self.names(node.func, scope):
            special = _CALLS.get(function)
            if special is not None:
                found.extend(special(self, node, scope))
            elif function.startswith("@"):
                found.extend(self._returned(function, scope))
            else:
                found.append(f"{function}()" if not function.endswith("()()") else function)
        found.extend(self._method(node, scope))
        if isinstance(node.func, ast.Lambda):
            found.extend(self.names(node.func.body, self.survey.bodies.get(node.func, scope)))
        if isinstance(node.func, ast.Call):
            found.extend(self._made(node.func, node, scope))
        return tuple(found)

    def _method(self, node: ast.Call, scope: Scope) -> Names:
        function = node.func
        if not isinstance(function, ast.Attribute) or not node.args:
            return ()
        key = None
        if function.attr in {"__getattribute__", "__getattr__"}:
            key = self.text(node.args[-1], scope)
            owner = node.args[0] if len(node.args) > 1 else function.value
            if key is not None:
                return tuple(self.attribute(base, key, scope) for base in self.names(owner, scope))
        if function.attr in _GETTERS:
            key = self.text(node.args[0], scope)
            found = [
                name
                for base in self.names(function.value, scope)
                for name in self.item(base, key, scope)
            ]
            return tuple(found) or self.elements(function.value, scope)
        return ()

    def _returned(self, function: str, scope: Scope) -> Names:
        found: list[str] = []
        for how, what, _ in scope.find(function[1:]) or ():
            if how == "function":
                for value, where in self.survey.returns.get(what, ())[:12]:
                    found.extend(self.names(value, where))
        return tuple(found)

    def _made(self, maker: ast.Call, node: ast.Call, scope: Scope) -> Names:
        """Resolve `attrgetter("a")(x)`, `methodcaller("a")(x)` and `itemgetter("a")(x)`."""
        makers = self.names(maker.func, scope)
        key = self.text(maker.args[0], scope) if maker.args else None
        if key is None or not node.args:
            return ()
        found: list[str] = []
        for owner in self.names(node.args[0], scope):
            if "operator.attrgetter" in makers or "operator.methodcaller" in makers:
                name = owner
                for part in key.split("."):
                    name = self.attribute(name, part, scope)
                found.append(name)
            elif "operator.itemgetter" in makers:
                found.extend(self.item(owner, key, scope))
        return tuple(found)

    def _getattr(self, node: ast.Call, scope: Scope) -> Names:
        if len(node.args) < 2:
            return ()
        key = self.text(node.args[1], scope)
        if key is None:
            return ()
        owners = self.names(node.args[0], scope)
        found = []
        for owner in owners:
            name = owner
            for part in key.split("."):
                name = self.attribute(name, part, scope)
            found.append(name)
        if not owners and key in POWERFUL:
            found.append(canonical(key))
        return (*found, *(self.names(node.args[2], scope) if len(node.args) > 2 else ()))

    def _import(self, node: ast.Call, scope: Scope) -> Names:
        name = self.text(first(node, "name"), scope)
        if name is None:
            return ()
        has_list = len(node.args) > 3 or any(key.arg == "fromlist" for key in node.keywords)
        return (canonical(name if has_list else name.partition(".")[0]),)

    def _import_module(self, node: ast.Call, scope: Scope) -> Names:
        name = self.text(first(node, "name"), scope)
        return () if name is None else (canonical(name.replace(":", ".")),)

    def _vars(self, node: ast.Call, scope: Scope) -> Names:
        if not node.args:
            return ("builtins.locals()",)
        return tuple(f"{name}.__dict__" for name in self.names(node.args[0], scope))

    def _first_argument(self, node: ast.Call, scope: Scope) -> Names:
        return self.names(node.args[0], scope) if node.args else ()

    def _first_element(self, node: ast.Call, scope: Scope) -> Names:
        return self.elements(node.args[0], scope) if node.args else ()

    def _getitem(self, node: ast.Call, scope: Scope) -> Names:
        if len(node.args) < 2:
            return ()
        key = self.text(node.args[1], scope)
        found = [n for base in self.names(node.args[0], scope) for n in self.item(base, key, scope)]
        return tuple(found) or self.elements(node.args[0], scope)

    def _applied(self, node: ast.Call, scope: Scope) -> Names:
        return tuple(f"{name}()" for name in self._first_argument(node, scope))

    # --- the rest ---

    def _either(self, node: ast.IfExp, scope: Scope) -> Names:
        return (*self.names(node.body, scope), *self.names(node.orelse, scope))

    def _any_of(self, node: ast.BoolOp, scope: Scope) -> Names:
        return tuple(name for value in node.values for name in self.names(value, scope))

    def _inner(self, node: Any, scope: Scope) -> Names:
        return self.names(node.value, scope)


def argument_of(
    call: ast.Call, position: int | str, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> ast.expr | None:
    """Return what `call` passes for a parameter of `function`, given by position or name."""
    if isinstance(position, int):
        positional = [*function.args.posonlyargs, *function.args.args]
        name = positional[position].arg
        # A method's own instance is not among the arguments of its call.
        offset = 1 if positional[0].arg in {"self", "cls"} else 0
        index = position - offset
        if 0 <= index < len(call.args):
            return call.args[index]
    else:
        name = position
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def first(call: ast.Call, name: str) -> ast.expr | None:
    """Return the first argument of `call`, or its keyword `name`."""
    if call.args:
        return call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def canonical(name: str) -> str:
    """Return the name a module is best known by: `posix.system` is `os.system`."""
    same = SAME.get(name)
    if same is not None:
        return same
    top, dot, rest = name.partition(".")
    alias = ALIASES.get(top)
    if alias is not None:
        return canonical(f"{alias}{dot}{rest}") if alias != top else name
    if name.startswith("six.moves."):
        return name.removeprefix("six.moves.")
    if rest:
        last = name.rpartition(".")[2]
        if last in POWERFUL and name not in OWN_SUBMODULES:
            return ALIASES.get(last, last)
    return name


def _known(name: str) -> bool:
    return (
        name in NAMES
        or name in SAME
        or canonical(name) in NAMES
        or name.rpartition(".")[2] in POWERFUL
    )


_CALLS: dict[str, Callable[[Resolver, ast.Call, Scope], Names]] = {
    "builtins.getattr": Resolver._getattr,
    "builtins.__import__": Resolver._import,
    "importlib.import_module": Resolver._import_module,
    "builtins.vars": Resolver._vars,
    "functools.partial": Resolver._first_argument,
    "functools.partialmethod": Resolver._first_argument,
    "functools.wraps": lambda *_: (),
    "importlib.reload": Resolver._first_argument,
    "builtins.next": Resolver._first_element,
    "builtins.iter": Resolver._first_argument,
    "builtins.map": Resolver._applied,
    "copy.copy": Resolver._first_argument,
    "copy.deepcopy": Resolver._first_argument,
    "typing.cast": lambda self, node, scope: (
        self.names(node.args[1], scope) if len(node.args) > 1 else ()
    ),
    "operator.getitem": Resolver._getitem,
    "operator.call": Resolver._applied,
    "staticmethod": Resolver._first_argument,
    "builtins.dict": Resolver._first_argument,
}
_HANDLERS: dict[type[ast.AST], Callable[[Resolver, Any, Scope], Names]] = {
    ast.Name: Resolver._name,
    ast.Attribute: Resolver._attribute,
    ast.Subscript: Resolver._subscript,
    ast.Call: Resolver._call,
    ast.IfExp: Resolver._either,
    ast.BoolOp: Resolver._any_of,
    ast.NamedExpr: Resolver._inner,
    ast.Await: Resolver._inner,
    ast.Starred: Resolver._inner,
}
_ELEMENTS: dict[type, Callable[[Resolver, Any, Scope], Iterable[str]]] = {
    ast.Tuple: Resolver._of_sequence,
    ast.List: Resolver._of_sequence,
    ast.Set: Resolver._of_sequence,
    ast.Dict: Resolver._of_dict,
    ast.Call: Resolver._of_call,
    ast.Attribute: Resolver._of_attribute,
    ast.Name: Resolver._of_name,
    ast.Subscript: Resolver._of_inner,
    ast.NamedExpr: Resolver._of_inner,
    ast.Starred: Resolver._of_inner,
}
