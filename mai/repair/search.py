"""The search: place, enumerate, try in order of likelihood, combine, rank."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import libcst as cst

from mai.repair.candidate import Candidate
from mai.repair.enumerate import Distinct, candidates
from mai.repair.localise import localise, spread
from mai.repair.rank import is_special_case, likelihood
from mai.repair.runner import Measured, Runner, Tried
from mai.repair.source import Hints, Source

TWO_EDITS = "two edits"
_MOST_FILES = 8
_LEAST_SUSPICIOUS = 0.05
_FIRST_BATCH, _BATCH = 500, 2500
_BATCH_S = 20.0
#: After the first edit that passes, so much more is tried for others that do.
_FURTHER, _MOST_FOUND = 400, 8
_SLACK = 8.0
_PARTIALS, _SECONDS_PER_PARTIAL, _LINES_APART = 12, 120, 25


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a search may go on."""

    seconds: float = 90.0
    candidates: int = 30_000


@dataclass(frozen=True, slots=True)
class Survivor:
    """An edit with which the failing tests and those beside them pass."""

    candidate: Candidate
    likelihood: float


@dataclass(slots=True)
class Found:
    """What a search has come to. `cursor` is how many candidates were tried; go on from there."""

    measured: Measured
    survivors: list[Survivor] = field(default_factory=list)
    cursor: int = 0
    seconds: float = 0.0
    tried_s: float = 0.0
    all: int = 0
    is_exhausted: bool = False


Read = Callable[[str], bytes | None]


def search(  # noqa: PLR0917 - what a search rests on
    read: Read,
    runner: Runner,
    paths: Sequence[str],
    measured: Measured,
    may_edit: Callable[[str], bool],
    budget: Budget | None = None,
    first: int = 0,
) -> Found:
    """Return the edits that let the failing tests pass, likeliest first.

    Args:
        read: returns the content of a file of the tree.
        runner: tries edits.
        paths: the test files.
        measured: how their tests do now.
        may_edit: whether a file may be changed.
        budget: when to stop.
        first: how many candidates an earlier search has tried already.
    """
    budget = budget or Budget()
    started = time.monotonic()
    found = Found(measured, cursor=first)
    texts: dict[str, bytes] = {}
    queue = rank_candidates(read, measured, may_edit, texts)
    found.all = len(queue)
    tests = [data for path in paths if (data := read(path)) is not None]
    partials: list[Tried] = []
    late: list[Candidate] = []
    since_first = 0
    while found.cursor < min(len(queue), budget.candidates):
        left_s = budget.seconds - (time.monotonic() - started)
        if left_s <= 0:
            break
        size = _FIRST_BATCH if found.cursor == first else _BATCH
        if found.survivors:
            size = max(1, _FURTHER - since_first)
        batch = queue[found.cursor : found.cursor + size]
        tried = runner.attempt(batch, measured, paths, min(left_s, _BATCH_S), _MOST_FOUND)
        _take(found, tried, texts, tests, partials)
        if not tried:
            break
        late += [one.candidate for one in tried if one.status == "timeout"]
        _reorder(queue, found.cursor, batch, tried)
        found.cursor += len(tried)
        if found.survivors:
            since_first += len(tried)
            if since_first >= _FURTHER or len(found.survivors) >= _MOST_FOUND:
                break
    found.is_exhausted = found.cursor >= len(queue)
    left_s = budget.seconds - (time.monotonic() - started)
    if not found.survivors and late and left_s > 1:
        # What is right may take longer than what fails at once.
        tried = runner.attempt(late, measured, paths, left_s / 2, _MOST_FOUND, slack=_SLACK)
        _take(found, tried, texts, tests, partials)
    left_s = budget.seconds - (time.monotonic() - started)
    if not found.survivors and partials and left_s > 1:
        pairs = list(_combined(partials, queue, texts))
        tried = runner.attempt(pairs, measured, paths, left_s, 3)
        _take(found, tried, texts, tests, [])
        found.cursor += len(tried)
    found.survivors.sort(key=lambda one: -one.likelihood)
    found.seconds = time.monotonic() - started
    return found


def _reorder(
    queue: list[Candidate], cursor: int, batch: Sequence[Candidate], tried: Sequence[Tried]
) -> None:
    """Put what was not tried of a batch behind what was."""
    done = {one.candidate.edits: None for one in tried}
    left = [one for one in batch if one.edits not in done]
    queue[cursor : cursor + len(batch)] = [*(one.candidate for one in tried), *left]


def rank_candidates(
    read: Read, measured: Measured, may_edit: Callable[[str], bool], texts: dict[str, bytes]
) -> list[Candidate]:
    """Return all candidates in the order in which they are tried; fill `texts` with the files."""
    suspicion = localise(measured)
    hints = _hints(measured)
    ranked = sorted(suspicion, key=lambda path: -max(suspicion[path].values()))
    queue: list[Candidate] = []
    for path in [path for path in ranked if may_edit(path)][:_MOST_FILES]:
        data = read(path)
        if data is None or max(suspicion[path].values()) < _LEAST_SUSPICIOUS:
            continue
        try:
            source = Source.parse(path, data, hints)
            queue += Distinct(data)(candidates(source, spread(data, suspicion[path])))
        except (cst.ParserSyntaxError, UnicodeDecodeError, SyntaxError, RecursionError):
            continue
        texts[path] = data
    queue.sort(key=lambda one: -one.score)
    return queue


def _hints(measured: Measured) -> Hints:
    kinds = [measured.errors[name].partition(":")[0] for name in measured.failing]
    raised = [
        kind for kind in kinds if kind.isidentifier() and kind not in {"AssertionError", "Failed"}
    ]
    return Hints(tuple(dict.fromkeys(raised)))


def _take(
    found: Found,
    tried: Sequence[Tried],
    texts: dict[str, bytes],
    tests: Sequence[bytes],
    partials: list[Tried],
) -> None:
    measured = found.measured
    base = measured.errors[measured.failing[0]] if measured.failing else ""
    found.tried_s += sum(one.seconds for one in tried)
    for one in tried:
        data = texts[one.candidate.path]
        if one.status == "passes":
            if not is_special_case(data, one.candidate.applied(data), tests):
                found.survivors.append(Survivor(one.candidate, likelihood(one.candidate, data)))
        elif one.status == "fixes" or (
            one.status == "fails" and (one.passed or one.error[:160] != base[:160])
        ):
            partials.append(one)


def _combined(
    partials: Sequence[Tried], queue: Sequence[Candidate], texts: dict[str, bytes]
) -> Iterator[Candidate]:
    """Yield pairs of an edit that changed the failure and another near to it."""
    ranked = sorted(partials, key=lambda one: (-one.passed, -one.candidate.score))[:_PARTIALS]
    del texts
    for one in ranked:
        first = one.candidate
        near = [
            other
            for other in queue
            if other.path == first.path
            and abs(other.line - first.line) <= _LINES_APART
            and _is_apart(first, other)
        ]
        for other in near[:_SECONDS_PER_PARTIAL]:
            yield replace(
                first,
                edits=(*first.edits, *other.edits),
                operator=TWO_EDITS,
                what=f"{first.what}; {other.what}",
                score=first.score * other.score,
            )


def _is_apart(one: Candidate, other: Candidate) -> bool:
    return all(
        end <= start or stop <= begin
        for begin, end, _ in one.edits
        for start, stop, _ in other.edits
    )
