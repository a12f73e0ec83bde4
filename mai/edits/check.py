"""Whether the Python files that a change leaves behind parse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mai.edits.child import Child, worker
from mai.text import one_line

TIMEOUT_S = 30.0
_SUFFIXES = (".py", ".pyi")
# Python itself reads the file; only libcst does not.
_OURS = frozenset({"libcst", "round-trip"})
# A change with so many files that kill the parser is not worth a fresh worker for each.
_MOST_DEATHS = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file is not fit to be judged. `line` counts from 1, `column` from 0; 0 if unknown.

    `kind` is one of `syntax`, `encoding`, `size`, `depth` (nested too deeply), `libcst` (this
    Python reads it but libcst does not), `round-trip`, `crash` and `timeout` (of the parser).
    """

    path: str
    line: int
    column: int
    kind: str
    message: str

    @property
    def is_valid(self) -> bool:
        """Whether Python reads the file all the same."""
        return self.kind in _OURS


def check(
    before: Mapping[str, bytes], after: Mapping[str, bytes], timeout_s: float = TIMEOUT_S
) -> tuple[Problem, ...]:
    """Parse every Python file (`*.py`, `*.pyi`) that differs between `before` and `after`.

    The rule is simple: what a change touches must parse, with the Python that runs Mai, whatever
    it was before. So a template that only looks like Python, or a file in Python 2, can be left
    alone but not changed. About newer syntax, and what only libcst cannot read,
    `mai.pipeline.parsing` decides.

    Args:
        before: content per path in the base.
        after: content per path after the change, for the files that exist then.
        timeout_s: wall time for one file.

    Returns:
        One problem per file that has any, in the order of the paths.

    Raises:
        MaiError: the machine has no room for the worker's empty folder.
    """
    touched = [
        path
        for path in sorted(after)
        if path.lower().endswith(_SUFFIXES) and before.get(path) != after[path]
    ]
    problems: list[Problem] = []
    deaths = 0
    with worker(timeout_s) as child:
        for path in touched:
            if deaths >= _MOST_DEATHS:
                message = f"{one_line(path)} was not parsed: too many files before it stopped that."
                problems.append(Problem(path, 0, 0, "crash", message))
                continue
            problem = _problem(child, path, after[path], before.get(path))
            if problem:
                problems.append(problem)
                deaths += problem.kind in {"crash", "timeout"}
    return tuple(problems)


def _problem(child: Child, path: str, data: bytes, base: bytes | None) -> Problem | None:
    answer = child.ask({"op": "check", "is_whole": True}, data)
    if answer.fate:
        what = (
            "takes too long to parse"
            if answer.fate == "timeout"
            else "makes the parser crash or run out of memory"
        )
        return Problem(path, 0, 0, answer.fate, f"{one_line(path)} {what}.")
    found = answer.header.get("problem")
    if found is None:
        return None
    line, column = int(found["line"]), int(found["column"])
    place = f" line {line}:" if line else ""
    was_broken = ""
    if base is not None:
        earlier = child.ask({"op": "check", "is_whole": False}, base)
        if earlier.fate or earlier.header.get("problem"):
            was_broken = " It did not parse before either."
    why = one_line(str(found["message"])).removesuffix(".")
    what = "is not read by libcst" if found["kind"] in _OURS else "does not parse"
    message = f"{one_line(path)} {what}:{place} {why}.{was_broken}"
    return Problem(path, line, column, str(found["kind"]), message)
