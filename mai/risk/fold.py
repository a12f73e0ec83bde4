"""Works out what a constant expression is worth, without running any of it.

Only operations on constants whose result is certain and small: joining, formatting, slicing,
`chr`, hex and base64. What is not one of those has no value here.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from mai.risk.decoding import (
    BUILTINS,
    DECODERS,
    METHODS,
    PATHS,
    NoValueError,
    joined_path,
    makes_path,
)

MAXIMUM_LENGTH = 20_000
_MAXIMUM_DEPTH = 40
_MAXIMUM_REPEATS = 1000
# A chain of `b = a + a` doubles the work at every step; what takes longer has no value here.
_MAXIMUM_STEPS = 3000

Lookup = Callable[[ast.Name], ast.expr | None]


class Folder:
    """Folds constants. `lookup` returns what a name was assigned, where that is one expression."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._depth = 0
        self._steps = 0
        self._local: dict[str, Any] = {}
        self.has_decoded = False

    def fold(self, node: ast.AST | None) -> Any:
        """Return the constant that `node` is worth, or None.

        Strings, bytes, integers and lists of them; `has_decoded` tells whether any of it was
        written in an encoding that a reader does not see through.
        """
        if node is None:
            return None
        self._steps = 0
        try:
            return self._value(node)
        except (
            NoValueError,
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            OverflowError,
            LookupError,
        ):
            return None

    def edges(self, node: ast.expr) -> tuple[str, str]:
        """Return the constant beginning and end of a string that is only partly constant."""
        if isinstance(node, ast.JoinedStr) and node.values:
            first, last = self.fold(node.values[0]), self.fold(node.values[-1])
            return (first if isinstance(first, str) else "", last if isinstance(last, str) else "")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.fold(node.left), self.fold(node.right)
            return (
                left if isinstance(left, str) else self.edges(node.left)[0],
                right if isinstance(right, str) else self.edges(node.right)[1],
            )
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            pattern = self.fold(node.left)
            if isinstance(pattern, str) and "%" in pattern:
                return pattern.split("%", 1)[0], pattern.rsplit("%", 1)[1][1:]
        return "", ""

    def _value(self, node: ast.AST) -> Any:
        if node.__class__ is ast.Constant:
            return node.value
        handler = self._handlers.get(node.__class__)
        self._steps += 1
        if handler is None or self._depth > _MAXIMUM_DEPTH or self._steps > _MAXIMUM_STEPS:
            raise NoValueError
        self._depth += 1
        try:
            value = handler(self, node)
        finally:
            self._depth -= 1
        if isinstance(value, (str, bytes, list)) and len(value) > MAXIMUM_LENGTH:
            raise NoValueError
        return value

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._local:
            return self._local[node.id]
        target = self._lookup(node)
        if target is None:
            raise NoValueError
        return self._value(target)

    def _binary(self, node: ast.BinOp) -> Any:
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
            return posixpath.join(left, right)  # only paths can be divided by text
        if isinstance(node.op, ast.Mod) and isinstance(left, str):
            values = right if isinstance(right, (list, tuple)) else (right,)
            if any(piece in left for piece in ("*", "%9", "%8", "%7")):  # widths could be huge
                raise NoValueError
            return left % tuple(values)
        if isinstance(left, int) and isinstance(right, int):
            return self._arithmetic(node.op, left, right)
        if (
            isinstance(node.op, ast.Mult)
            and isinstance(right, int)
            and 0 <= right < _MAXIMUM_REPEATS
        ):
            return left * right
        raise NoValueError

    @staticmethod
    def _arithmetic(operator: ast.operator, left: int, right: int) -> int:
        if max(abs(left), abs(right)) > 2**64:
            raise NoValueError
        if isinstance(operator, ast.Sub):
            return left - right
        if isinstance(operator, ast.Mult):
            return left * right
        if isinstance(operator, ast.BitXor):
            return left ^ right
        if isinstance(operator, ast.FloorDiv) and right:
            return left // right
        if isinstance(operator, ast.BitOr):
            return left | right
        raise NoValueError

    def _unary(self, node: ast.UnaryOp) -> Any:
        value = self._value(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, int):
            return -value
        raise NoValueError

    def _joined(self, node: ast.JoinedStr) -> str:
        return "".join(str(self._value(piece)) for piece in node.values)

    def _formatted(self, node: ast.FormattedValue) -> str:
        if node.format_spec is not None:
            raise NoValueError
        value = self._value(node.value)
        return {97: ascii, 114: repr}.get(node.conversion, str)(value)

    def _sequence(self, node: ast.List | ast.Tuple) -> list[Any]:
        return [self._value(element) for element in node.elts]

    def _subscript(self, node: ast.Subscript) -> Any:
        value = self._value(node.value)
        if isinstance(node.slice, ast.Slice):
            bounds = (node.slice.lower, node.slice.upper, node.slice.step)
            return value[slice(*(None if b is None else self._value(b) for b in bounds))]
        return value[self._value(node.slice)]

    def _named(self, node: ast.NamedExpr) -> Any:
        return self._value(node.value)

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp) -> list[Any]:
        if len(node.generators) != 1 or node.generators[0].ifs:
            raise NoValueError
        generator = node.generators[0]
        if not isinstance(generator.target, ast.Name):
            raise NoValueError
        name, found = generator.target.id, []
        source = self._value(generator.iter)
        saved = self._local
        try:
            for item in source:
                self._local = {**saved, name: item}
                found.append(self._value(node.elt))
        finally:
            self._local = saved
        return found

    def _call(self, node: ast.Call) -> Any:
        function = node.func
        if isinstance(function, ast.Name):
            return self._builtin(function.id, node)
        if not isinstance(function, ast.Attribute):
            raise NoValueError
        name = function.attr
        if makes_path(function):
            start = [self._value(function.value)] if name == "joinpath" else []
            return joined_path([*start, *self._arguments(node)])
        if isinstance(function.value, ast.Name) and (function.value.id, name) in DECODERS:
            self.has_decoded = True
            return DECODERS[function.value.id, name](*self._arguments(node))
        if isinstance(function.value, ast.Name) and (function.value.id, name) == (
            "bytes",
            "fromhex",
        ):
            self.has_decoded = True
            return bytes.fromhex(*self._arguments(node))
        if name not in METHODS:
            raise NoValueError
        receiver, arguments = self._value(function.value), self._arguments(node)
        if not isinstance(receiver, (str, bytes)) or name not in METHODS:
            raise NoValueError
        if name == "format" and (node.keywords or ":" in str(receiver) or "." in str(receiver)):
            raise NoValueError
        if name == "decode" and arguments and arguments[0] in {"hex", "base64", "rot13", "rot_13"}:
            self.has_decoded = True
        return getattr(receiver, name)(*arguments)

    def _arguments(self, node: ast.Call) -> list[Any]:
        return [self._value(argument) for argument in node.args]

    def _builtin(self, name: str, node: ast.Call) -> Any:
        if name == "map" and len(node.args) == 2 and isinstance(node.args[0], ast.Name):  # noqa: PLR2004 - map's own
            mapped = BUILTINS[node.args[0].id]
            self.has_decoded = True
            return [mapped(item) for item in self._value(node.args[1])]
        if name in {"b64decode", "unhexlify", "a2b_hex", "standard_b64decode"}:
            self.has_decoded = True
            module = "base64" if "b64" in name else "binascii"
            return DECODERS[module, name](*self._arguments(node))
        arguments = self._arguments(node)
        if name in PATHS:
            return joined_path(arguments)
        if name == "chr":
            self.has_decoded = True
        return BUILTINS[name](*arguments)

    def _attribute(self, node: ast.Attribute) -> str:
        if node.attr == "sep":
            return "/"
        raise NoValueError

    _handlers: ClassVar[Mapping[type[ast.AST], Callable[[Any, Any], Any]]] = {
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.JoinedStr: _joined,
        ast.FormattedValue: _formatted,
        ast.List: _sequence,
        ast.Tuple: _sequence,
        ast.Subscript: _subscript,
        ast.NamedExpr: _named,
        ast.GeneratorExp: _comprehension,
        ast.ListComp: _comprehension,
        ast.Call: _call,
    }
