"""Gives the functions that live in this process the code of an edited source file.

Compiling one top-level statement and exchanging `__code__` takes a fraction of what an import
does, and reaches every reference to a function, wherever it was imported to. What an edit changes
outside of function bodies (a default, a class attribute, a constant) needs a fresh import.
"""

from __future__ import annotations

import ast
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import CodeType, FunctionType
from typing import Any

_FUTURES = 0x1FF0000  # the compiler's flags for `from __future__`

#: One edit: the bytes from the first number to the second become the text.
Edit = tuple[int, int, str]


class NeedsImport(Exception):
    """The edit reaches what only a fresh import can change."""


@dataclass(slots=True)
class _Statement:
    start: int
    end: int
    line: int
    code: CodeType | None = None


@dataclass(slots=True)
class _Source:
    path: str
    data: bytes
    flags: int
    statements: list[_Statement]
    is_imported: bool
    live: dict[tuple[int, str], list[FunctionType]] = field(default_factory=dict)


class Swapper:
    """Knows the functions of the tree that were alive when it was made."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._sources: dict[str, _Source] = {}
        self._meanings: set[int] = set()
        self._origins: dict[str, set[int]] = {}
        self._last: tuple[str, tuple[Edit, ...], CodeType] | None = None
        self._live: dict[str, dict[tuple[int, str], list[FunctionType]]] = {}
        for function in gc.get_objects():
            if type(function) is not FunctionType:
                continue
            code = function.__code__
            if code.co_filename.startswith(root):
                place = self._live.setdefault(os.path.realpath(code.co_filename), {})
                place.setdefault(_key(code), []).append(function)
        self._imported = {
            os.path.realpath(file)
            for module in list(sys.modules.values())
            if isinstance(file := getattr(module, "__file__", None), str)
        }

    def edited(self, path: str, edits: Sequence[Edit]) -> bytes:
        """Return the text of the file at `path` with `edits` made."""
        return _edited(self._source(path).data, edits)

    def original(self, path: str) -> bytes:
        """Return the text of the file at `path` as it was."""
        return self._source(path).data

    def is_imported(self, path: str) -> bool:
        """Whether the file at `path` was imported when this was made."""
        return self._source(path).is_imported

    def is_new(self, path: str, edits: Sequence[Edit]) -> bool:
        """Whether no edit before meant the same, and this one means something.

        Raises:
            SyntaxError, ValueError: the edited text does not compile.
        """
        source = self._source(path)
        for statement, within in self._touched(source, edits):
            old = self._compiled(source, statement)
            if statement.start not in self._origins.setdefault(path, set()):
                self._origins[path].add(statement.start)
                self._meanings.add(hash((path, statement.start, _meaning(old))))
            text = _edited(source.data[statement.start : statement.end], within)
            new = _compile(text, source.path, statement.line, source.flags)
            self._last = (path, tuple(edits), new)
            key = hash((path, statement.start, _meaning(new)))
            if len(edits) > 1 or key not in self._meanings:
                self._meanings.add(key)
                return True
        return False

    def exchange(self, path: str, edits: Sequence[Edit]) -> list[tuple[FunctionType, CodeType]]:
        """Return which functions get which code by `edits`; nothing is changed yet.

        Raises:
            SyntaxError, ValueError: the edited text does not compile.
            NeedsImport: more than function bodies changes.
        """
        source = self._source(path)
        pairs: list[tuple[FunctionType, CodeType]] = []
        for statement, within in self._touched(source, edits):
            old = self._compiled(source, statement)
            text = _edited(source.data[statement.start : statement.end], within)
            if (
                self._last is not None
                and self._last[:2] == (path, tuple(edits))
                and len(edits) == 1
            ):
                new = self._last[2]  # compiled a moment ago
            else:
                new = _compile(text, source.path, statement.line, source.flags)
            if source.is_imported:
                pairs += _pair(old, new, source.live)
        return [(function, _fitted(function.__code__, code)) for function, code in pairs]

    def _source(self, path: str) -> _Source:
        source = self._sources.get(path)
        if source is None:
            place = os.path.realpath(os.path.join(self._root, path))  # noqa: PTH118 - many calls
            with open(place, "rb") as file:  # noqa: PTH123 - likewise
                data = file.read()
            tree = ast.parse(data)
            flags = compile(data, place, "exec", dont_inherit=True).co_flags & _FUTURES
            source = _Source(place, data, flags, _statements(tree, data), place in self._imported)
            source.live = self._live.get(place, {})
            self._sources[path] = source
        return source

    @staticmethod
    def _touched(source: _Source, edits: Sequence[Edit]) -> Iterator[tuple[_Statement, list[Edit]]]:
        found: dict[int, list[Edit]] = {}
        for start, end, text in edits:
            for number, one in enumerate(source.statements):
                if one.start <= start and end <= one.end:
                    within = (start - one.start, end - one.start, text)
                    found.setdefault(number, []).append(within)
                    break
            else:
                raise NeedsImport
        for number, those in found.items():
            yield source.statements[number], those

    @staticmethod
    def _compiled(source: _Source, one: _Statement) -> CodeType:
        if one.code is None:
            one.code = _compile(
                source.data[one.start : one.end], source.path, one.line, source.flags
            )
        return one.code


def _statements(tree: ast.Module, data: bytes) -> list[_Statement]:
    """Return the top-level statements, each up to where the next one begins."""
    offsets = [0]
    for line in data.split(b"\n"):
        offsets.append(offsets[-1] + len(line) + 1)
    found: list[_Statement] = []
    for node in tree.body:
        decorators = [one.lineno for one in getattr(node, "decorator_list", ())]
        line = min([node.lineno, *decorators])
        start = offsets[line - 1]
        if found and found[-1].start == start:
            continue  # several on one line, after semicolons
        found.append(_Statement(start, len(data), line))
    for one, following in pairwise(found):
        one.end = following.start
    return found


def _compile(text: bytes, path: str, line: int, flags: int) -> CodeType:
    padded = b"\n" * (line - 1) + text
    code: CodeType = compile(padded, path, "exec", flags=flags, dont_inherit=True)
    return code


def _edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + text.encode() + data[end:]
    return data


def _key(code: CodeType) -> tuple[int, str]:
    return code.co_firstlineno, getattr(code, "co_qualname", code.co_name)


def _nested(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def _shell(code: CodeType) -> tuple[Any, ...]:
    """Return what a code object does by itself, without the code objects inside it."""
    constants = tuple((type(c), repr(c)) for c in code.co_consts if not isinstance(c, CodeType))
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code, names, constants, getattr(code, "co_exceptiontable", b"")


def _fitted(old: CodeType, new: CodeType) -> CodeType:
    """Return `new` so that it can take the place of `old`, which keeps its closure."""
    if len(old.co_freevars) == len(new.co_freevars):
        return new
    if new.co_freevars:
        raise NeedsImport
    return new.replace(co_freevars=old.co_freevars)  # it uses none of them, such as `super()`


def _meaning(code: CodeType) -> tuple[Any, ...]:
    """Return what a code object and all inside of it do, wherever they are written."""
    return _shell(code), tuple(_meaning(one) for one in _nested(code))


def _pair(
    old: CodeType, new: CodeType, live: dict[tuple[int, str], list[FunctionType]]
) -> Iterator[tuple[FunctionType, CodeType]]:
    if old == new:
        return
    functions = live.get(_key(old))
    if functions:
        if len({id(function.__code__) for function in functions}) > 1:
            raise NeedsImport  # two of one name on one line
        for function in functions:
            yield function, new
        # What a decorator made when the module was imported lives by itself.
        for inner, following in zip(_nested(old), _nested(new), strict=False):
            if live.get(_key(inner)):
                yield from _pair(inner, following, live)
        return
    olds, news = _nested(old), _nested(new)
    if _shell(old) != _shell(new) or len(olds) != len(news):
        raise NeedsImport
    for inner, following in zip(olds, news, strict=True):
        yield from _pair(inner, following, live)
