"""The tests that a task names, and what they say: run before anything is planned."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mai.agent.feedback import clipped
from mai.agent.task import Evidence
from mai.jobs import RunResult, TestOutcome
from mai.protocols import Snapshot
from mai.suite.named import named_tests
from mai.text import one_line, plain

MOST_FILES = 4
_MOST_SHOWN = 3
_REPORT_CHARACTERS = 1_500
_HEADING = re.compile(r"^_{3,} (?P<name>.+?) _{3,}$", re.MULTILINE)
_FRAME = re.compile(r"^(?P<path>[\w./-]+\.py):(?P<line>\d+): ", re.MULTILINE)


def named(task: str, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the test files that `task` names, and of a file whose tests it names the ids alone."""
    paths, tests = named_tests(task, snapshot)
    found = [
        [one for one in tests if one.startswith(f"{path}::")] or [path]
        for path in paths[:MOST_FILES]
    ]
    return tuple(dict.fromkeys(name for names in found for name in names))


def spelled(path: str, paths: Sequence[str] | frozenset[str]) -> str | None:
    """Return the tracked path that `path` means, None where there is none or there are several."""
    wanted = path.removeprefix("./")
    if wanted in paths:
        return wanted
    named = [one for one in paths if one.endswith("/" + wanted)]
    return named[0] if len(named) == 1 else None


def evidence_of(names: Sequence[str], run: RunResult) -> Evidence:
    """Return the outcomes of the tests that `names` select, from one run of their files."""
    files = tuple(dict.fromkeys(name.partition("::")[0] for name in names))

    def is_meant(test: str) -> bool:
        return any(test == name or test.startswith((f"{name}::", f"{name}[")) for name in names)

    outcomes = {test: outcome for test, outcome in run.outcomes.items() if is_meant(test)}
    wanted = {test for test, outcome in outcomes.items() if outcome is not TestOutcome.SKIPPED}
    failing = {test for test in wanted if outcomes[test].is_failure}
    return Evidence(
        files,
        frozenset(wanted),
        frozenset(failing),
        _report(run, outcomes, sorted(failing)),
    )


def frames(report: str) -> list[tuple[str, int]]:
    """Return path and line of the frames in a report, in order: the last is where it failed."""
    return [(match["path"], int(match["line"])) for match in _FRAME.finditer(report)]


def _report(run: RunResult, outcomes: dict[str, TestOutcome], failing: Sequence[str]) -> str:
    """Return the failures in few words: values, lines and frames, a few tests of many."""
    told = _sections(plain(run.output))
    shown = []
    for test in failing[:_MOST_SHOWN]:
        inside = test.partition("::")[2].replace("::", ".")
        text = told.get(inside, "")
        how = "" if outcomes[test] is TestOutcome.FAILED else f" ({outcomes[test]})"
        shown.append(f"{one_line(test)}{how}\n{clipped(text, _REPORT_CHARACTERS)}".rstrip())
    left = len(failing) - len(shown)
    more = [f"and {left} more tests fail"] if left > 0 else []
    if not failing and run.message:
        more.append(one_line(run.message, 300))
    return "\n\n".join([*shown, *more])


def _sections(output: str) -> dict[str, str]:
    """Return what pytest wrote under the heading of each failure, by the heading."""
    found = list(_HEADING.finditer(output))
    ends = [*(match.start() for match in found[1:]), len(output)]
    return {
        match["name"].removeprefix("ERROR at setup of "): _without_rules(output[match.end() : end])
        for match, end in zip(found, ends, strict=False)  # no heading, and one end
    }


def _without_rules(text: str) -> str:
    """Return a section without the rules that divide it and what was captured at other times."""
    text = re.split(r"^(?:=|-){5,}", text, maxsplit=1, flags=re.MULTILINE)[0]
    return "\n".join(line for line in text.strip("\n").split("\n") if line.strip("_ "))
