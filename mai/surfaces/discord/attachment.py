"""Everything that a yes on a card is bound to, uncut and as plain text: the card's attachment.

Mai's facts come first, then the diff, then the words of others, quoted and named.
"""

from __future__ import annotations

from collections.abc import Iterator

from mai.pipeline.message import author_writes, review_line, reviewer_writes, trial_line
from mai.proposal import FileChange, Proposal, RiskReport, TrialReport
from mai.surfaces.discord.wording import LEVELS
from mai.visible import visible_diff
from mai.words import label, quoted_title, said

_UNCUT = 10_000
_INDENT = " " * 8


def whole(proposal: Proposal, diff: str) -> str:
    """Return what the attachment of a card holds."""
    lines = [
        f"id      {proposal.id}",
        f"title   {quoted_title(proposal.title, 500)}",
        f"branch  {label(proposal.branch)}",
        f"digest  {proposal.digest or '-'}",
        f"author  {label(proposal.author)}",
        *(f"file    {_file(change)}" for change in proposal.files),
        f"risk    {LEVELS[proposal.level]}",
        *_findings(proposal.risk),
        *_trial("trial", proposal.trial),
        *_trial("later", proposal.rest),
        f"review  {review_line(proposal.review)}",
        *([f"sign    {said(proposal.signing, _UNCUT)}"] if proposal.signing else []),
        "",
        visible_diff(diff).rstrip("\n"),
    ]
    for words in (author_writes(proposal, most=None), reviewer_writes(proposal, most=None)):
        lines += ["", *words] if words else []
    return "\n".join(lines) + "\n"


def _findings(risk: RiskReport | None) -> Iterator[str]:
    for found in risk.findings if risk else ():
        where = f"{label(found.path, _UNCUT)}{f':{found.line}' if found.line else ''}"
        yield f"{_INDENT}{LEVELS[found.level]} {where} {said(found.message, _UNCUT)}"


def _trial(name: str, trial: TrialReport | None) -> Iterator[str]:
    if trial is None:
        return
    yield f"{name:<8}{trial_line(trial)}"
    for kind in ("fixed", "broken", "missing", "changed", "flaky"):
        yield from (f"{_INDENT}{kind}: {label(test, _UNCUT)}" for test in getattr(trial, kind))
    if trial.message:
        yield f"{_INDENT}{said(trial.message, _UNCUT)}"


def _file(change: FileChange) -> str:
    before = f"{label(change.old_path, _UNCUT)} → " if change.old_path else ""
    amount = "binary" if change.is_binary else f"+{change.added} −{change.removed}"
    modes = ""
    if change.old_mode and change.new_mode and change.old_mode != change.new_mode:
        modes = f"  mode {change.old_mode} → {change.new_mode}"
    return f"{before}{label(change.path, _UNCUT)}  {amount}  {change.status}{modes}"
