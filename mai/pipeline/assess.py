"""How much could the change harm? Asked of the risk scorer, before anything runs."""

from __future__ import annotations

from dataclasses import asdict, replace

from mai.errors import Blocked
from mai.events import Cancel
from mai.pipeline.parsing import parse_change
from mai.pipeline.services import Outcome, Services
from mai.proposal import Finding, Level, Proposal, RiskReport
from mai.risk.policy import Policy
from mai.risk.score import Change, score_change
from mai.text import one_line, path_line


def assess(proposal: Proposal, services: Services, cancel: Cancel) -> Outcome:
    """Score what the change gains over the branch's tip. BLOCKED ends it here, before any run."""
    repo = services.repo
    policy = Policy.of(services.settings, services.policy(proposal.tip))
    base, head = repo.snapshot(proposal.tip), repo.snapshot(proposal.tree)
    parsing = parse_change(proposal, services, cancel)
    report = score_change(
        Change(base, head, proposal.files),
        policy,
        is_own_repo=services.is_own_repo(proposal.tip),
        cancel=cancel,
        newer=parsing.newer,
    )
    report = report.with_findings(*(policy.applied(each) for each in parsing.findings))
    if report.level is Level.BLOCKED and _restores(proposal, services):
        report = _restoring(report)
    if report.level is Level.BLOCKED:
        worst = next(finding for finding in report.findings if finding.level is Level.BLOCKED)
        error = Blocked(f"{path_line(worst.path)}: {one_line(worst.message, 400)}")
        return Outcome.stopped("blocked", error, risk=asdict(report))
    return Outcome("assessed", {"risk": asdict(report)})


def _restores(proposal: Proposal, services: Services) -> bool:
    """Whether the proposal does nothing but put back what a landing of Mai's replaced."""
    if proposal.rolls_back is None:
        return False
    landed = services.inbox.get(proposal.rolls_back).landed
    parent = services.repo.parent(landed.commit) if landed else None
    if parent is None:
        return False
    old, head = services.repo.snapshot(parent), services.repo.snapshot(proposal.tree)
    return all(
        (old.mode(path), old.read(path)) == (head.mode(path), head.read(path))
        for change in proposal.files
        for path in {change.path, change.old_path or change.path}
    )


def _restoring(report: RiskReport) -> RiskReport:
    # These exact bytes were on the branch before Mai's own commit: refusing to put them back would
    # make a landing of a new test in Mai's own repo the one thing that cannot be undone.
    findings: list[Finding] = [
        replace(finding, level=min(finding.level, Level.HIGH)) for finding in report.findings
    ]
    return RiskReport(Level.HIGH, report.score, tuple(findings), report.context)
