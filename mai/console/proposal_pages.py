"""The pages behind a proposal's tabs: findings, trial, review, story. Protected core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from mai.console.proposal_words import trial_line
from mai.proposal import Finding, Level, Opinion, Proposal, TestCounts
from mai.text import one_line, plain
from mai.visible import visible

_SIGNS = {
    Level.LOW: ("  LOW     ", ""),
    Level.MEDIUM: ("▲ MEDIUM  ", "$warning"),
    Level.HIGH: ("◆ HIGH    ", "$error"),
    Level.BLOCKED: ("■ BLOCKED ", "$error reverse"),
}
_LISTS = (
    ("fixed", "✓", "$success", "failed before, pass now"),
    ("broken", "✗", "$error", "passed before or are new, fail now"),
    ("missing", "✗", "$error", "passed before, are gone"),
    ("changed", "▲", "$warning", "were edited by the change itself"),
    ("flaky", "▲", "$warning", "change their mind on the same code; they decide nothing"),
)
_MOST_TESTS = 200
#: What to tell of an entry beside its kind; of the others, its message.
_TELLING = {
    "proposed": "title",
    "pending": "digest",
    "approved": "by",
    "landed": "commit",
    "moved": "tip",
    "rolled_back": "by_proposal",
}


def findings_page(proposal: Proposal) -> Content:
    """Return everything the risk scorer saw, the highest level first."""
    if proposal.risk is None:
        return Content.styled("It was not assessed yet.", "$muted")
    found = sorted(proposal.risk.findings, key=lambda one: (-one.level.rank, one.path, one.line))
    if not found:
        return Content.styled("It gains nothing that could do harm.", "$muted")
    return Content("\n\n").join(_finding(one) for one in found)


def trial_page(proposal: Proposal) -> Content:
    """Return what the trial showed: every list in full, and the end of the output."""
    trial = proposal.trial
    if trial is None:
        return Content.styled("It was not tried yet.", "$muted")
    lines = [trial_line(proposal)]
    if trial.message:
        lines.append(Content(one_line(trial.message, 400)))
    lines += [
        Content(""),
        Content.assemble(("before ", "$muted"), _counts(trial.base)),
        Content.assemble(("after  ", "$muted"), _counts(trial.head)),
        Content.assemble(("image  ", "$muted"), one_line(trial.image, 80)),
        Content.assemble(("limits ", "$muted"), one_line(trial.profile, 40)),
    ]
    for name, sign, style, meaning in _LISTS:
        ids: Sequence[str] = getattr(trial, name)
        if ids:
            lines += [Content(""), Content.assemble((name, "bold"), (f"  {meaning}", "$muted"))]
            lines += [
                Content.assemble((f"  {sign} ", style), visible(one)) for one in ids[:_MOST_TESTS]
            ]
            if len(ids) > _MOST_TESTS:
                lines.append(Content.styled(f"  … and {len(ids) - _MOST_TESTS} more", "$muted"))
    if trial.output.strip():
        lines += [Content(""), Content.styled("The end of its output", "bold")]
        lines += [Content(f"  {visible(line)}") for line in plain(trial.output).splitlines()]
    return Content("\n").join(lines)


def review_page(proposal: Proposal) -> Content:
    """Return what the second agent said."""
    review = proposal.review
    if review is None:
        return Content.styled("It was not reviewed yet.", "$muted")
    if review.verdict is Opinion.NONE and not review.concerns:
        return Content.styled("Nobody reviewed it: there was no second model to ask.", "$muted")
    word = {Opinion.APPROVE: "agrees", Opinion.OBJECT: "objects", Opinion.NONE: "did not answer"}
    lines = [Content(f"{one_line(review.reviewer, 80)} {word[review.verdict]}.".strip())]
    lines += [Content(f"  · {plain(concern)}") for concern in review.concerns]
    return Content("\n\n").join(lines)


def story_page(proposal: Proposal, story: Sequence[Mapping[str, Any]]) -> Content:
    """Return the whole reason and every entry of the ledger, oldest first."""
    lines = [Content(plain(proposal.why).strip() or "No reason was given."), Content("")]
    for entry in story:
        at = one_line(str(entry["at"]), 40).replace("T", " ")[:19]
        kind = one_line(str(entry["kind"]), 20)
        lines.append(
            Content.assemble(
                (f"{at}  ", "$muted"),
                f"{kind:<11} {_detail(kind, entry['data'])}",
                (f"  {one_line(str(entry['hash']), 64)[:10]}", "$frame"),
            )
        )
    lines += [Content(""), Content.assemble(("id     ", "$muted"), proposal.id)]
    lines.append(Content.assemble(("digest ", "$muted"), one_line(proposal.digest, 80) or "–"))
    if proposal.approval:
        lines.append(Content.assemble(("yes by ", "$muted"), one_line(proposal.approval.by, 80)))
    return Content("\n").join(lines)


def _finding(found: Finding) -> Content:
    where = visible(found.path) + (f":{found.line}:{found.column}" if found.line else "")
    return Content.assemble(
        _SIGNS[found.level],
        (where, "bold"),
        (f"  {one_line(found.capability, 40)} · {one_line(found.rule, 60)}\n", "$muted"),
        f"          {visible(one_line(found.message, 400))}",
    )


def _counts(counts: TestCounts) -> str:
    names = ("passed", "failed", "errors", "skipped")
    return ", ".join(f"{getattr(counts, name)} {name}" for name in names)


def _detail(kind: str, data: object) -> str:
    """Return the one thing of an entry that a reader of the story wants."""
    name = _TELLING.get(kind, "message")
    value = data.get(name) if isinstance(data, Mapping) else None
    if not isinstance(value, str):
        return ""
    is_hash = name in {"commit", "digest", "tip"}
    return value.removeprefix("sha256:")[:12] if is_hash else one_line(value, 90)
