"""All candidates for a file, likeliest first, each once."""

from __future__ import annotations

import ast
import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import libcst as cst

from mai.repair.candidate import Candidate
from mai.repair.operators import OPERATORS
from mai.repair.source import Change, Source

#: Insertions and removals are as suspicious as the lines beside them.
_BESIDE = 0.95
_LEAST_SUSPICION = 0.02


def enumerate_changes(
    source: Source, suspicion: Mapping[int, float] | None = None
) -> Iterator[Change]:
    """Yield what every operator makes of every node with a suspicious line."""
    for node, (start, end) in list(source.spans.items()):
        if suspicion is not None:
            lines = range(source.line_at(start), source.line_at(max(start, end - 1)) + 1)
            if not any(suspicion.get(line) for line in lines):
                continue
        if isinstance(node, (cst.BaseExpression, cst.BaseStatement, cst.BaseSmallStatement, cst.BaseSuite,
                             cst.Module, cst.BaseSlice, cst.CompFor, cst.CompIf, cst.ExceptHandler)):
            for operator in OPERATORS:
                yield from operator(source, node)


def candidates(source: Source, suspicion: Mapping[int, float]) -> list[Candidate]:
    """Return the candidates for the lines that are at all suspicious, best first."""
    found: dict[tuple[object, ...], Candidate] = {}
    for change in enumerate_changes(source, suspicion):
        edits = ((change.start, change.end, change.text),)
        if change.second is not None:
            edits = (*edits, change.second)
        if source.data[change.start : change.end].decode() == change.text and len(edits) == 1:
            continue
        line = source.line_at(change.start)
        score = change.prior * _suspicion(source, change, suspicion)
        if score <= 0:
            continue
        one = Candidate(source.path, edits, change.operator, change.prior, change.what, line, score)
        known = found.get(edits)
        if known is None or known.score < score:
            found[edits] = one
    return sorted(found.values(), key=lambda one: -one.score)


def _suspicion(source: Source, change: Change, suspicion: Mapping[int, float]) -> float:
    first, last = source.line_at(change.start), source.line_at(max(change.start, change.end - 1))
    found = max((suspicion.get(line, 0.0) for line in range(first, last + 1)), default=0.0)
    if change.start == change.end and source.data[:change.start].endswith(b"\n"):
        found = max(found, _BESIDE * max(suspicion.get(first - 1, 0.0), suspicion.get(first, 0.0)))
    return found


class Distinct:
    """Lets each meaning of a file's text through once, and nothing that does not parse."""

    def __init__(self, path: str, data: bytes) -> None:
        self._data = data
        self._starts = _statement_starts(data)
        self._seen: set[int] = set()
        self._known: set[tuple[int, int]] = set()
        self.path = path

    def __call__(self, found: Iterable[Candidate]) -> Iterator[Candidate]:
        """Yield those of `found` that are new."""
        for one in found:
            key = self._key(one)
            if key is not None and key not in self._seen:
                self._seen.add(key)
                yield one

    def _key(self, one: Candidate) -> int | None:
        low = min(start for start, _, _ in one.edits)
        high = max(end for _, end, _ in one.edits)
        first = max(0, bisect.bisect_right(self._starts, low) - 1)
        last = bisect.bisect_left(self._starts, high)
        begin = self._starts[first] if low >= self._starts[0] else 0
        end = self._starts[last] if last < len(self._starts) else len(self._data)
        if begin and end <= begin:
            end = len(self._data)
        within = tuple((s - begin, e - begin, text) for s, e, text in one.edits)
        part = self._data[begin:end]
        try:
            if (begin, end) not in self._known:
                self._known.add((begin, end))
                self._seen.add(hash((begin, ast.dump(ast.parse(part)))))
            new = ast.dump(ast.parse(replace(one, edits=within).applied(part)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        return hash((begin, new))


def _statement_starts(data: bytes) -> list[int]:
    """Return where each top-level statement begins, its decorators included."""
    offsets = [0]
    for line in data.split(b"\n"):
        offsets.append(offsets[-1] + len(line) + 1)
    starts = []
    for node in ast.parse(data).body:
        line = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        starts.append(offsets[line - 1])
    return sorted(set(starts)) or [0]
