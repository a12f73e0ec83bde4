"""Has the sandbox measure tests and try edits, and reads what it reports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mai.errors import SandboxError
from mai.events import Cancel
from mai.jobs import Job, Limits, TreeFile
from mai.proposal import Verdict
from mai.protocols import Sandbox
from mai.repair.candidate import Candidate
from mai.text import one_line

_EXTRA_S = 15.0
_WALL_FACTOR = 4
_LEAST_CPU_S, _CPU_FACTOR, _USUAL_S = 0.015, 4.0, 0.005
#: Tests that passed run for each edit that lets the failing ones pass, up to this CPU time.
_OTHERS_S = 8.0


@dataclass(frozen=True, slots=True)
class Trace:
    """What one test ran: lines by path, the frames where it failed, and calls it made."""

    lines: Mapping[str, frozenset[int]]
    frames: tuple[tuple[str, int], ...] = ()
    calls: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """How each test ended, in how many CPU seconds, with which error, and what it ran."""

    outcomes: Mapping[str, str]
    cpu_s: Mapping[str, float]
    errors: Mapping[str, str]
    traces: Mapping[str, Trace]
    #: The failing tests fail only after others.
    is_in_order: bool = False

    @property
    def failing(self) -> tuple[str, ...]:
        """Return the tests that fail, quick ones first, those that loop last."""
        bad = [
            name for name, outcome in self.outcomes.items() if outcome not in {"passed", "skipped"}
        ]
        return tuple(
            sorted(bad, key=lambda name: (self.outcomes[name] == "timeout", self.cpu_s[name]))
        )

    def narrowed(self, names: Collection[str]) -> Measured:
        """Return this without the failing tests that are not among `names`."""
        kept = {
            name: outcome
            for name, outcome in self.outcomes.items()
            if name in names or outcome in {"passed", "skipped"}
        }
        traces = {name: trace for name, trace in self.traces.items() if name in kept}
        return replace(self, outcomes=kept, traces=traces)

    def limit_s(self, name: str) -> float:
        """Return the CPU time that a test may take under an edit, before it counts as looping."""
        passed = [self.cpu_s[one] for one, outcome in self.outcomes.items() if outcome == "passed"]
        own_s = 0.0 if self.outcomes[name] == "timeout" else self.cpu_s[name]
        usual_s = sorted(passed)[len(passed) // 2] if passed else _USUAL_S
        return _LEAST_CPU_S + _CPU_FACTOR * max(own_s, usual_s)

    @property
    def passing(self) -> tuple[str, ...]:
        """Return tests that pass, as many as are quick enough to run again and again."""
        left_s, found = _OTHERS_S, []
        for name, outcome in self.outcomes.items():
            if outcome == "passed" and self.cpu_s[name] <= left_s:
                left_s -= self.cpu_s[name]
                found.append(name)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Tried:
    """How one candidate did.

    `status`: passes, fixes (others break), fails, timeout, crash, same (as another), syntax.
    """

    candidate: Candidate
    status: str
    passed: int
    error: str
    seconds: float


class Runner:
    """Runs searches over one tree. Raises what `Sandbox.run` raises."""

    def __init__(
        self,
        sandbox: Sandbox,
        files: Callable[[], Iterable[TreeFile]],
        limits: Limits,
        cancel: Cancel,
        image: str = "",
    ) -> None:
        self._sandbox, self._files, self._limits = sandbox, files, limits
        self._cancel, self._image = cancel, image

    def measure(
        self,
        paths: Sequence[str],
        tests: Sequence[str] = (),
        seconds: float = 60,
        *,
        is_traced: bool = True,
    ) -> Measured:
        """Return how the tests of the files at `paths` do, only `tests` where some are named."""
        spec = {
            "mode": "measure",
            "paths": list(paths),
            "tests": list(tests),
            "seconds": seconds,
            "test_s": 1.0,
            "is_traced": is_traced,
        }
        outcomes, cpu_s, errors, traces = {}, {}, {}, {}
        is_in_order = False
        for kind, *rest in self._run(spec, seconds):
            if kind == "in order":
                is_in_order = True
            elif kind == "measured":
                name, outcome, error, microseconds = rest
                outcomes[name], cpu_s[name], errors[name] = outcome, microseconds / 1e6, error
            elif kind == "traced":
                name, lines, frames, calls = rest
                traces[name] = Trace(
                    {path: frozenset(found) for path, found in lines},
                    tuple((path, line) for path, line in frames),
                    {key: tuple(tuple(one) for one in kept) for key, kept in calls},
                )
        return Measured(outcomes, cpu_s, errors, traces, is_in_order)

    def attempt(
        self,
        found: Sequence[Candidate],
        measured: Measured,
        paths: Sequence[str],
        seconds: float,
        most_found: int,
        *,
        slack: float = 1.0,
    ) -> list[Tried]:
        """Try candidates in their order, as far as `seconds` reach; return how those did.

        `slack` times the usual CPU time is allowed to each test.
        """
        failing, passing = measured.failing, measured.passing
        spec = {
            "mode": "try",
            "paths": list(paths),
            "tests": list(failing),
            "is_in_order": measured.is_in_order,
            "others": list(passing),
            "edits": [[one.path, [list(edit) for edit in one.edits]] for one in found],
            "seconds": seconds,
            "most_found": most_found,
            "limits_s": [slack * measured.limit_s(name) for name in (*failing, *passing)],
        }
        tried = []
        for kind, *rest in self._run(spec, seconds):
            if kind == "tried":
                for number, status, passed, error, microseconds in rest[0]:
                    tried.append(
                        Tried(
                            found[number], status, passed, one_line(error, 200), microseconds / 1e6
                        )
                    )
        return tried

    def compare(
        self,
        found: Sequence[Candidate],
        path: str,
        function: str,
        inputs: Sequence[str],
        paths: Sequence[str],
    ) -> dict[int, list[str]]:
        """Return what the function answers to each input under each candidate, by its number."""
        spec = {
            "mode": "compare",
            "paths": list(paths),
            "path": path,
            "function": function,
            "inputs": list(inputs),
            "edits": [[one.path, [list(edit) for edit in one.edits]] for one in found],
            "seconds": 20,
        }
        return {
            rest[0]: [one_line(str(one), 130) for one in rest[1]]
            for kind, *rest in self._run(spec, 20)
            if kind == "compared"
        }

    def _run(self, spec: Mapping[str, Any], seconds: float) -> list[Sequence[Any]]:
        cpu_s = seconds + _EXTRA_S
        limits = replace(self._limits, cpu_s=cpu_s, wall_s=_WALL_FACTOR * cpu_s)
        result = self._sandbox.run(
            Job(self._files(), limits, search=spec, image=self._image, is_followed=True),
            self._cancel,
        )
        if len(result.reports) <= 1 and result.limit is not Verdict.PASS:
            said = result.message or result.output[-300:]
            raise SandboxError(f"The search did not begin: {one_line(said, 300)}")
        return list(result.reports)
