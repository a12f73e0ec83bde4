"""The pages behind a proposal's tabs: findings, trial, review, story. Protected core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from mai.console.proposal_words import on_screen, quoted_lines, trial_line
from mai.pipeline.message import author_writes, reviewer_writes
from mai.proposal import Finding, Level, Opinion, Proposal, TestCounts
from mai.text import one_line, plain
from mai.visible import visible
from mai.words import label, quoted_title, said

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
_LONGEST = 2_000
_OUTPUT = ("  written by the tried code, and not part of the digest that is approved", "$muted")
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
        lines.append(Content(said(trial.message, 400)))
    lines += [
        Content(""),
        Content.assemble(("before ", "$muted"), _counts(trial.base)),
        Content.assemble(("after  ", "$muted"), _counts(trial.head)),
        Content.assemble(("image  ", "$muted"), label(trial.image, 80)),
        Content.assemble(("limits ", "$muted"), label(trial.profile, 40)),
    ]
    for name, sign, style, meaning in _LISTS:
        ids: Sequence[str] = getattr(trial, name)
        if ids:
            lines += [Content(""), Content.assemble((name, "bold"), (f"  {meaning}", "$muted"))]
            lines += [
                Content.assemble((f"  {sign} ", style), label(one, _LONGEST))
                for one in ids[:_MOST_TESTS]
            ]
            if len(ids) > _MOST_TESTS:
                lines.append(Content.styled(f"  … and {len(ids) - _MOST_TESTS} more", "$muted"))
    if trial.output.strip():
        lines += [Content(""), Content.assemble(("The end of its output", "bold"), _OUTPUT)]
        lines += [
            Content(f"> {visible(line)}") for line in plain(trial.output).rstrip().split("\n")
        ]
    return Content("\n").join(lines)


def review_page(proposal: Proposal) -> Content:
    """Return what the second agent said."""
    review = proposal.review
    if review is None:
        return Content.styled("It was not reviewed yet.", "$muted")
    if review.verdict is Opinion.NONE and not review.concerns:
        return Content.styled("Nobody reviewed it: there was no second model to ask.", "$muted")
    word = {Opinion.APPROVE: "agrees", Opinion.OBJECT: "objects", Opinion.NONE: "gives no verdict"}
    lines = [f"{label(review.reviewer, 80)} {word[review.verdict]}.".strip(), ""]
    if review.verdict is Opinion.NONE:
        lines += [said(concern, 400) for concern in review.concerns]
    words = quoted_lines(reviewer_writes(proposal, most=None))
    return Content("\n").join([*map(Content, lines), *words])


def story_page(proposal: Proposal, story: Sequence[Mapping[str, Any]]) -> Content:
    """Return every entry of the ledger, oldest first, and then the author's whole reason."""
    lines = []
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
        lines.append(Content.assemble(("yes by ", "$muted"), label(proposal.approval.by, 80)))
    words = author_writes(proposal, most=None) or ["No reason was given."]
    lines += [Content(""), *quoted_lines(words)]
    return Content("\n").join(lines)


def _finding(found: Finding) -> Content:
    where = label(found.path, _LONGEST) + (f":{found.line}:{found.column}" if found.line else "")
    return Content.assemble(
        _SIGNS[found.level],
        (where, "bold"),
        (f"  {one_line(found.capability, 40)} · {one_line(found.rule, 60)}\n", "$muted"),
        f"          {said(found.message, 400)}",
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
    if name in {"commit", "digest", "tip"}:
        return label(value.removeprefix("sha256:")[:12])
    return on_screen(quoted_title(value)) if name == "title" else said(value, 90)
