"""What does a second agent say? It sees the diff, the risk and the trial, not the reasoning."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import Any

from mai.digest import Shown, canonical_json
from mai.events import Cancel
from mai.pipeline.services import Outcome, Services
from mai.proposal import Proposal, ReviewReport
from mai.text import one_line, without_mentions


def review(proposal: Proposal, services: Services, cancel: Cancel) -> Outcome:
    """Ask the reviewer. With nobody to ask the verdict is `none`, and a person sees that.

    An objection does not end the proposal: the person decides, with the concerns before them. When
    the branch has moved but diff, risk and trial are the same, the review given before still
    stands: a model asked twice words its concerns differently, and that alone must not void a yes.
    """
    diff = services.repo.diff(proposal.tip, proposal.tree)
    seen = _seen(proposal, diff, services.repo.root.name)
    earlier = _earlier(proposal, seen, services)
    if earlier is not None:
        return Outcome("reviewed", {"review": earlier, "seen": seen})
    reviewer = services.reviewer(proposal)
    report = reviewer.review(proposal, diff, cancel) if reviewer else ReviewReport()
    concerns = tuple(without_mentions(one_line(each, 400)) for each in report.concerns)
    report = replace(report, concerns=concerns)
    return Outcome("reviewed", {"review": asdict(report), "seen": seen})


def _seen(proposal: Proposal, diff: str, repo: str) -> str:
    shown = Shown.of(replace(proposal, review=None), diff, repo)
    return hashlib.sha256(canonical_json(shown.digest())).hexdigest()


def _earlier(proposal: Proposal, seen: str, services: Services) -> Any:
    for entry in services.ledger.entries(proposal.id):
        if entry.kind == "reviewed" and entry.data.get("seen") == seen:
            return entry.data["review"]
    return None
