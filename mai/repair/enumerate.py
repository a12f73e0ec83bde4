"""All candidates for a file, likeliest first, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import libcst as cst

from mai.repair.candidate import Candidate, Edit
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
        if isinstance(
            node,
            (
                cst.BaseExpression,
                cst.BaseStatement,
                cst.BaseSmallStatement,
                cst.BaseSuite,
                cst.Module,
                cst.BaseSlice,
                cst.CompFor,
                cst.CompIf,
                cst.ExceptHandler,
            ),
        ):
            for operator in OPERATORS:
                yield from operator(source, node)


def candidates(source: Source, suspicion: Mapping[int, float]) -> list[Candidate]:
    """Return the candidates for the lines that are at all suspicious, best first."""
    found: dict[tuple[object, ...], Candidate] = {}
    for change in enumerate_changes(source, suspicion):
        edits: tuple[Edit, ...] = ((change.start, change.end, change.text),)
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
    if change.beside is not None:
        found = max(found, _BESIDE * suspicion.get(source.line_at(change.beside), 0.0))
    if change.start == change.end and source.data[: change.start].endswith(b"\n"):
        found = max(found, _BESIDE * max(suspicion.get(first - 1, 0.0), suspicion.get(first, 0.0)))
    return found


class Distinct:
    """Lets each text through once; two texts of one meaning are told apart where they are tried."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._seen: set[tuple[tuple[int, int, bytes], ...]] = set()

    def __call__(self, found: Iterable[Candidate]) -> Iterator[Candidate]:
        """Yield those of `found` that are new."""
        for one in found:
            key = tuple(self._least(*edit) for edit in one.edits)
            if key not in self._seen:
                self._seen.add(key)
                yield one

    def _least(self, start: int, end: int, text: str) -> tuple[int, int, bytes]:
        """Return an edit without what it writes as it was."""
        old, new = self._data[start:end], text.encode()
        front = _common(old, new)
        back = _common(old[front:][::-1], new[front:][::-1])
        return start + front, end - back, new[front : len(new) - back]


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts have in common at their beginnings."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
