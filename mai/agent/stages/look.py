"""What a task is about, found without a model: its tests are run, its file is the one it names."""

from __future__ import annotations

import re
from dataclasses import replace

from mai.agent.evidence import evidence_of, frames, named, spelled
from mai.agent.mentions import is_secret
from mai.agent.task import TITLE_CHARACTERS, WHAT_CHARACTERS, Evidence, Means, Plan, Step, Work
from mai.suite import Suite
from mai.suite.imports import Modules
from mai.text import one_line
from mai.words import title_line

# `@path` is a file to look at, not one to change.
_PATH = re.compile(r"(?<![@\w./-])[\w./-]+\.\w{1,5}\b")
_ABOUT_TESTS = re.compile(
    r"\b(?:add|write|extend|update|change|rename|fix|correct)\b[^.]*\btests?\b", re.IGNORECASE
)


def look(work: Work, means: Means) -> Work:
    """Run the tests that the task names, and plan by it where it is about one file alone.

    Raises:
        NoEngine, Undecided: they could not be run.
        Cancelled: somebody asked to stop.
    """
    names = named(work.task, means.snapshot)
    evidence = None
    if names and means.run_tests is not None:
        evidence = evidence_of(names, means.run_tests(names, {}))
    work = replace(work, evidence=evidence)
    path = _one_file(work, means)
    if path is None:
        return work
    title, why = title_line(work.task, TITLE_CHARACTERS), ""
    if evidence is not None and evidence.failing:
        count, files = len(evidence.failing), ", ".join(evidence.files)
        why = f"{count} of {len(evidence.wanted)} tests in {files} fail."
        title = title_line(f"Make {files} pass", TITLE_CHARACTERS)
    step = Step(path, one_line(work.task, WHAT_CHARACTERS))
    return replace(work, plan=Plan(title, why, (step,)))


def is_held(path: str, work: Work, means: Means) -> bool:
    """Whether `path` is a test that is to pass as it is, and so is no place to change.

    That is every test file of the tree that the task does not name as the thing to change.
    """
    suite = Suite(means.snapshot)
    if path not in means.snapshot.paths() or not suite.is_test(path):
        return False
    if work.evidence is not None and path in work.evidence.files:
        return True
    told = {spelled(match, means.snapshot.paths()) for match in _PATH.findall(work.task)}
    return path not in told and not _ABOUT_TESTS.search(work.task)


def _one_file(work: Work, means: Means) -> str | None:
    """Return the one file that a task is about; None where it may be several, or none is known."""
    paths = means.snapshot.paths()
    told = [spelled(match.rstrip("."), paths) for match in _PATH.findall(work.task)]
    found = _usable([one for one in told if one], work, means)
    if found:
        return found[0] if len(found) == 1 else None
    evidence = work.evidence
    if evidence is None or not evidence.failing:
        return None
    seen = _usable([path for path, _ in frames(evidence.report) if path in paths], work, means)
    if seen:
        return seen[-1]  # the frame that it fails in
    loaded = _usable(sorted(_loaded(evidence, means)), work, means)
    return loaded[0] if len(loaded) == 1 else None


def _usable(paths: list[str], work: Work, means: Means) -> list[str]:
    return [
        path
        for path in dict.fromkeys(paths)
        if means.may_touch(path) and not is_secret(path) and not is_held(path, work, means)
    ]


def _loaded(evidence: Evidence, means: Means) -> frozenset[str]:
    """Return the modules of the repository that the tests import themselves."""
    suite, paths = Suite(means.snapshot), means.snapshot.paths()
    code = [path for path in paths if path.endswith(".py") and not suite.is_test(path)]
    modules = Modules(paths, code)
    found: frozenset[str] = frozenset()
    for file in evidence.files:
        found |= modules.loaded_by(file, means.snapshot.read(file) or b"")
    return found
