"""The commit message that tells a landing's whole story, and cannot be made to tell another."""

from __future__ import annotations

import re
from typing import Any

from mai.proposal import (
    FileChange,
    Opinion,
    Proposal,
    ReviewReport,
    TestCounts,
    TrialReport,
    Verdict,
)
from mai.text import one_line
from mai.words import label, mailed, said, title_line, writes

_WIDTH = 72
# What the trial says of a run that shows nothing; what follows it is why.
_SKIPPED = re.compile(
    r"There are no tests to run\.\s*|No test passes: they show nothing\.\s*(?:The first error: )?"
)
_BEFORE_SUBJECT = re.compile(r"\A(?:[-#;:\s]|re:)+", re.IGNORECASE)


def commit_message(proposal: Proposal, ledger_head: str) -> str:
    """Return subject, body and trailers of the commit that lands `proposal`.

    The facts come first, the words of its author and its reviewer after them, quoted: no line of
    theirs is a trailer, nor a patch or a header to `git am`. `ledger_head` is the hash of the
    ledger's last row: pushed with the commit, it anchors it.
    """
    approval = proposal.approval
    if approval is None or proposal.trial is None or proposal.risk is None:
        raise AssertionError("only what was tried and approved gets a commit message")
    trial = proposal.trial
    review = proposal.review or ReviewReport()
    paragraphs = [
        _subject(proposal),
        "\n".join(_stat(change) for change in proposal.files),
        f"Trial: {trial_line(trial)}\n{_other_tests(proposal)}Review: {review_line(review)}.",
        "\n".join(author_writes(proposal, width=_WIDTH)),
        "\n".join(reviewer_writes(proposal, width=_WIDTH)),
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
    if review.verdict is not Opinion.NONE:
        trailers.append(f"Reviewed-by: {label(review.reviewer)}")
    trailers.append(f"Approved-by: {label(approval.by)} at {approval.at}")
    body = mailed("\n\n".join(paragraph for paragraph in paragraphs if paragraph))
    return body + "\n\n" + "\n".join(trailers) + "\n"


def _other_tests(proposal: Proposal) -> str:
    return f"The other tests: {trial_line(proposal.rest)}\n" if proposal.rest else ""


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


def unproven(proposal: Proposal, limit: int = 70) -> str:
    """Return, for a row of a list, what was not shown: no tests, no review, no agreement."""
    parts = []
    if proposal.trial and proposal.trial.verdict is Verdict.SKIPPED:
        parts.append(f"▲ no tests{first_error(proposal.trial, limit)}")
    if proposal.trial and (not proposal.review or proposal.review.verdict is Opinion.NONE):
        parts.append("– no review")
    elif proposal.review and proposal.review.verdict is Opinion.OBJECT:
        parts.append("▲ review objects")
    return "  ".join(parts)


def first_error(trial: TrialReport, limit: int = 200) -> str:
    """Return `: ` and why the tests of a skipped trial show nothing; empty where there are none."""
    why = said(_SKIPPED.sub("", trial.message), limit).rstrip(".")
    return f": {why}" if why else ""


def review_line(review: ReviewReport | None) -> str:
    """Return who reviewed and to what verdict in one short line, for commits and screens."""
    if review is None or review.verdict is Opinion.NONE:
        return no_review_line(review)
    verdict = "agrees" if review.verdict is Opinion.APPROVE else "objects"
    count = len(review.concerns)
    concerns = f"{count or 'no'} concern{'' if count == 1 else 's'}"
    return f"{label(review.reviewer, 60)} {verdict}, {concerns}{rates_clause(review)}".strip()


def rates_clause(review: ReviewReport) -> str:
    """Return how good the reviewer was measured to be, to follow its verdict."""
    found = review.measured
    if found is None:
        return "; how good it is was not measured"
    return (
        f"; it catches {found.hits} of {found.bad} bad changes and objects to "
        f"{found.false_alarms} of {found.good} good ones"
    )


def no_review_line(review: ReviewReport | None) -> str:
    """Return why there is no verdict, in Mai's words."""
    if review is None or not review.concerns:
        return "none, there is no second model to ask"
    return f"none: {said(' '.join(review.concerns), 300).rstrip('.')}"


def author_writes(proposal: Proposal, **shape: Any) -> list[str]:
    """Return the author's reason as quoted lines; `shape` is that of `mai.words.writes`."""
    return writes(proposal.author, proposal.why, **{"rest": _rest(proposal), **shape})


def reviewer_writes(proposal: Proposal, **shape: Any) -> list[str]:
    """Return the reviewer's concerns as quoted lines; `shape` is that of `mai.words.writes`."""
    review = proposal.review
    if review is None or review.verdict is Opinion.NONE:
        return []
    concerns = "\n".join(one_line(concern, 400) for concern in review.concerns)
    return writes(review.reviewer, concerns, **{"rest": _rest(proposal), **shape})


def _rest(proposal: Proposal) -> str:
    return f"mai show {proposal.id[:6]}"


def _subject(proposal: Proposal) -> str:
    """Return the title as git takes it for a subject, from a patch that was mailed too.

    git takes `---` for a message's end and `#` for a comment, and `git am` drops a `Re:` and what
    is in brackets before a subject.
    """
    title = _BEFORE_SUBJECT.sub("", title_line(proposal.title))
    if title.startswith("["):
        title = title.replace("[", "(", 1).replace("]", ")", 1)
    return title or f"Proposal {proposal.id}"


def _stat(change: FileChange) -> str:
    name = f"{label(change.old_path)} → " if change.old_path else ""
    amount = "binary" if change.is_binary else f"+{change.added} −{change.removed}"
    return f"  {name}{label(change.path)}  {amount}  {change.status}"
