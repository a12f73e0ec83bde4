"""Inputs for which passing edits differ, derived from those that the tests use."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mai.repair.candidate import Candidate
from mai.repair.runner import Measured, Runner

_MOST_INPUTS, _MOST_OBJECTS = 120, 3
_MOST_SHOWN = 3
_MOST_COMPARED = 5
_MOST_CHARACTERS = 70
_RAISES = "raises "


def function_at(data: bytes, line: int) -> str:
    """Return the function of the top level, or `Class.method`, that `line` is in, else ""."""
    return _function_in(ast.parse(data), line)


def _function_in(owner: ast.Module | ast.ClassDef, line: int) -> str:
    for node in owner.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and (
            node.lineno <= line <= (node.end_lineno or 0)
        ):
            if isinstance(node, ast.ClassDef):
                name = _function_in(node, line) if isinstance(owner, ast.Module) else ""
                return f"{node.name}.{name}" if name else ""
            return node.name
    return ""


def make_inputs(calls: Sequence[Sequence[str]]) -> list[str]:
    """Return argument tuples as text: those that were seen, and each with one value exchanged."""
    found: dict[str, None] = {}
    seen = [[ast.literal_eval(text) for text in call] for call in calls]
    for values in seen:
        found.setdefault(_written(values))
    for values in seen:
        for place, value in enumerate(values):
            for other in _near(value):
                found.setdefault(_written([*values[:place], other, *values[place + 1 :]]))
    return [text for text in found if len(text) <= 4 * _MOST_CHARACTERS][:_MOST_INPUTS]


def _written(values: Sequence[Any]) -> str:
    return f"({', '.join(map(repr, values))},)" if values else "()"


def _near(given: Any) -> Iterator[Any]:
    """Yield the smallest values of a kind first: they are the easiest to judge."""
    value: Any = given
    match given:
        case bool():
            yield not value
        case int():
            yield from (0, 1, -1, 2, value + 1, value - 1, -value, 2 * value)
        case float():
            yield from (0.0, 1.0, -value, 2 * value)
        case str() | bytes():
            yield from (value[:0], value[:1], value[::-1], value + value, value.upper())
        case list() | tuple():
            yield from (value[:0], value[:1], value[:2], value[::-1], value + value[:1], value[1:])
            for place, one in enumerate(value[:3]):
                for other in list(_near(one))[:3]:
                    yield type(value)([*value[:place], other, *value[place + 1 :]])
        case dict():
            yield {}
            yield dict(list(value.items())[:1])
        case None:
            yield 0


@dataclass(frozen=True, slots=True)
class Compared:
    """What the first `number` candidates answer to each input, as text; none where unknown."""

    number: int = 0
    inputs: tuple[str, ...] = ()
    answers: tuple[tuple[str, ...], ...] = ()

    def differences(self, order: Sequence[int]) -> list[tuple[str, list[str]]]:
        """Return inputs for which the candidates differ, with each result, in that `order`."""
        order = [one for one in order if one < self.number]
        different = [
            (given, [answers[one] for one in order])
            for given, answers in zip(self.inputs, self.answers, strict=True)
            if len(set(answers)) > 1
        ]
        different.sort(key=lambda one: (len(one[0]), one[0]))
        return different[:_MOST_SHOWN]

    def refused(self, candidate: int) -> float:
        """Return the share of the inputs for which a candidate alone, or nearly, has no answer."""
        if candidate >= self.number or not self.answers:
            return 0.0
        alone = [
            answers[candidate].startswith(_RAISES)
            and not all(one.startswith(_RAISES) for one in answers)
            for answers in self.answers
        ]
        return sum(alone) / len(alone)


def compare(
    found: Sequence[Candidate],
    texts: Mapping[str, bytes],
    measured: Measured,
    runner: Runner,
    paths: Sequence[str],
) -> Compared:
    """Return what the candidates answer to inputs like those of the tests.

    Called is the function or method of the first of them, where it was seen with plain values.
    """
    compared = list(found[:_MOST_COMPARED])
    if len(compared) < 2:  # noqa: PLR2004 - one has nothing to differ from
        return Compared()
    path = compared[0].path
    name = function_at(texts[path], compared[0].line)
    inputs = _inputs_of(measured, path, name) if name else {}
    if not inputs:
        return Compared()
    answers = runner.compare(compared, path, name, list(inputs), paths)
    if set(answers) != set(range(len(compared))):
        return Compared()
    rows = tuple(
        tuple(answers[one][number] for one in range(len(compared))) for number in range(len(inputs))
    )
    return Compared(len(compared), tuple(inputs.values()), rows)


def _inputs_of(measured: Measured, path: str, name: str) -> dict[str, str]:
    """Return inputs for a function, or a method and its object, and how each is written."""

    def seen(key: str) -> list[tuple[str, ...]]:
        traces = measured.traces.values()
        return list(dict.fromkeys(call for one in traces for call in one.calls.get(key, ())))

    own = make_inputs(seen(f"{path}::{name}"))
    owner, _, method = name.rpartition(".")
    if not owner:
        return {given: f"{name}{_shown(given)}" for given in own}
    objects = make_inputs(seen(f"{path}::{owner}.__init__"))[:_MOST_OBJECTS]
    return {
        f"({made}, {given})": f"{owner}{_shown(made)}.{method}{_shown(given)}"
        for made in objects
        for given in own
    }


def _shown(given: str) -> str:
    return f"{given.removesuffix(',)')})" if given != "()" else given
