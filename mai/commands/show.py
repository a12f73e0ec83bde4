"""One proposal as text: for `mai show`, and for what is read before a yes in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from mai.commands.output import Form, line
from mai.pipeline.message import author_writes, review_line, reviewer_writes, trial_line, unproven
from mai.proposal import Landing, Level, Proposal, State
from mai.visible import visible_diff
from mai.words import MOST_LINES, label, quoted_title, said

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
    line = f"{mark} {proposal.id}  {state:<11} {level:<9} {quoted_title(proposal.title)}"
    missing = unproven(proposal) if proposal.state is State.PENDING else ""
    return f"{line}  {missing}" if missing else line


def unfinished(working: Sequence[Proposal]) -> str:
    """Return the sentence about proposals that are being judged or landed, or were left so."""
    if not working:
        return ""
    names = ", ".join(one.short_id for one in working[:_NAMES_MOST])
    names += ", …" if len(working) > _NAMES_MOST else ""
    verb = "is" if len(working) == 1 else "are"
    return f"{names} {verb} not finished. If nothing works on it: `mai pending --refresh`."


def card(
    proposal: Proposal,
    diff: str | None = None,
    *,
    is_outdated: bool = False,
    most: int | None = MOST_LINES,
) -> str:
    """Return everything a person is asked to judge, as plain text.

    Mai's facts come first. The words of its author and its reviewer come last and quoted, up to
    `most` lines of each, None for all.
    """
    parts = _card(proposal, diff, is_outdated=is_outdated, most=most)
    return "\n".join(text for text, _ in parts)


def print_card(
    proposal: Proposal,
    diff: str | None = None,
    *,
    is_outdated: bool = False,
    most: int | None = MOST_LINES,
    to: Callable[[str, Form], None] = line,
) -> None:
    """Print `card(…)` with `to`: `line` for an answer, `note` for what comes before a question."""
    for text, form in _card(proposal, diff, is_outdated=is_outdated, most=most):
        to(text, form)


def _card(
    proposal: Proposal, diff: str | None, *, is_outdated: bool, most: int | None
) -> list[tuple[str, Form]]:
    lines = [f"{mark_of(proposal)} {proposal.id} · {_head(proposal)}", quoted_title(proposal.title)]
    lines += [_outdated(proposal)] * is_outdated
    lines += ["", *(f"  {_file(change)}" for change in proposal.files)]
    if proposal.risk:
        lines += [f"Risk    {MARKS[proposal.level]}{_gains(proposal)}"]
        lines += [
            f"        {MARKS[found.level]} {label(found.path)}:{found.line} "
            f"{said(found.message)} [{found.rule}]"
            for found in proposal.risk.findings
        ]
    if proposal.trial:
        lines += [f"Trial   {trial_line(proposal.trial)}"]
        for name in ("fixed", "broken", "missing", "changed", "flaky"):
            lines += [f"        {name}: {label(i)}" for i in getattr(proposal.trial, name)[:20]]
        if proposal.trial.message:
            lines += [f"        {said(proposal.trial.message)}"]
        lines += _rest(proposal)
    lines += [f"Review  {review_line(proposal.review)}"]
    lines += _signature(proposal)
    if proposal.landed:
        lines += _landed(proposal.landed)
    if proposal.error:
        lines += [f"Ended   {said(proposal.error.message, 400)}"]
    if proposal.digest:
        digest = _bare(proposal.digest)[:12]
        lines += [f"digest {digest} · base {proposal.tip[:7]} · by {label(proposal.author)}"]
    parts: list[tuple[str, Form]] = [("\n".join(lines), "prose")]
    if diff is not None:
        parts += [("", "prose"), (visible_diff(diff).rstrip(), "diff")]
    for words in (author_writes(proposal, most=most), reviewer_writes(proposal, most=most)):
        parts += [("\n".join(["", *words]), "prose")] if words else []
    return parts


def _signature(proposal: Proposal) -> list[str]:
    is_asked = proposal.signing and proposal.state is State.PENDING
    return [f"Sign    {label(proposal.signing)}"] if is_asked else []


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
    moved = f"{label(proposal.branch, 60)} moved since this was judged"
    return f"{OUTDATED} outdated: {moved}. A yes, or `--refresh`, judges it again first."


def _head(proposal: Proposal) -> str:
    if proposal.state is State.PENDING:
        return f"{MARKS[proposal.level]} · waits for you · {time_left(proposal)}"
    return str(proposal.state)


def _rest(proposal: Proposal) -> list[str]:
    return [f"        the other tests: {trial_line(proposal.rest)}"] if proposal.rest else []


def _landed(landed: Landing) -> list[str]:
    note = said(landed.note, 400)
    if landed.is_beside:  # the note says on which branch, and why
        merge = f"        git merge {label(landed.branch)} brings it in"
        return [f"Landed  {landed.commit[:12]} {note}", merge]
    kept = f"; {note}" if note else ""
    return [f"Landed  {landed.commit[:12]} on {label(landed.branch)}{kept}"]


def _file(change: Any) -> str:
    name = f"{label(change.old_path)} → " if change.old_path else ""
    amount = "binary" if change.is_binary else f"+{change.added} −{change.removed}"
    return f"{name}{label(change.path)}  {amount}  {change.status}"


def _gains(proposal: Proposal) -> str:
    return "" if proposal.risk and proposal.risk.findings else ", gains nothing"


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:")
