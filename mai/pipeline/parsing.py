"""Which Python files that a change leaves behind are read, and what is said of those that are not.

Asked twice, by `check` to refuse what does not parse and by `assess` to say what is valid and was
not read: a parser that gives up on what Python accepts is no fault of the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mai.edits.check import check as check_files
from mai.events import Cancel
from mai.pipeline.newer_syntax import HOST_MINOR, asked_minor, needed_minor, parse_in_sandbox
from mai.pipeline.services import Services
from mai.proposal import Finding, Proposal
from mai.risk.unread import not_cross_checked
from mai.text import path_line

_PYTHON = (".py", ".pyi")


@dataclass(frozen=True, slots=True)
class Parsing:
    """What parsing a change showed.

    `refused` are files that do not parse, with the reason; `findings` say what is valid and was not
    read in full; `newer` are the paths that a newer Python reads, and which.
    """

    refused: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    newer: Mapping[str, str] = field(default_factory=dict)


def parse_change(proposal: Proposal, services: Services, cancel: Cancel) -> Parsing:
    """Parse every Python file that the change touches, as it is before and after.

    Raises:
        NoEngine, Undecided: only the sandbox's Python could say whether a file parses.
    """
    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}
    base = services.repo.snapshot(proposal.tip)
    head = services.repo.snapshot(proposal.tree)
    for change in proposal.files:
        if not change.path.lower().endswith(_PYTHON):
            continue
        old, new = base.read(change.old_path or change.path), head.read(change.path)
        if old is not None:
            before[change.path] = old
        if new is not None:
            after[change.path] = new
    problems = check_files(before, after)
    minors = _minors({each.path: after[each.path] for each in problems if each.kind == "syntax"})
    asked = asked_minor(base) if minors else 0
    # What was in such syntax before is no new demand.
    unasked = {
        path: after[path]
        for path, minor in minors.items()
        if minor > asked and minor > (needed_minor(before.get(path, b"")) or 0)
    }
    why = _why_not(unasked, services, cancel) if unasked else ""
    accepted = {} if why else minors
    refused = [each for each in problems if not each.is_valid and each.path not in accepted]
    return Parsing(
        tuple(
            f"{path_line(each.path)} needs Python 3.{minors[each.path]}: {why}"
            if each.path in minors
            else each.message
            for each in refused
        ),
        tuple(
            not_cross_checked(each.path, each.message, each.line)
            for each in problems
            if each.is_valid
        ),
        {path: f"Python 3.{minor}" for path, minor in accepted.items()},
    )


def _minors(sources: Mapping[str, bytes]) -> dict[str, int]:
    """Return N of the Python 3.N that each of `sources` needs, none past a syntax error."""
    found: dict[str, int] = {}
    for path, source in sources.items():
        minor = needed_minor(source)
        if minor is None:
            break  # the change is refused for this one, whatever the others are
        found[path] = minor
    return found


def _why_not(sources: Mapping[str, bytes], services: Services, cancel: Cancel) -> str:
    """Return why syntax that the repo did not ask for is refused, "" where the sandbox reads it."""
    is_read, there = parse_in_sandbox(sources, services.sandbox(), cancel)
    if is_read:
        return ""
    return (
        f"Python 3.{HOST_MINOR} runs Mai, Python 3.{there} is in the sandbox, and requires-python "
        "does not ask for a newer one."
    )
