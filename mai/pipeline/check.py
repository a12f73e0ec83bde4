"""Does what the change leaves behind parse? Asked of `ast` and libcst, in a child process."""

from __future__ import annotations

from mai.edits.check import check as check_files
from mai.errors import ParseError
from mai.events import Cancel
from mai.pipeline.services import Outcome, Services
from mai.proposal import Proposal
from mai.text import one_line

_PYTHON = (".py", ".pyi")


def check(proposal: Proposal, services: Services, cancel: Cancel) -> Outcome:
    """Parse every Python file that the change touches, as it is before and after."""
    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}
    base = services.repo.snapshot(proposal.tip)
    head = services.repo.snapshot(proposal.tree)
    for change in proposal.files:
        if not change.path.endswith(_PYTHON):
            continue
        old, new = base.read(change.old_path or change.path), head.read(change.path)
        if old is not None:
            before[change.path] = old
        if new is not None:
            after[change.path] = new
    problems = check_files(before, after)
    if not problems:
        return Outcome("checked")
    first = problems[0]
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    return Outcome.stopped("failed", ParseError(f"{one_line(first.message, 400)}{more}"))
