"""An answer that is a part of the file: each definition is put in the place of its namesake."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from mai.agent.known.tree import (
    Definition,
    Source,
    definitions,
    is_docstring,
    is_import,
    is_stub,
    same,
    span,
    targets,
)
from mai.edits.elision import elided


class UnfitError(ValueError):
    """The code cannot be put into the file; the text says why."""


@dataclass(slots=True)
class Splices:
    """Line ranges of a file and what comes in their place, gathered first and made at once."""

    old: Source
    changes: list[tuple[int, int, list[str]]] = field(default_factory=list)

    def replace(self, first: int, last: int, lines: Sequence[str]) -> None:
        """Put `lines` in the place of lines `first` to `last`, counted from 1, both included."""
        self.changes.append((first, last, list(lines)))

    def insert(self, after: int, lines: Sequence[str]) -> None:
        """Put `lines` behind line `after`; 0 is the beginning."""
        self.changes.append((after + 1, after, list(lines)))

    def made(self) -> list[str]:
        """Return the lines of the file with every change made."""
        lines = list(self.old.lines)
        order = sorted(enumerate(self.changes), key=lambda one: (one[1][0], one[0]), reverse=True)
        for _, (first, last, new) in order:
            lines[first - 1 : last] = new
        return lines


def spliced(old: Source, code: Source, *, is_test: bool) -> list[str]:
    """Return the lines of `old` with the definitions, imports and constants of `code` in place.

    Raises:
        UnfitError: a definition fits several places, or stands for more than it says.
    """
    splices = Splices(old)
    _Merge(splices, code, is_test=is_test).merge(old.body, code.body, None)
    return splices.made()


@dataclass(slots=True)
class _Merge:
    splices: Splices
    code: Source
    is_test: bool

    def merge(
        self, old: Sequence[ast.stmt], new: Sequence[ast.stmt], owner: ast.ClassDef | None
    ) -> None:
        """Merge statement by statement; `owner` is the class whose body `old` is."""
        last: ast.stmt | None = None
        for node in new:
            if isinstance(node, Definition):
                last = self._define(node, old, owner, last) or last
            elif is_import(node) and owner is None:
                self._import(node, old)
            elif targets(node):
                self._assign(node, old, owner)

    def _define(
        self,
        node: Definition,
        old: Sequence[ast.stmt],
        owner: ast.ClassDef | None,
        last: ast.stmt | None,
    ) -> ast.stmt | None:
        """Put a definition in place, and return the definition of the file that it replaced."""
        target = _target(node, old)
        if target is None and owner is None:
            target = self._method(node, old)
        if target is None:
            if node.name.lower().startswith("test") and not self.is_test:
                return None  # a test that shows it, in a file that is none
            self._add(node, old, owner, last)
            return None
        if is_stub(node) and not is_stub(target):
            return target
        if isinstance(node, ast.ClassDef) and isinstance(target, ast.ClassDef):
            before, after = definitions(target.body), definitions(node.body)
            if before.keys() - after.keys() or elided(self._own_lines(node)):
                self.merge(target.body, node.body, target)
                return target
        if dots := elided(self._own_lines(node), self.splices.old.lines):
            raise UnfitError(f"it leaves out lines of {node.name}: {dots}")
        first, end = span(target)
        lines = self._text(node, target.col_offset)
        if target.decorator_list and not node.decorator_list:
            lines = [*self.splices.old.lines[first - 1 : target.lineno - 1], *lines]
        self.splices.replace(first, end, lines)
        return target

    def _add(
        self,
        node: Definition,
        old: Sequence[ast.stmt],
        owner: ast.ClassDef | None,
        last: ast.stmt | None,
    ) -> None:
        if dots := elided(self._own_lines(node)):
            raise UnfitError(f"it leaves out lines of {node.name}: {dots}")
        indent = old[0].col_offset if owner is not None and old else 0
        anchor = last or next((one for one in reversed(old) if isinstance(one, Definition)), None)
        anchor = anchor or (old[-1] if old else None)
        blanks = [""] if owner is not None else ["", ""]
        at = span(anchor)[1] if anchor is not None else len(self.splices.old.lines)
        self.splices.insert(at, [*blanks, *self._text(node, indent)])

    def _method(self, node: Definition, old: Sequence[ast.stmt]) -> Definition | None:
        """Return the one method, of any class of the file, that a lone function is meant for."""
        if isinstance(node, ast.ClassDef):
            return None
        owners = [one for one in old if isinstance(one, ast.ClassDef)]
        found = [one for owner in owners if (one := _target(node, owner.body)) is not None]
        if len(found) > 1:
            raise UnfitError(f"{node.name} is a method of several classes")
        is_method = bool(node.args.args) and node.args.args[0].arg in {"self", "cls"}
        return found[0] if found and (is_method or found[0].decorator_list) else None

    def _import(self, node: ast.stmt, old: Sequence[ast.stmt]) -> None:
        if any(same(node, one) for one in old):
            return
        imports = [one for one in old if is_import(one)]
        head = [one for one in old[:1] if is_docstring(one)]
        at = span((imports or head)[-1])[1] if imports or head else 0
        self.splices.insert(at, self._text(node, 0))

    def _assign(self, node: ast.stmt, old: Sequence[ast.stmt], owner: ast.ClassDef | None) -> None:
        names = targets(node)
        if found := [one for one in old if targets(one) == names]:
            if len(found) == 1 and not same(found[0], node):
                first, last = span(found[0])
                self.splices.replace(first, last, self._text(node, found[0].col_offset))
            return
        if not any(
            isinstance(one, Definition) and one.lineno > node.lineno for one in self.code.body
        ):
            return  # after the last definition it only shows how that is used
        before = [one for one in old if is_import(one) or targets(one) or is_docstring(one)]
        indent = old[0].col_offset if owner is not None and old else 0
        at = span(before[-1])[1] if before else 0
        self.splices.insert(at, self._text(node, indent))

    def _own_lines(self, node: ast.stmt) -> list[str]:
        first, last = span(node)
        return list(self.code.lines[first - 1 : last])

    def _text(self, node: ast.stmt, indent: int) -> list[str]:
        """Return the lines of `node` moved to `indent`; strings that are no docstring stay."""
        first, last = span(node)
        fixed = {
            line
            for one in ast.walk(node)
            if isinstance(one, ast.Constant | ast.JoinedStr) and not _is_docstring_of(one, node)
            for line in range(one.lineno + 1, (one.end_lineno or one.lineno) + 1)
        }
        moved = []
        for number in range(first, last + 1):
            line = self.code.lines[number - 1]
            if number not in fixed and line.strip():
                line = " " * indent + line[min(node.col_offset, len(line) - len(line.lstrip())) :]
            moved.append(line)
        return moved


def _target(node: Definition, old: Sequence[ast.stmt]) -> Definition | None:
    """Return the definition in `old` of the same name; several are distinguished by decorators."""
    found = [one for one in old if isinstance(one, Definition) and one.name == node.name]
    if len(found) > 1:
        alike = [one for one in found if _decorators(one) == _decorators(node)]
        if len(alike) != 1:
            raise UnfitError(f"{node.name} is defined {len(found)} times in the file")
        return alike[0]
    return found[0] if found else None


def _decorators(node: Definition) -> list[str]:
    return [ast.dump(one) for one in node.decorator_list]


def _is_docstring_of(constant: ast.AST, inside: ast.stmt) -> bool:
    return any(
        isinstance(one, Definition)
        and is_docstring(one.body[0])
        and getattr(one.body[0], "value", None) is constant
        for one in ast.walk(inside)
    )
