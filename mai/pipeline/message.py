"""The commit message that tells a landing's whole story, and cannot be made to tell another."""

from __future__ import annotations

import textwrap

from mai.proposal import FileChange, Opinion, Proposal, TestCounts, TrialReport, Verdict
from mai.text import commit_prose, one_line, title_line

_WIDTH = 72


def commit_message(proposal: Proposal, ledger_head: str) -> str:
    """Return subject, body and trailers of the commit that lands `proposal`.

    `ledger_head` is the hash of the ledger's last row: pushed with the commit, it anchors it.
    """
    approval = proposal.approval
    if approval is None or proposal.trial is None or proposal.risk is None:
        raise AssertionError("only what was tried and approved gets a commit message")
    trial = proposal.trial
    paragraphs = [
        # git takes `---` for a message's end and `#` for a comment, in a subject too.
        title_line(proposal.title).lstrip("-#; ") or f"Proposal {proposal.id}",
        _wrapped(commit_prose(proposal.why)),
        "\n".join(_stat(change) for change in proposal.files),
        f"Trial: {trial_line(trial)}\nReview: {_review_line(proposal)}",
    ]
    trailers = [
        f"Mai-Proposal: {proposal.id}",
        f"Mai-Risk: {proposal.risk.level}",
        (
            f"Mai-Trial: {trial.verdict}; fixed={len(trial.fixed)} broken={len(trial.broken)} "
            f"passed={trial.head.passed}"
        ),
        f"Mai-Digest: {approval.digest}",
        f"Mai-Ledger: {ledger_head}",
    ]
    if proposal.rolls_back:
        trailers.append(f"Mai-Rolls-Back: {proposal.rolls_back}")
    review = proposal.review
    if review is not None and review.verdict is not Opinion.NONE:
        trailers.append(f"Reviewed-by: {one_line(review.reviewer)}")
    trailers.append(f"Approved-by: {one_line(approval.by)} at {approval.at}")
    body = "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
    return body + "\n\n" + "\n".join(trailers) + "\n"


def trial_line(trial: TrialReport) -> str:
    """Return what a trial showed in one short line, for commits and screens."""
    if trial.verdict is Verdict.SKIPPED:
        return f"skipped, {why_skipped(trial)}."
    failing = trial.head.failed + trial.head.errors  # broken ones, and those that failed before
    parts = [
        f"{len(trial.fixed)} fixed",
        f"{len(trial.broken)} broken",
        *([f"{len(trial.missing)} missing"] if trial.missing else []),
        *([f"{len(trial.changed)} changed"] if trial.changed else []),
        *([f"{len(trial.flaky)} flaky"] if trial.flaky else []),
        f"{trial.head.passed} passed",
        *([f"{failing} failing"] if failing else []),
    ]
    verdict = "" if trial.verdict is Verdict.PASS else f"{trial.verdict}, "
    return f"{verdict}{', '.join(parts)}, in {trial.seconds:.1f} s without network."


def why_skipped(trial: TrialReport) -> str:
    """Return in a few words why the tests say nothing."""
    return "there are no tests" if trial.head == TestCounts() else "no test passes"


def _review_line(proposal: Proposal) -> str:
    review = proposal.review
    if review is None or review.verdict is Opinion.NONE:
        return "none, there was no second model to ask."
    agrees = "agrees" if review.verdict is Opinion.APPROVE else "objects"
    if not review.concerns:
        return f"{agrees}, no concerns."
    concerns = "; ".join(one_line(concern, 120) for concern in review.concerns[:3])
    return commit_prose("\n".join(textwrap.wrap(f"{agrees}; {concerns}", _WIDTH)))


def _stat(change: FileChange) -> str:
    name = f"{change.old_path} → {change.path}" if change.old_path else change.path
    amount = "binary" if change.is_binary else f"+{change.added} −{change.removed}"
    return f"  {one_line(name)}  {amount}  {change.status}"


def _wrapped(text: str) -> str:
    lines = (textwrap.wrap(line, _WIDTH) or [""] for line in text.splitlines())
    return "\n".join("\n".join(wrapped) for wrapped in lines)
