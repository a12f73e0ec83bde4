"""Which Python files that a change leaves behind are read, and what is said of those that are not.

Asked twice, by `check` to refuse what does not parse and by `assess` to say what is valid and was
not read: a parser that gives up on what Python accepts is no fault of the change.
"""

from __future__ import annotations

from dataclasses import dataclass

from mai.edits.check import Problem
from mai.edits.check import check as check_files
from mai.pipeline.services import Services
from mai.proposal import Finding, Proposal
from mai.risk.unread import not_cross_checked

_PYTHON = (".py", ".pyi")


@dataclass(frozen=True, slots=True)
class Parsing:
    """`refused` are files that do not parse, `findings` what is valid and was not read in full."""

    refused: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()


def parse_change(proposal: Proposal, services: Services) -> Parsing:
    """Parse every Python file that the change touches, as it is before and after."""
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
    return Parsing(
        tuple(each for each in problems if not each.is_valid),
        tuple(
            not_cross_checked(each.path, each.message, each.line)
            for each in problems
            if each.is_valid
        ),
    )
