"""Puts a function, method or class in another one's place, inside the worker, with libcst.

Everything outside the named definitions comes out byte for byte as it went in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from mai.edits.snippet import Definition, after, definitions, gap, in_place, without_gaps
from mai.edits.syntax import problem_of
from mai.source_encoding import declared_encoding

_INSIDE_FUNCTION = "<locals>"
# What a definition may stand in without its name saying so.
_TRANSPARENT = (
    cst.BaseCompoundStatement,
    cst.BaseSuite,
    cst.Else,
    cst.Finally,
    cst.ExceptHandler,
    cst.ExceptStarHandler,
    cst.MatchCase,
)
_BARE_CARRIAGE_RETURN = re.compile(r"\r(?!\n)")


class RefusedError(Exception):
    """The edit cannot be made. The text is the sentence for whoever asked for it."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A definition and what its lines are indented by."""

    node: Definition
    indent: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do with one definition. `new` is what comes in its place, or after it."""

    action: str
    new: list[Definition]
    indent: str


def rewritten(data: bytes, edits: Sequence[dict[str, Any]]) -> tuple[bytes, str]:
    """Return the module after `edits`, and an empty string; or nothing and why it was refused."""
    problem = problem_of(data, is_whole=True)
    if problem is not None:
        return b"", f"it does not parse, line {problem['line']}: {problem['message']}."
    encoding = declared_encoding(data) or "utf-8"
    text = data.decode(encoding)
    if "\f" in text or _BARE_CARRIAGE_RETURN.search(text):
        return b"", "it has form feeds or bare carriage returns, which would be lost."
    try:
        made = _edited(cst.parse_module(text), edits)
        encoded = made.encode(encoding)
    except RefusedError as error:
        return b"", str(error)
    except UnicodeEncodeError:
        return b"", f"the new source has characters that its encoding {encoding} does not."
    problem = problem_of(encoded, is_whole=True)
    if problem is not None:
        return b"", f"it would not parse any more, line {problem['line']}: {problem['message']}."
    return encoded, ""


def _edited(module: cst.Module, edits: Sequence[dict[str, Any]]) -> str:
    found: dict[tuple[str, ...], list[_Found]] = {}
    for name, one in _definitions_in(module, (), "", module.default_indent):
        found.setdefault(name, []).append(one)
    plans: dict[int, _Plan] = {}
    for edit in edits:
        target, plan = _plan(module, found, edit)
        if id(target) in plans:
            raise RefusedError(f"{target.name.value} is edited twice.")
        plans[id(target)] = plan
    editor = _Editor(plans)
    made = module.visit(editor)
    if plans:
        raise RefusedError("one edited symbol lies inside another one.")
    return made.code


def _definitions_in(
    node: cst.CSTNode, prefix: tuple[str, ...], indent: str, default_indent: str
) -> Iterator[tuple[tuple[str, ...], _Found]]:
    """Yield every definition by its dotted name; `if`, `try` and `with` add nothing to a name."""
    if isinstance(node, cst.IndentedBlock):
        indent += default_indent if node.indent is None else node.indent
    for child in node.children:
        if isinstance(child, cst.FunctionDef | cst.ClassDef):
            name = (*prefix, child.name.value)
            yield name, _Found(child, indent)
            yield from _definitions_in(child.body, name, indent, default_indent)
        elif isinstance(child, _TRANSPARENT):
            yield from _definitions_in(child, prefix, indent, default_indent)


def _plan(
    module: cst.Module, found: dict[tuple[str, ...], list[_Found]], edit: dict[str, Any]
) -> tuple[Definition, _Plan]:
    names = [tuple(part for part in name if part != _INSIDE_FUNCTION) for name in edit["names"]]
    known = [name for name in names if name in found]
    shown = ".".join(names[-1])
    if not known:
        raise RefusedError(f"there is no {shown} in it.{_similar(names, found)}")
    if len(known) > 1:
        raise RefusedError(f"{shown} names several symbols in it.")
    action = str(edit["action"])
    targets = found[known[0]]
    new: list[Definition] = []
    if action != "delete":
        try:
            new = definitions(str(edit["source"]), module.default_newline, targets[0].indent)
        except (cst.ParserSyntaxError, ValueError) as error:
            text = error.message if isinstance(error, cst.ParserSyntaxError) else str(error)
            raise RefusedError(f"the new source of {shown} cannot be read: {text}") from error
    if action == "replace":
        if len(new) != 1:
            raise RefusedError(f"{shown} can be replaced by one definition, not {len(new)}.")
        if new[0].name.value != known[0][-1]:
            raise RefusedError(f"the new source defines {new[0].name.value}, not {shown}.")
    target = _one_of(module, targets, new, shown)
    return target.node, _Plan(action, new, target.indent)


def _similar(names: Sequence[tuple[str, ...]], found: dict[tuple[str, ...], list[_Found]]) -> str:
    last = {name[-1] for name in names}
    near = sorted(".".join(name) for name in found if name[-1] in last)[:5]
    return f" There is {', '.join(near)}." if near else ""


def _one_of(
    module: cst.Module, targets: list[_Found], new: Sequence[Definition], shown: str
) -> _Found:
    """Return the one definition meant; several of a name are told apart by their decorators."""
    if len(targets) > 1 and len(new) == 1:
        wanted = _decorators(new[0])
        alike = [target for target in targets if _decorators(target.node) == wanted]
        targets = alike if len(alike) == 1 else targets
    if len(targets) > 1:
        positions = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
        lines = ", ".join(str(positions[target.node].start.line) for target in targets)
        raise RefusedError(f"{shown} is defined several times, on lines {lines}.")
    return targets[0]


def _decorators(node: Definition) -> list[str]:
    empty = cst.Module([])
    return [empty.code_for_node(one.decorator) for one in node.decorators]


class _Editor(cst.CSTTransformer):
    """Carries the plans out, and takes each off the list when it is done."""

    def __init__(self, plans: dict[int, _Plan]) -> None:
        super().__init__()
        self._plans = plans

    def on_visit(self, node: cst.CSTNode) -> bool:
        plan = self._plans.get(id(node))
        return plan is None or plan.action == "insert-after"

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> Any:
        plan = self._plans.pop(id(original_node), None)
        if isinstance(updated_node, cst.Module | cst.IndentedBlock):
            return without_gaps(updated_node)
        if plan is None or not isinstance(updated_node, cst.FunctionDef | cst.ClassDef):
            return updated_node
        if plan.action == "delete":
            return gap(updated_node)
        if plan.action == "replace":
            return in_place(updated_node, plan.new[0])
        return cst.FlattenSentinel([updated_node, *after(plan.new, plan.indent)])
