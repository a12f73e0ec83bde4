"""Which lines are to blame: Ochiai's coefficient over what failing and passing tests ran.

Abreu, Zoeteweij and van Gemund, "On the Accuracy of Spectrum-based Fault Localization" (2007).
Lines that the failure went through count more.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from mai.repair.runner import Measured

_SPECTRUM, _INNERMOST, _FRAME = 0.75, 0.25, 0.12
_TOP_LEVEL, _SIGNATURE = 0.1, 0.6


def localise(measured: Measured) -> dict[str, dict[int, float]]:
    """Return how suspicious each line is, from 0 to 1, by path."""
    failing = [measured.traces[name] for name in measured.failing if name in measured.traces]
    passing = [
        trace for name, trace in measured.traces.items() if measured.outcomes[name] == "passed"
    ]
    found: dict[str, dict[int, float]] = {}
    for trace in failing:
        for path, ran in trace.lines.items():
            for line in ran:
                found.setdefault(path, {})[line] = 0.0
    for path, lines in found.items():
        for line in lines:
            failed = sum(line in trace.lines.get(path, ()) for trace in failing)
            passed = sum(line in trace.lines.get(path, ()) for trace in passing)
            lines[line] = _SPECTRUM * failed / math.sqrt(len(failing) * (failed + passed))
    for trace in failing:
        own = [(path, line) for path, line in trace.frames if line in found.get(path, {})]
        for number, (path, line) in enumerate(own):
            bonus = _INNERMOST if number == len(own) - 1 else _FRAME
            found[path][line] = min(1.0, found[path][line] + bonus / len(failing))
    return found


def spread(data: bytes, lines: Mapping[int, float]) -> dict[int, float]:
    """Return suspicion for all lines of the statements that `lines` are of.

    A signature is nearly as suspicious as its body, the top level of the file a little.
    """
    found: dict[int, float] = {}

    def note(first: int, last: int, value: float) -> None:
        for line in range(first, last + 1):
            found[line] = max(found.get(line, 0.0), value)

    def most(first: int, last: int) -> float:
        return max((lines.get(line, 0.0) for line in range(first, last + 1)), default=0.0)

    def walk(node: ast.AST, *, is_top: bool) -> float:
        highest, least = 0.0, _TOP_LEVEL if is_top else 0.0
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.stmt, ast.excepthandler)):
                continue
            first, last = child.lineno, child.end_lineno or child.lineno
            body = getattr(child, "body", None)
            if not body:
                value = most(first, last)
                note(first, last, max(value, least))
            else:
                is_definition = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
                last = max(first, body[0].lineno - 1)
                inner = walk(child, is_top=is_top and not is_definition)
                if is_definition:
                    decorators = getattr(child, "decorator_list", ())
                    first = min([first, *(one.lineno for one in decorators)])
                    value = _SIGNATURE * inner
                    note(first, last, value)
                else:
                    value = most(first, last)
                    note(first, last, max(value, least))
                value = max(value, inner)
            highest = max(highest, value)
        return highest

    walk(ast.parse(data), is_top=True)
    return found
