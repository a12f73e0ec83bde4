"""What the conversation says when a proposal moves on: a line for a step, another for an end."""

from __future__ import annotations

from textual.content import Content

from mai.console.answers import ended
from mai.console.proposal_words import Progress, counts, mark, review_line, risk_line, trial_line
from mai.proposal import Proposal, State
from mai.words import label, quoted_title, said


def step_line(proposal: Proposal, progress: Progress | None) -> Content | None:
    """Return what the stage that just ended found, None where an end says it better."""
    line: Content | None = None
    match proposal.state:
        case State.PROPOSED if proposal.tip != proposal.base:
            moved = f"{label(proposal.branch, 40)} moved; I judge it again on {proposal.tip[:7]}"
            line = Content(f"{proposal.short_id} · {moved}")
        case State.PROPOSED:
            title = quoted_title(proposal.title)
            line = Content(f"{proposal.short_id} · {title} · {counts(proposal)}")
        case State.CHECKED:
            line = Content.assemble("check · it parses", _took(progress, "check"))
        case State.ASSESSED:
            line = Content.assemble("assess · ", risk_line(proposal), _took(progress, "assess"))
        case State.TRIED:
            line = Content.assemble("trial · ", trial_line(proposal, is_brief=True))
        case State.REVIEWED:
            line = Content.assemble("review · ", review_line(proposal))
        case State.APPROVED if proposal.approval:
            line = Content(f"{proposal.short_id} · yes by {label(proposal.approval.by, 60)}")
    return line


def end_line(proposal: Proposal) -> Content | None:
    """Return the sentence for a proposal that waits for a person or has come to an end."""
    if proposal.state is not State.PENDING and not proposal.state.is_end:
        return None
    who = f" {proposal.short_id} {quoted_title(proposal.title)}"
    match proposal.state:
        case State.PENDING:
            told = Content.assemble((" waits for you", "$accent"))
        case State.LANDED if proposal.landed:
            where = f"{label(proposal.landed.branch, 60)} as {proposal.landed.commit[:7]}"
            note = f". {said(proposal.landed.note)}" if proposal.landed.note else ""
            told = Content(f" landed on {where}{note}")
        case _ if proposal.error:
            told = Content(f" {ended(proposal)}. {said(proposal.error.message, 400)}")
        case _:
            told = Content(f" {ended(proposal)}")
    return Content.assemble(
        mark(proposal), Content.assemble(who, told).stylize_before("$foreground")
    )


def waiting_line(count: int) -> str:
    """Return what the console opens with where something waits."""
    return (
        f"{count} {'proposal waits' if count == 1 else 'proposals wait'} for you: Tab goes there."
    )


def _took(progress: Progress | None, stage: str) -> str:
    seconds = progress.seconds.get(stage) if progress else None
    return f" · {seconds:.1f} s" if seconds is not None else ""
