"""A source file with the byte span of every node, so that an edit changes nothing else."""

from __future__ import annotations

import ast
import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, ParentNodeProvider

from mai.repair.scopes import Owners, Scope, function_scope, module_scope

#: In these places an expression of any precedence may stand without parentheses.
_SHORT_TEXT = 40
_ATOMS = (
    *(ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.List, ast.Dict, ast.Set),
    *(ast.JoinedStr, ast.ListComp, ast.SetComp, ast.DictComp),
)
_ROOMY = (
    *(cst.Arg, cst.Assign, cst.AugAssign, cst.AnnAssign, cst.Return, cst.Element, cst.Index),
    *(cst.If, cst.While, cst.For, cst.Expr, cst.CompFor, cst.CompIf, cst.DictElement, cst.Slice),
    *(cst.Assert, cst.Yield, cst.Lambda, cst.FormattedStringExpression, cst.Param),
    *(cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp, cst.StarredElement),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One edit as an operator makes it; some need a `second` place in the same file.

    `beside` is the first byte of the statement that an insertion is as suspicious as.
    """

    start: int
    end: int
    text: str
    operator: str
    prior: float
    what: str
    second: tuple[int, int, str] | None = None
    beside: int | None = None


@dataclass(frozen=True, slots=True)
class Hints:
    """What the failing tests say: the types of errors raised, and attributes known elsewhere."""

    errors: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


@dataclass(slots=True)
class Source:
    """A parsed file."""

    path: str
    data: bytes
    module: cst.Module
    spans: dict[cst.CSTNode, tuple[int, int]]
    parents: dict[cst.CSTNode, cst.CSTNode]
    scope: Scope
    hints: Hints = field(default_factory=Hints)
    _lines: list[int] = field(default_factory=list)
    _functions: dict[cst.CSTNode, cst.FunctionDef | None] = field(default_factory=dict)
    _members: dict[tuple[cst.FunctionDef | None, type], list[cst.CSTNode]] | None = None
    _owners: Owners = field(default_factory=Owners)
    _texts: tuple[str, ...] | None = None
    _scopes: dict[cst.CSTNode, Scope] = field(default_factory=dict)

    @classmethod
    def parse(cls, path: str, data: bytes, hints: Hints | None = None) -> Source:
        """Return the file parsed.

        Raises:
            libcst.ParserSyntaxError, UnicodeDecodeError: it is no Python, or not UTF-8.
        """
        data.decode("utf-8")
        wrapper = MetadataWrapper(cst.parse_module(data), unsafe_skip_copy=True)
        positions = wrapper.resolve(ByteSpanPositionProvider)
        spans = {node: (one.start, one.start + one.length) for node, one in positions.items()}
        parents = cast("dict[cst.CSTNode, cst.CSTNode]", dict(wrapper.resolve(ParentNodeProvider)))
        source = cls(
            path,
            data,
            wrapper.module,
            spans,
            parents,
            module_scope(wrapper.module),
            hints or Hints(),
        )
        source._lines = [0]
        for line in data.split(b"\n"):
            source._lines.append(source._lines[-1] + len(line) + 1)
        return source

    # --- reading

    def text(self, node: cst.CSTNode) -> str:
        """Return a node as it is written, without its parentheses."""
        start, end = self.spans[node]
        return self.data[start:end].decode()

    def whole(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return the span of an expression with its parentheses."""
        start, end = self.spans[node]
        for _ in getattr(node, "lpar", ()):
            start = self.data.rindex(b"(", 0, start)
            end = self.data.index(b")", end) + 1
        return start, end

    def whole_text(self, node: cst.CSTNode) -> str:
        """Return an expression as it is written, with its parentheses."""
        start, end = self.whole(node)
        return self.data[start:end].decode()

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return what a node is part of."""
        return self.parents.get(node)

    def above(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield what a node is part of, from the inside."""
        found = self.parents.get(node)
        while found is not None:
            yield found
            found = self.parents.get(found)

    def line_at(self, offset: int) -> int:
        """Return the line of a byte."""
        return bisect.bisect_right(self._lines, offset)

    def line_start(self, line: int) -> int:
        """Return the first byte of a line, the end of the file where there is none."""
        return (
            min(self._lines[line - 1], len(self.data))
            if line <= len(self._lines)
            else len(self.data)
        )

    def function_of(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """Return the function that a node is in."""
        if node not in self._functions:
            parent = self.parents.get(node)
            own = parent if isinstance(parent, cst.FunctionDef) else None
            found = own or (self.function_of(parent) if parent is not None else None)
            self._functions[node] = found
        return self._functions[node]

    def within(
        self, function: cst.FunctionDef | None, *kinds: type[cst.CSTNode]
    ) -> list[cst.CSTNode]:
        """Return the nodes of some kinds in a function, in their order."""
        if self._members is None:
            self._members = {}
            for node in self.spans:
                key = (self.function_of(node), type(node))
                self._members.setdefault(key, []).append(node)
        found = [one for kind in kinds for one in self._members.get((function, kind), ())]
        return sorted(found, key=lambda one: self.spans[one])

    def scope_of(self, node: cst.CSTNode) -> Scope:
        """Return the names that can be used where a node is."""
        function = self.function_of(node)
        if function is None:
            return self.scope
        if function not in self._scopes:
            owner = next(
                (one for one in self.above(function) if isinstance(one, cst.ClassDef)), None
            )
            outer = self.scope_of(function)
            self._scopes[function] = function_scope(function, owner, outer, self._owners)
        return self._scopes[function]

    def texts(self) -> tuple[str, ...]:
        """Return the short texts that are written in the file."""
        if self._texts is None:
            values = [
                one.evaluated_value for one in self.spans if isinstance(one, cst.SimpleString)
            ]
            short = [one for one in values if isinstance(one, str) and 0 < len(one) <= _SHORT_TEXT]
            self._texts = tuple(dict.fromkeys(short))
        return self._texts

    # --- writing

    def put(
        self, node: cst.CSTNode, text: str, operator: str, prior: float, what: str = ""
    ) -> Change:
        """Return the change that writes `text` in place of an expression.

        `text` is put into parentheses where what is around it could take it apart.
        """
        start, end = self.whole(node)
        if not _is_atom(text) and ("\n" in text or not self.is_roomy(node)):
            text = f"({text})"
        return Change(start, end, text, operator, prior, what or f"{self.text(node)} → {text}")

    def is_value(self, node: cst.CSTNode) -> bool:  # noqa: PLR0911 - one answer for each kind
        """Whether an expression is read here: not a target, a keyword or a definition's name."""
        parent = self.parents.get(node)
        match parent:
            case cst.Arg() | cst.AugAssign() | cst.AnnAssign() | cst.StarredElement():
                own = parent.value is node
            case cst.For() | cst.CompFor():
                return parent.iter is node
            case cst.Element():
                own, top = True, self.parents.get(parent)
                while isinstance(top, (cst.Tuple, cst.List, cst.Element, cst.StarredElement)):
                    place, top = top, self.parents.get(top)
                    if isinstance(top, (cst.For, cst.CompFor)) and top.target is place:
                        return False
                    if isinstance(top, (cst.AssignTarget, cst.Del, cst.AsName)):
                        return False
            case cst.Param():
                return parent.default is node
            case cst.Attribute():
                own = parent.value is node
            case (
                cst.AssignTarget()
                | cst.Del()
                | cst.AsName()
                | cst.Annotation()
                | cst.Decorator()
                | cst.FunctionDef()
                | cst.ClassDef()
                | cst.ImportAlias()
                | cst.NamedExpr()
                | cst.FormattedStringExpression()
                | cst.NameItem()
                | cst.ImportFrom()
            ):
                return isinstance(parent, cst.FormattedStringExpression)
            case _:
                return True
        return own

    def is_roomy(self, node: cst.CSTNode) -> bool:
        """Whether any expression may stand in the place of `node` without parentheses."""
        parent = self.parents.get(node)
        if isinstance(parent, cst.For):
            return parent.iter is node
        return isinstance(parent, _ROOMY)


@lru_cache(maxsize=4096)
def _is_atom(text: str) -> bool:
    """Whether an expression holds together without parentheses around it."""
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return False
    if isinstance(node, _ATOMS):
        return True
    is_framed = node.col_offset == 1 and node.end_col_offset == len(text.encode()) - 1
    return text.startswith("(") and (is_framed or isinstance(node, (ast.Tuple, ast.GeneratorExp)))
