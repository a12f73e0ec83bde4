"""A definition as a model wrote it, fitted to its place: comments, blank lines, indentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

Definition = cst.FunctionDef | cst.ClassDef
Body = cst.Module | cst.IndentedBlock

_BLANK = cst.EmptyLine(indent=False)


class Gap(cst.SimpleStatementLine):
    """Stands where a definition was deleted until its block is done."""


def definitions(source: str, newline: str, indent: str) -> list[Definition]:
    """Return the functions and classes in `source`, to stand where lines are indented by `indent`.

    The source may be indented as a whole or not.

    Raises:
        ValueError: there is something else in it.
        libcst.ParserSyntaxError: it is not Python.
    """
    lines = source.strip("\n").split("\n")
    has_indent = lines[0][:1].isspace()
    # Inside a class an indented method parses as it stands, so that no string in it moves.
    head = ["class _:"] if has_indent else []
    module = cst.parse_module(newline.join([*head, *lines]) + newline)
    block: cst.Module | cst.IndentedBlock = module
    header = list(module.header)
    if has_indent:
        if len(module.body) != 1:
            raise ValueError("its lines are not indented alike.")
        first = module.body[0]
        if not isinstance(first, cst.ClassDef) or not isinstance(first.body, cst.IndentedBlock):
            raise ValueError("it holds no definition.")
        block = first.body
    if any(line.comment for line in (*block.footer, *module.footer)):
        raise ValueError("there is a comment after the definition.")
    found: list[Definition] = []
    for statement in block.body:
        if not isinstance(statement, cst.FunctionDef | cst.ClassDef):
            raise ValueError("it holds something besides definitions.")  # noqa: TRY004 - of the text
        lead = [*header, *statement.leading_lines]
        header = []
        placed = statement if has_indent or not indent else _indented(statement, indent)
        found.append(placed.with_changes(leading_lines=_comments_above(lead)))
    if not found:
        raise ValueError("it holds no definition.")
    return found


def in_place(old: Definition, new: Definition) -> Definition:
    """Return `new` with the blank lines, and unless it brings its own the comments, above `old`."""
    lead = list(old.leading_lines)
    if new.leading_lines:
        lead = [*_before_comments(lead), *new.leading_lines]
    return new.with_changes(leading_lines=lead)


def after(new: Sequence[Definition], indent: str) -> list[Definition]:
    """Return definitions to put behind another one, with the blank lines of PEP 8."""
    blanks = [_BLANK] if indent else [_BLANK, _BLANK]
    return [one.with_changes(leading_lines=[*blanks, *one.leading_lines]) for one in new]


def gap(old: Definition) -> Gap:
    """Return a mark for a deleted definition, with the comments that were not about it."""
    kept = _before_comments(old.leading_lines)
    while kept and not kept[-1].comment:
        kept.pop()
    return Gap([cst.Pass()], leading_lines=kept)


def without_gaps(block: Body) -> Body:
    """Return a body without such marks; their comments go to the statement after."""
    statements: list[Any] = list(block.body)
    if not any(isinstance(statement, Gap) for statement in statements):
        return block
    body: list[Any] = []
    kept: list[cst.EmptyLine] = []
    for statement in statements:
        if isinstance(statement, Gap):
            kept += statement.leading_lines
        else:
            lead = [*kept, *statement.leading_lines]
            body.append(statement.with_changes(leading_lines=lead))
            kept = []
    return block.with_changes(body=body, footer=[*kept, *block.footer])


def _before_comments(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Return the lines above the comments that stand directly over a definition."""
    end = len(lines)
    while end and lines[end - 1].comment:
        end -= 1
    return list(lines[:end])


def _comments_above(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Return the lines of a snippet from its first comment on."""
    first = next((at for at, line in enumerate(lines) if line.comment), len(lines))
    return list(lines[first:])


def _indented(node: Definition, indent: str) -> Definition:
    """Return `node` with its docstrings moved in by `indent`; libcst moves all but strings."""
    moved = node.visit(_Docstrings(indent))
    return moved if isinstance(moved, cst.FunctionDef | cst.ClassDef) else node


class _Docstrings(cst.CSTTransformer):
    """Indents the lines of every string that is the first statement of a block."""

    def __init__(self, indent: str) -> None:
        super().__init__()
        self._indent = indent

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> Any:
        del original_node
        if not isinstance(updated_node, cst.IndentedBlock) or not updated_node.body:
            return updated_node
        first = updated_node.body[0]
        if not isinstance(first, cst.SimpleStatementLine) or not isinstance(
            first.body[0], cst.Expr
        ):
            return updated_node
        text = first.body[0].value
        if not isinstance(text, cst.SimpleString) or "\n" not in text.value:
            return updated_node
        head, *rest = text.value.split("\n")
        moved = [self._indent + line if line.strip() else line for line in rest]
        return updated_node.with_deep_changes(text, value="\n".join([head, *moved]))
