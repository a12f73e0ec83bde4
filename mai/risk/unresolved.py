"""Judges calls by the method's own name, and functions that are handed to another to be called."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from mai.risk import special
from mai.risk.calls import first
from mai.risk.methods import BOUND_METHODS, METHODS, URL_READERS
from mai.risk.scopes import Scope

if TYPE_CHECKING:
    from mai.risk.capabilities import Collector

_URLS = ("http://", "https://", "ftp://", "s3://", "gs://")
_WRITING = frozenset("wax+")
_READERS = frozenset({"read_text", "read_bytes", "iterdir", "glob", "rglob"})
_MOVERS = frozenset({"rename", "replace"})


def judge_method(
    collector: Collector,
    node: ast.Attribute,
    names: tuple[str, ...],
    scope: Scope,
    call: ast.Call | None,
) -> None:
    """Judge a method of something unknown by the method's own name."""
    word = node.attr
    if call is not None and word == "open":
        special.judge_path_open(collector, node, scope, call)
        return
    if call is not None and word in URL_READERS:
        target = collector.target_of(call, scope)
        if target.startswith(_URLS):
            collector.add("net.http", f"….{word}", call, scope, target, call.args)
    if call is not None and word in _READERS:
        collector.judge_target(path_of(collector, node.value, scope), call, scope)
    rule = METHODS.get(word)
    if call is None and word not in BOUND_METHODS:
        rule = None
    elif call is not None and word in _MOVERS and _moves_a_path(call):
        rule = "fs-write.move"
    if rule is None or _is_elsewhere(names) or _is_own_method(collector, node):
        return
    given = (*call.args, *call.keywords) if call else ()
    target = collector.target_of(call, scope)
    collector.add(rule, f"….{word}", call or node, scope, target, (node.value, *given))
    collector.judge_target(path_of(collector, node.value, scope) or target, call or node, scope)


def _moves_a_path(call: ast.Call) -> bool:
    """Whether `x.replace(y)` is a path's: a string's takes two, a date's and a table's keywords."""
    return len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Starred)


def _is_elsewhere(names: tuple[str, ...]) -> bool:
    return bool(names) and not any(
        "()" in name or ".__spec__." in name or name.startswith("@") for name in names
    )


def _is_own_method(collector: Collector, node: ast.Attribute) -> bool:
    is_self = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
    return is_self and any(
        body.kind == "class" and node.attr in body.bindings
        for body in collector.survey.bodies.values()
    )


def path_of(collector: Collector, node: ast.expr, scope: Scope) -> str:
    """Return the constant path in `Path("x")`, directly or through one name."""
    whole = collector.resolver.text(node, scope)
    if whole is not None:
        return whole
    if isinstance(node, ast.Name):
        bound = scope.find(node.id)
        if bound and bound[0][0] == "value":
            node = bound[0][1]
    if isinstance(node, ast.Call):
        return collector.resolver.text(first(node), scope) or ""
    return ""


def judge_arguments(
    collector: Collector, names: tuple[str, ...], call: ast.Call, scope: Scope
) -> None:
    """Judge what a call says by what it is given, whatever it calls."""
    if "numpy.load" in names:
        for allows in call.args[2:3]:
            if collector.resolver.constant(allows, scope) is not False:
                collector.add("deserialise.pickle", "allow_pickle", call, scope)
    elif "argparse.FileType" in names and _WRITING & set(collector.target_of(call, scope)):
        collector.add("fs-write.write", "argparse.FileType", call, scope, "", call.args)
    for index, argument in enumerate(call.args):
        if isinstance(argument, ast.Name) and argument.id == "open":
            _judge_handed_open(collector, argument, index, call, scope)


def _judge_handed_open(
    collector: Collector, function: ast.Name, index: int, call: ast.Call, scope: Scope
) -> None:
    """Judge `partial(open, mode="w")` and `map(open, paths, modes)` as the calls they make."""
    if "builtins.open" not in collector.resolver.names(function, scope):
        return
    word = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if word == "starmap":
        collector.add("fs-write.write", "open", call, scope, "", call.args)
        return
    made = ast.Call(func=function, args=call.args[index + 1 :], keywords=call.keywords)
    collector.judge("builtins.open", function, scope, ast.copy_location(made, call))
