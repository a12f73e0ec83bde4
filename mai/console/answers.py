"""What the commands that only look answer, as plain text for a screen and for a pipe alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mai.console.commands import COMMANDS
from mai.errors import ProviderError, UsageError
from mai.pipeline.message import unproven
from mai.proposal import Proposal, State
from mai.protocols import ModelInfo, Provider
from mai.words import label, quoted_title, said

if TYPE_CHECKING:
    from mai.core import Core

_MARKS = {
    State.PENDING: "●",
    State.LANDED: "✓",
    State.BLOCKED: "■",
    State.ROLLED_BACK: "↶",
    State.FAILED: "✗",
    State.CONFLICTED: "✗",
}
_ENDS = {
    State.LANDED: "landed",
    State.BLOCKED: "is blocked",
    State.FAILED: "failed",
    State.REJECTED: "was rejected",
    State.EXPIRED: "has expired",
    State.CONFLICTED: "no longer fits its branch",
    State.WITHDRAWN: "was withdrawn",
    State.ROLLED_BACK: "was taken back",
}
_CHECK_MARKS = {"ok": "✓", "warn": "▲", "fail": "✗"}
_MOST_LISTED = 20


def help_text() -> str:
    """Return every command with what it does."""
    width = max(len(command.usage) for command in COMMANDS)
    lines = [f"{command.usage:<{width}}  {command.help}" for command in COMMANDS]
    return "\n".join(
        [*lines, "", "Anything else is said to the model. @path puts a file before it."]
    )


def pending_text(core: Core) -> str:
    """Return what waits for a person, a line each."""
    waiting = core.inbox.pending()
    late = core.outdated(waiting)
    rows = [_row(one, is_outdated=one.id in late) for one in waiting[:_MOST_LISTED]]
    if len(waiting) > _MOST_LISTED:
        rows.append(f"… and {len(waiting) - _MOST_LISTED} more; `mai pending` has them.")
    return "\n".join(rows) or "Nothing waits for you."


def history_text(core: Core) -> str:
    """Return what landed, newest first, a line each."""
    lines = [
        f"{_mark(one)} {one.short_id}  {one.landed.commit[:7]}  "
        f"{one.landed.at[:16].replace('T', ' ')}  {quoted_title(one.title)}"
        for one in core.history()
        if one.landed
    ]
    more = f"\n… and {len(lines) - _MOST_LISTED} before; `mai history` has them."
    shown = "\n".join(lines[:_MOST_LISTED]) or "Nothing has landed yet."
    return shown + (more if len(lines) > _MOST_LISTED else "")


def doctor_text(core: Core) -> str:
    """Return what is installed, reachable or missing, with what mends it. Takes seconds."""
    from mai.doctor import diagnose

    lines: list[str] = []
    for check in diagnose(core.settings, core.repo.root):
        lines.append(f"{_CHECK_MARKS[check.status]} {check.name:<14} {check.text}")
        if check.mend:
            lines.append(f"  {'':<14} › {check.mend}")
    return "\n".join(lines)


def model_text(core: Core) -> str:
    """Return what Mai thinks with and what else its provider has."""
    import asyncio

    provider = core.provider()
    lines = [f"I think with {model_name(provider.name, provider.model)}."]
    try:
        with asyncio.Runner() as runner:
            models = runner.run(_models(provider))
    except ProviderError as error:
        return "\n".join([*lines, str(error)])
    lines += [
        f"  {label(one.name, 60)}  {one.size_bytes / 1e9:.1f} GB"
        for one in models
        if one.name != provider.model and one.size_bytes
    ]
    return "\n".join([*lines, "MAI_MODEL names another; it counts from the next start."])


def model_name(provider: str, model: str) -> str:
    """Return what thinks, as a person would say it."""
    return "reflexes" if provider == "reflex" else label(model, 40)


def the_one(core: Core, prefix: str, *, landed: bool = False) -> Proposal:
    """Return the proposal that `prefix` names; without one, the only one that is meant.

    Raises:
        UsageError: nothing or too much fits.
    """
    if prefix:
        return core.get(prefix)
    candidates: Sequence[Proposal] = core.history() if landed else core.inbox.pending()
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise UsageError("Nothing waits for you.")
    names = ", ".join(one.short_id for one in candidates[:5])
    raise UsageError(f"Which one? {names}.")


def outcome(proposal: Proposal) -> str:
    """Return, as one sentence, how a proposal stands after the work on it."""
    name = f"{proposal.short_id}, {quoted_title(proposal.title)},"
    match proposal.state:
        case State.PENDING:
            return f"{name} waits for you."
        case State.LANDED if proposal.landed:
            where = f"{label(proposal.landed.branch, 60)} as {proposal.landed.commit[:7]}"
            note = f" {said(proposal.landed.note)}" if proposal.landed.note else ""
            return f"{name} landed on {where}.{note}"
        case _ if proposal.error:
            return f"{name} {ended(proposal)}. {said(proposal.error.message, 400)}"
        case _:
            return f"{name} {ended(proposal)}."


def ended(proposal: Proposal) -> str:
    """Return, as a verb, what became of a proposal, such as `was rejected`."""
    return _ENDS.get(proposal.state, f"is {proposal.state}")


def _row(proposal: Proposal, *, is_outdated: bool) -> str:
    level = str(proposal.level) if proposal.risk else ""
    mark, late = ("◌", "outdated") if is_outdated else (_mark(proposal), "")
    head = f"{mark} {proposal.short_id}  {level:<7} {quoted_title(proposal.title)}"
    return "  ".join([head, *filter(None, (late, unproven(proposal)))])


def _mark(proposal: Proposal) -> str:
    return _MARKS.get(proposal.state, "–" if proposal.state.is_end else "…")


async def _models(provider: Provider) -> Sequence[ModelInfo]:
    return await provider.models()
