"""Does what the change leaves behind parse? Asked of `ast` and libcst, in a child process."""

from __future__ import annotations

from mai.errors import ParseError
from mai.events import Cancel
from mai.pipeline.parsing import parse_change
from mai.pipeline.services import Outcome, Services
from mai.proposal import Proposal
from mai.text import one_line


def check(proposal: Proposal, services: Services, cancel: Cancel) -> Outcome:
    """Refuse a change that leaves a Python file behind which does not parse."""
    problems = parse_change(proposal, services, cancel).refused
    if not problems:
        return Outcome("checked")
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    return Outcome.stopped("failed", ParseError(f"{one_line(problems[0], 400)}{more}"))
