"""Attributes that climb from a harmless object to everything that Python has loaded."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from mai.risk.aliases import INSIDE_RUNGS, STRONG_RUNGS, WEAK_RUNGS
from mai.risk.scopes import Scope

if TYPE_CHECKING:
    from mai.risk.capabilities import Collector

_WORDS = re.compile(r"\w+")


def judge_attribute(collector: Collector, node: ast.Attribute, scope: Scope) -> None:
    """Add a ladder where `node` is a strong rung, or a weak one that stands on another."""
    word = node.attr
    if word in STRONG_RUNGS:
        collector.add("reflection.ladder", f"….{word}", node, scope)
    elif word == "__self__" and "builtins" in collector.resolver.names(node, scope):
        collector.add("reflection.ladder", "builtins.….__self__", node, scope)
    elif word in WEAK_RUNGS:
        _judge_weak(collector, node, scope)


def judge_word(collector: Collector, word: str, node: ast.AST, scope: Scope) -> None:
    """Add what reaching for an attribute by its constant name says."""
    if word in STRONG_RUNGS:
        collector.add("reflection.ladder", f"….{word}", node, scope)
    elif word in INSIDE_RUNGS:
        collector.add("reflection.inside", f"….{word}", node, scope)


def climbs(path: str) -> bool:
    """Whether a path of attributes in a string, such as `0.__class__.__base__`, is a ladder."""
    if "__" not in path:
        return False
    words = set(_WORDS.findall(path))
    return bool(words & STRONG_RUNGS) or (
        len(words & WEAK_RUNGS) > 1 and bool(words & INSIDE_RUNGS)
    )


def _judge_weak(collector: Collector, node: ast.Attribute, scope: Scope) -> None:
    rungs: set[str] = {node.attr}
    root: ast.expr = node.value
    while isinstance(root, (ast.Attribute, ast.Subscript, ast.Call)):
        if isinstance(root, ast.Attribute) and root.attr in WEAK_RUNGS:
            rungs.add(root.attr)
        root = root.func if isinstance(root, ast.Call) else root.value
    if not rungs & INSIDE_RUNGS:
        return
    # `type(self).__mro__` is how a class looks at itself; `().__class__.__base__` is not.
    is_own = isinstance(root, ast.Name) and root.id in {"self", "cls", "type", "super"}
    if not isinstance(root, ast.Name) or (len(rungs) > 1 and not is_own):
        collector.add("reflection.ladder", f"….{node.attr}", node, scope)
    else:
        collector.add("reflection.inside", f"….{node.attr}", node, scope)
