"""What calls give: `getattr`, `__import__`, `partial` and others that only pass names along."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from mai.risk.aliases import POWERFUL, canonical
from mai.risk.scopes import Scope
from mai.risk.sinks import IMPLIED

if TYPE_CHECKING:
    from mai.risk.names import Resolver

_GETTERS = frozenset({"get", "__getitem__", "pop", "setdefault"})
_FUNCTION_KINDS = ast.FunctionDef | ast.AsyncFunctionDef
_SETUPS = frozenset({"setuptools.setup", "distutils.core.setup"})
# What `setup(…)` is given and only shows.
DESCRIBING = frozenset(
    {
        *("version", "description", "long_description", "long_description_content_type", "author"),
        *("author_email", "maintainer", "maintainer_email", "license", "url", "keywords"),
        *("classifiers", "platforms", "python_requires", "project_urls"),
    }
)
# How the caller of a program is connected to it and reads what it says.
_HEARING = frozenset(
    {
        *("bufsize", "capture_output", "check", "close_fds", "encoding", "errors", "stderr"),
        *("stdin", "stdout", "text", "timeout", "universal_newlines"),
    }
)
_THIRD = 2  # the position of `getattr`'s default
_FROMLIST = 3  # the position of `__import__`'s list


def result_of(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterator[str]:
    """Yield the dotted names that the result of a call may stand for."""
    for function in resolver.names(node.func, scope):
        special = _SPECIAL.get(function)
        if special is not None:
            yield from special(resolver, node, scope)
        elif function.startswith("@"):
            yield from resolver.returned(function, scope)
        else:
            yield function if function.endswith("()()") else f"{function}()"
    if isinstance(node.func, ast.Attribute):
        yield from _method(resolver, node.func, node, scope)
    elif isinstance(node.func, ast.Lambda):
        yield from resolver.names(node.func.body, resolver.survey.bodies.get(node.func, scope))
    elif isinstance(node.func, ast.Call):
        yield from _made(resolver, node.func, node, scope)


def argument_of(call: ast.Call, position: int | str, function: _FUNCTION_KINDS) -> ast.expr | None:
    """Return what `call` passes for a parameter of `function`, given by position or name."""
    if isinstance(position, int):
        positional = [*function.args.posonlyargs, *function.args.args]
        name = positional[position].arg
        # A method's own instance is not among the arguments of its call.
        index = position - (1 if positional[0].arg in {"self", "cls"} else 0)
        if 0 <= index < len(call.args):
            return call.args[index]
    else:
        name = position
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def first(call: ast.Call, *names: str) -> ast.expr | None:
    """Return the first argument of `call`, or its keyword of one of `names`."""
    if call.args:
        return call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg in names), None)


def telling(name: str, rule: str, call: ast.Call) -> tuple[ast.expr | ast.keyword, ...]:
    """Return the arguments of a sink that decide what it does, not how its caller hears of it."""
    if name in _SETUPS:
        keywords = [word for word in call.keywords if word.arg not in DESCRIBING]
    elif rule.startswith("process.s"):
        keywords = [word for word in call.keywords if not _is_about_hearing(word)]
    else:
        keywords = call.keywords
    return (*call.args, *keywords)


def _is_about_hearing(keyword: ast.keyword) -> bool:
    value = keyword.value
    word = getattr(value, "attr", getattr(value, "id", ""))
    is_plain = isinstance(value, ast.Constant) or word in {"PIPE", "STDOUT", "DEVNULL"}
    return keyword.arg in _HEARING and is_plain


def implied(node: ast.expr, scope: Scope) -> tuple[str, ...]:
    """Return the module that a bare name nothing binds is taken for."""
    if isinstance(node, ast.Name) and node.id in IMPLIED and scope.find(node.id) is None:
        return (canonical(node.id),)
    return ()


def _method(
    resolver: Resolver, function: ast.Attribute, node: ast.Call, scope: Scope
) -> Iterable[str]:
    if not node.args:
        return ()
    if function.attr in {"__getattribute__", "__getattr__"}:
        key = resolver.text(node.args[-1], scope)
        owner = node.args[0] if len(node.args) > 1 else function.value
        if key is None:
            return ()
        return [resolver.attribute(base, key) for base in resolver.names(owner, scope)]
    if function.attr in _GETTERS:
        key = resolver.text(node.args[0], scope)
        bases = resolver.names(function.value, scope)
        found = [name for base in bases for name in resolver.item(base, key, scope)]
        return found or resolver.elements(function.value, scope)
    return ()


def _made(resolver: Resolver, maker: ast.Call, node: ast.Call, scope: Scope) -> Iterator[str]:
    """Resolve `attrgetter("a")(x)`, `methodcaller("a")(x)` and `itemgetter("a")(x)`."""
    makers = resolver.names(maker.func, scope)
    key = resolver.text(maker.args[0], scope) if maker.args else None
    if key is None or not node.args:
        return
    for owner in resolver.names(node.args[0], scope):
        if "operator.itemgetter" in makers:
            yield from resolver.item(owner, key, scope)
        elif "operator.attrgetter" in makers or "operator.methodcaller" in makers:
            yield _dotted(resolver, owner, key)


def _dotted(resolver: Resolver, owner: str, key: str) -> str:
    for part in key.split("."):
        owner = resolver.attribute(owner, part)
    return owner


def _getattr(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterator[str]:
    key = resolver.text(node.args[1], scope) if len(node.args) > 1 else None
    if key is None:
        return
    owners = resolver.names(node.args[0], scope)
    for owner in owners:
        yield _dotted(resolver, owner, key)
    if not owners and key in POWERFUL:
        yield resolver.attribute("", key)
    if len(node.args) > _THIRD:
        yield from resolver.names(node.args[_THIRD], scope)


def _import(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterator[str]:
    name = resolver.text(first(node, "name"), scope)
    if name is not None:
        has_list = len(node.args) > _FROMLIST or any(
            keyword.arg == "fromlist" for keyword in node.keywords
        )
        yield _imported(resolver, name if has_list else name.partition(".")[0])


def _import_module(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterator[str]:
    name = resolver.text(first(node, "name"), scope)
    if name is not None:
        yield _imported(resolver, name.replace(":", "."))


def _imported(resolver: Resolver, name: str) -> str:
    owner, _, word = name.rpartition(".")
    return (
        resolver.attribute(owner, word)
        if owner
        else resolver.item("sys.modules", name, resolver.survey.module)[0]
    )


def _vars(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterator[str]:
    if not node.args:
        yield "builtins.locals()"
    for name in _first_argument(resolver, node, scope):
        yield f"{name}.__dict__"


def _first_argument(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterable[str]:
    return resolver.names(node.args[0], scope) if node.args else ()


def _second_argument(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterable[str]:
    return resolver.names(node.args[1], scope) if len(node.args) > 1 else ()


def _first_element(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterable[str]:
    return resolver.elements(node.args[0], scope) if node.args else ()


def _getitem(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterable[str]:
    key = resolver.text(node.args[1], scope) if len(node.args) > 1 else None
    bases = _first_argument(resolver, node, scope)
    found = [name for base in bases for name in resolver.item(base, key, scope)]
    return found or _first_element(resolver, node, scope)


def _applied(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterator[str]:
    for name in _first_argument(resolver, node, scope):
        yield f"{name}()"


def _nothing(resolver: Resolver, node: ast.Call, scope: Scope) -> Iterable[str]:  # noqa: ARG001 - one shape for all
    return ()


_SPECIAL: dict[str, Callable[[Resolver, ast.Call, Scope], Iterable[str]]] = {
    "builtins.getattr": _getattr,
    "builtins.__import__": _import,
    "importlib.import_module": _import_module,
    "builtins.vars": _vars,
    "functools.partial": _first_argument,
    "functools.partialmethod": _first_argument,
    "functools.wraps": _nothing,
    "importlib.reload": _first_argument,
    "builtins.next": _first_element,
    "builtins.iter": _first_argument,
    "builtins.map": _applied,
    "builtins.dict": _first_argument,
    "copy.copy": _first_argument,
    "copy.deepcopy": _first_argument,
    "typing.cast": _second_argument,
    "operator.getitem": _getitem,
    "operator.call": _applied,
}
