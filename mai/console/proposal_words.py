"""How a proposal reads on the screen: its mark, its stages, the lines above its diff.

Protected core: what is shown before a yes is made here. Text from elsewhere enters as plain text,
never as markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from mai.pipeline.message import (
    author_writes,
    first_error,
    no_review_line,
    rates_clause,
    why_skipped,
)
from mai.proposal import Level, Opinion, Proposal, State, Verdict
from mai.text import one_line
from mai.words import label, said, title_line

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
STAGES = ("check", "assess", "trial", "review")
_LEVELS = {
    Level.LOW: ("LOW", ""),
    Level.MEDIUM: ("▲ MEDIUM", "$warning"),
    Level.HIGH: ("◆ HIGH", "$error"),
    Level.BLOCKED: ("■ BLOCKED", "$error reverse"),
}
_DONE = {
    State.PROPOSED: 0,
    State.CHECKED: 1,
    State.ASSESSED: 2,
    State.TRIED: 3,
    State.REVIEWED: 4,
    State.PENDING: 4,
    State.APPROVED: 4,
    State.LANDED: 4,
    State.ROLLED_BACK: 4,
}
_ENDED = {
    State.LANDED: ("✓", "$success"),
    State.ROLLED_BACK: ("↶", "$muted"),
    State.BLOCKED: ("■", "$error"),
    State.EXPIRED: ("–", "$muted"),
    State.WITHDRAWN: ("–", "$muted"),
    State.REJECTED: ("–", "$muted"),
}
_DIGITS = 12


@dataclass(slots=True)
class Progress:
    """What this process saw of a proposal's way: the stage that runs and since when, and times.

    `started_s` is monotonic; `seconds` holds how long each finished stage took.
    """

    stage: str = ""
    started_s: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)


Seen = Mapping[str, Progress]
NOTHING_SEEN: Seen = MappingProxyType({})


def level(proposal: Proposal) -> Content:
    """Return the level with its sign; nothing before it was assessed."""
    if proposal.risk is None:
        return Content("")
    text, style = _LEVELS[proposal.level]
    return Content.styled(text, style)


def mark(proposal: Proposal, frame: int = 0) -> Content:
    """Return the one character that says how a proposal stands; `frame` turns the spinner."""
    if proposal.state is State.PENDING:
        return Content.styled("●", "$accent bold")
    if not proposal.state.is_end:
        return Content(SPINNER[frame % len(SPINNER)])
    return Content.styled(*_ENDED.get(proposal.state, ("✗", "$error")))


def short_digest(proposal: Proposal) -> str:
    """Return the digits of the digest that are shown where there is room for some."""
    return proposal.digest.removeprefix("sha256:")[:_DIGITS]


def time_left(proposal: Proposal, now: datetime | None = None) -> str:
    """Return how long a proposal still waits, such as `23 h left`."""
    if not proposal.expires_at:
        return ""
    until = datetime.fromisoformat(proposal.expires_at)
    seconds = (until - (now or datetime.now(UTC))).total_seconds()
    if seconds <= 0:
        return "no time left"
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h left" if hours else f"{minutes} min left"


def stages(proposal: Proposal, progress: Progress | None, now_s: float, frame: int = 0) -> Content:
    """Return the stages with their ticks, such as `✓check ✓assess ⠹trial 4.1 s`."""
    done = _DONE.get(proposal.state, _reached(proposal))
    running = progress.stage if progress and not proposal.state.is_end else ""
    parts: list[Content] = []
    for at, name in enumerate(STAGES):
        if name == running:
            seconds = max(0.0, now_s - progress.started_s) if progress else 0.0
            sign = SPINNER[frame % len(SPINNER)]
            parts.append(Content.assemble(sign, name, (f"  {seconds:.1f} s", "$muted")))
            break
        if at < done and (said := _unproven(proposal, name)):
            parts.append(Content.styled(*said))
        elif at < done:
            parts.append(Content.assemble(("✓", "$success"), (name, "$muted")))
        elif proposal.state in {State.BLOCKED, State.FAILED} and at == done:
            parts.append(Content.assemble(("✗", "$error"), name))
            break
    return Content(" ").join(parts)


def _unproven(proposal: Proposal, stage: str) -> tuple[str, str] | None:
    """Return mark and style of a stage that was passed and did not say yes, None otherwise."""
    if stage == "trial" and proposal.trial and proposal.trial.verdict is Verdict.SKIPPED:
        return "▲ no tests", "$warning"
    if stage == "review" and (not proposal.review or proposal.review.verdict is Opinion.NONE):
        return "– no review", "$muted"
    if stage == "review" and proposal.review and proposal.review.verdict is Opinion.OBJECT:
        return "▲ objects", "$warning"
    return None


def rows(
    proposal: Proposal, width: int, progress: Progress | None, now_s: float, frame: int = 0
) -> Content:
    """Return a proposal as it stands in the list, `width` cells wide: one to three lines."""
    sign = Content.styled(*_LEVELS[proposal.level]) if proposal.risk else Content("")
    if cell_len(sign.plain) > width // 4:
        sign = Content.styled(_LEVELS[proposal.level][0][:5].rstrip(), _LEVELS[proposal.level][1])
    is_old = proposal.state.is_end
    quiet = "$muted" if is_old else ""
    if proposal.level is Level.LOW:
        sign = sign.stylize_before(quiet)
    head = Content.assemble(mark(proposal, frame), (f" {proposal.short_id} ", quiet))
    room = width - cell_len(head.plain) - cell_len(sign.plain) - 1
    title = _cut(on_screen(title_line(proposal.title)), room)
    first = Content.assemble(head, (title, quiet), " ", sign).truncate(width)
    if is_old:
        return first
    lines = [first, Content.assemble("  ", stages(proposal, progress, now_s, frame))]
    if proposal.state is State.PENDING:
        waits = Content.assemble(
            "  ", ("waits", "$accent"), (f" · {time_left(proposal)}", "$muted")
        )
        lines.append(waits)
    return Content("\n").join(lines)


def state_line(proposal: Proposal) -> Content:
    """Return the right half of a proposal's head: level, state, time left."""
    if proposal.state is State.PENDING:
        waits = ("waits for you", "$accent")
        return Content.assemble(level(proposal), " · ", waits, f" · {time_left(proposal)}")
    sign = level(proposal)
    state = str(proposal.state).replace("_", " ")
    return Content.assemble(sign, " · " if sign.plain else "", state)


def counts(proposal: Proposal) -> str:
    """Return how much it changes, such as `1 file, +1 −1`."""
    added = sum(change.added for change in proposal.files)
    removed = sum(change.removed for change in proposal.files)
    files = len(proposal.files)
    return f"{files} file{'' if files == 1 else 's'}, +{added} −{removed}"


def risk_line(proposal: Proposal) -> Content:
    """Return the level and what the change gains."""
    if proposal.risk is None:
        return Content.styled("not assessed yet", "$muted")
    gains = sorted({one_line(found.capability, 30) for found in proposal.risk.findings})
    return Content.assemble(level(proposal), f", gains {', '.join(gains) or 'nothing'}")


def trial_line(proposal: Proposal, *, is_brief: bool = False) -> Content:
    """Return what the trial showed in one line; `is_brief` leaves out what it took."""
    trial = proposal.trial
    if trial is None:
        return Content.styled("not tried yet", "$muted")
    if trial.verdict is Verdict.SKIPPED:
        return Content.assemble(
            ("▲", "$warning"), f" skipped, {why_skipped(trial)}{first_error(trial)}"
        )
    sign = ("✓ ", "$success") if trial.verdict is Verdict.PASS else ("✗ ", "$error")
    verdict = "" if trial.verdict is Verdict.PASS else f"{trial.verdict}, "
    more = [
        f"{len(ids)} {name}"
        for name in ("missing", "changed", "flaky")
        if (ids := getattr(trial, name))
    ]
    fixed = [f"{len(trial.fixed)} fixed"] if trial.fixed or not is_brief else []
    shown = [*fixed, f"{len(trial.broken)} broken", *more]
    shown.append(f"{trial.head.passed} passed")
    if failing := trial.head.failed + trial.head.errors:
        shown.append(f"{failing} failing")
    parts = [", ".join(shown), f"{trial.seconds:.1f} s"]
    if is_brief:
        return Content.assemble(sign, verdict, " · ".join(parts))
    return Content.assemble(sign, verdict, " · ".join([*parts, "no network"]))


def review_line(proposal: Proposal) -> Content:
    """Return who reviewed it and what they said, in one line."""
    review = proposal.review
    if review is None:
        return Content.styled("not reviewed yet", "$muted")
    if review.verdict is Opinion.NONE:
        return Content.styled(f"– {no_review_line(review)}", "$muted")
    agrees = review.verdict is Opinion.APPROVE
    sign = ("✓ ", "$success") if agrees else ("▲ ", "$warning")
    count = len(review.concerns)
    concerns = "no concerns" if not count else f"{count} concern{'' if count == 1 else 's'}"
    who = label(review.reviewer, 60)
    verdict = "agrees" if agrees else "objects"
    return Content.assemble(sign, f"{who} {verdict}, {concerns}", (rates_clause(review), "$muted"))


def head_lines(proposal: Proposal, width: int) -> Content:
    """Return the lines above the tabs: Mai's facts, then the author's words, quoted."""
    lines = [
        Content.assemble(
            ("What   ", "$muted"),
            counts(proposal),
            ("        Risk  ", "$muted"),
            risk_line(proposal),
        ),
        Content.assemble(("Trial  ", "$muted"), trial_line(proposal)),
        Content.assemble(("Review ", "$muted"), review_line(proposal)),
    ]
    if proposal.landed:
        where = f"{proposal.landed.commit[:7]} on {label(proposal.landed.branch, 60)}"
        note = f" · {said(proposal.landed.note)}" if proposal.landed.note else ""
        lines.append(Content.assemble(("Landed ", "$muted"), where, note))
    elif proposal.error:
        lines.append(
            Content.assemble(("Ended  ", "$muted"), (said(proposal.error.message, 400), "$error"))
        )
    if proposal.signing and proposal.state is State.PENDING:
        lines.append(Content.assemble(("Sign   ", "$muted"), said(proposal.signing)))
    words = author_writes(proposal, width=max(20, width)) or ["No reason was given."]
    lines += quoted_lines(words)
    return Content("\n").join(lines)


def quoted_lines(words: Sequence[str]) -> list[Content]:
    """Return the words of others as the screen shows them: paler than the facts above them."""
    return [Content.styled(on_screen(line), "$muted") for line in words]


def on_screen(text: str) -> str:
    """Return `text` without what keeps a chat from making a mention of it: some fonts draw it."""
    return text.replace("\u200b", "")


def _reached(proposal: Proposal) -> int:
    """Return how many stages a proposal passed that came to an end on the way."""
    reports = (proposal.risk, proposal.trial, proposal.review)
    reached = 1 + sum(report is not None for report in reports) if proposal.risk else 0
    is_over = proposal.state in {State.BLOCKED, State.FAILED} and reached > 0
    # The report of the stage that said no is there as well.
    return reached - 1 if is_over else reached


def _cut(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, max(0, width))
    cut = set_cell_size(text, max(0, width - 1)).rstrip() + "…" if width > 1 else ""
    return set_cell_size(cut, max(0, width))
