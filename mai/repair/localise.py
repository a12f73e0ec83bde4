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
    passing = [trace for name, trace in measured.traces.items() if measured.outcomes[name] == "passed"]
    found: dict[str, dict[int, float]] = {}
    for trace in failing:
        for path, lines in trace.lines.items():
            for line in lines:
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

    def walk(node: ast.AST, *, is_top: bool) -> float:
        most = 0.0
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):
                continue
            first = getattr(child, "lineno", 0)
            body = getattr(child, "body", None)
            is_definition = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            if not body:
                value = max((lines.get(line, 0.0) for line in range(first, child.end_lineno + 1)), default=0.0)  # type: ignore[union-attr]
                note(first, child.end_lineno, max(value, _TOP_LEVEL if is_top else 0.0))  # type: ignore[union-attr]
            else:
                last = max(first, body[0].lineno - 1)
                value = max((lines.get(line, 0.0) for line in range(first, last + 1)), default=0.0)
                inner = walk(child, is_top=is_top and not is_definition)
                if is_definition:
                    value = max(value if not is_top else 0.0, _SIGNATURE * inner)
                    begin = min([first, *(one.lineno for one in child.decorator_list)])
                    note(begin, last, value)
                else:
                    note(first, last, max(value, _TOP_LEVEL if is_top else 0.0))
                value = max(value, inner)
            most = max(most, value)
        return most

    walk(ast.parse(data), is_top=True)
    return found
