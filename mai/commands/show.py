"""One proposal as text: for `mai show`, and for what is read before a yes in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mai.pipeline.message import trial_line
from mai.proposal import Landing, Level, Opinion, Proposal, State
from mai.text import one_line, plain
from mai.visible import visible_diff

MARKS = {
    Level.LOW: "LOW",
    Level.MEDIUM: "▲ MEDIUM",
    Level.HIGH: "◆ HIGH",
    Level.BLOCKED: "■ BLOCKED",
}
OUTDATED = "◌"
_NAMES_MOST = 5
_STATE_MARKS = {State.PENDING: "●", State.LANDED: "✓", State.BLOCKED: "■", State.ROLLED_BACK: "↶"}


def mark_of(proposal: Proposal) -> str:
    """Return the one character that says how a proposal stands."""
    return _STATE_MARKS.get(proposal.state, "✗" if proposal.state.is_end else "…")


def row(proposal: Proposal, *, is_outdated: bool = False) -> str:
    """Return a proposal as one line of a list. `is_outdated`: its branch moved since."""
    level = MARKS[proposal.level] if proposal.risk else ""
    mark, state = (OUTDATED, "outdated") if is_outdated else (mark_of(proposal), proposal.state)
    return f"{mark} {proposal.id}  {state:<11} {level:<9} {one_line(proposal.title)}"


def unfinished(working: Sequence[Proposal]) -> str:
    """Return the sentence about proposals that are being judged or landed, or were left so."""
    if not working:
        return ""
    names = ", ".join(one.short_id for one in working[:_NAMES_MOST])
    names += ", …" if len(working) > _NAMES_MOST else ""
    verb = "is" if len(working) == 1 else "are"
    return f"{names} {verb} not finished. If nothing works on it: `mai pending --refresh`."


def card(proposal: Proposal, diff: str | None = None, *, is_outdated: bool = False) -> str:
    """Return everything a person is asked to judge, as plain text."""
    lines = [f"{mark_of(proposal)} {one_line(proposal.title)}    {proposal.id} · {_head(proposal)}"]
    lines += [_outdated(proposal)] * is_outdated
    if proposal.why:
        lines += ["", *(f"  {text}" for text in plain(proposal.why).splitlines())]
    lines += ["", *(f"  {_file(change)}" for change in proposal.files)]
    if proposal.risk:
        lines += [f"Risk    {MARKS[proposal.level]}{_gains(proposal)}"]
        lines += [
            f"        {MARKS[found.level]} {one_line(found.path)}:{found.line} "
            f"{one_line(found.message)} [{found.rule}]"
            for found in proposal.risk.findings
        ]
    if proposal.trial:
        lines += [f"Trial   {trial_line(proposal.trial)}"]
        for name in ("fixed", "broken", "missing", "changed", "flaky"):
            lines += [f"        {name}: {one_line(i)}" for i in getattr(proposal.trial, name)[:20]]
        if proposal.trial.message:
            lines += [f"        {one_line(proposal.trial.message)}"]
    lines += [f"Review  {_review(proposal)}"]
    if proposal.landed:
        lines += _landed(proposal.landed)
    if proposal.error:
        lines += [f"Ended   {one_line(proposal.error.message, 400)}"]
    if diff is not None:
        lines += ["", visible_diff(diff).rstrip()]
    if proposal.digest:
        digest = _bare(proposal.digest)[:12]
        author = one_line(proposal.author)
        lines += ["", f"digest {digest} · base {proposal.tip[:7]} · by {author}"]
    return "\n".join(lines)


def time_left(proposal: Proposal, now: datetime | None = None) -> str:
    """Return how long a proposal still waits, such as `23 h left`."""
    if not proposal.expires_at:
        return ""
    seconds = (
        datetime.fromisoformat(proposal.expires_at) - (now or datetime.now(UTC))
    ).total_seconds()
    if seconds <= 0:
        return "expired"
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h left" if hours else f"{minutes} min left"


def _outdated(proposal: Proposal) -> str:
    moved = f"{one_line(proposal.branch, 60)} moved since this was judged"
    return f"{OUTDATED} outdated: {moved}. A yes, or `--refresh`, judges it again first."


def _head(proposal: Proposal) -> str:
    if proposal.state is State.PENDING:
        return f"{MARKS[proposal.level]} · waits for you · {time_left(proposal)}"
    return str(proposal.state)


def _landed(landed: Landing) -> list[str]:
    note = one_line(landed.note, 400)
    if landed.is_beside:  # the note says on which branch, and why
        merge = f"        git merge {landed.branch} brings it in"
        return [f"Landed  {landed.commit[:12]} {note}", merge]
    kept = f"; {note}" if note else ""
    return [f"Landed  {landed.commit[:12]} on {landed.branch}{kept}"]


def _file(change: Any) -> str:
    name = f"{change.old_path} → {change.path}" if change.old_path else change.path
    amount = "binary" if change.is_binary else f"+{change.added} −{change.removed}"
    return f"{one_line(name)}  {amount}  {change.status}"


def _gains(proposal: Proposal) -> str:
    return "" if proposal.risk and proposal.risk.findings else ", gains nothing"


def _review(proposal: Proposal) -> str:
    review = proposal.review
    if review is None or (review.verdict is Opinion.NONE and not review.concerns):
        return "none, there is no second model to ask"
    word = {Opinion.APPROVE: "agrees", Opinion.OBJECT: "objects", Opinion.NONE: "failed"}[
        review.verdict
    ]
    concerns = "; ".join(one_line(concern) for concern in review.concerns) or "no concerns"
    who = f"{one_line(review.reviewer)} " if review.reviewer else ""
    return f"{who}{word}: {concerns}"


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:")
