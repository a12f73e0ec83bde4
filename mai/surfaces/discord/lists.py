"""Answers to commands, as Discord's Markdown. They block: for a lane, not for the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mai.core import Core
from mai.doctor import diagnose
from mai.errors import ProviderError
from mai.pipeline.message import unproven
from mai.proposal import Proposal, State
from mai.protocols import ModelInfo, Provider
from mai.surfaces.discord.wording import LEVELS
from mai.text import chat_line, one_line
from mai.words import chat_label, chat_said, chat_title, unformatted

_MOST = 20
_CHECK_MARKS = {"ok": "✓", "warn": "▲", "fail": "✗"}


def pending(core: Core) -> str:
    """Return what waits for a person, a line each."""
    waiting = core.inbox.pending()
    late = core.outdated(waiting)
    lines = [_row(one, is_outdated=one.id in late) for one in waiting[:_MOST]]
    return _listed(lines, len(waiting)) or "Nothing waits for you."


def history(core: Core) -> str:
    """Return what landed, the newest first, a line each."""
    landed = core.history()
    lines = [
        f"{'↶' if one.state is State.ROLLED_BACK else '✓'} `{one.short_id}`  "
        f"`{one.landed.commit[:7]}`  {one.landed.at[:16].replace('T', ' ')}  "
        f"{chat_title(one.title, 72)}"
        for one in landed[:_MOST]
        if one.landed
    ]
    return _listed(lines, len(landed)) or "Nothing has landed yet."


def doctor(core: Core) -> str:
    """Return what is installed, reachable or missing, with what mends it."""
    lines: list[str] = []
    for check in diagnose(core.settings, core.repo.root):
        lines.append(f"{_CHECK_MARKS[check.status]} **{check.name}**  {chat_line(check.text, 300)}")
        if check.mend:
            lines.append(f"    `{one_line(check.mend, 300).replace('`', chr(39))}`")
    return "\n".join(lines)


def models(core: Core) -> str:
    """Return what Mai thinks with and what else its provider has."""
    provider = core.provider()
    lines = [f"I think with **{chat_label(provider.model, 60)}** ({provider.name})."]
    try:
        with asyncio.Runner() as runner:
            found = runner.run(_models(provider))
    except ProviderError as error:
        return "\n".join([*lines, chat_line(error.sentence, 300)])
    lines += [
        f"- {chat_label(one.name, 60)}  {one.size_bytes / 1e9:.1f} GB"
        for one in found[:_MOST]
        if one.size_bytes
    ]
    return "\n".join(lines)


def made(proposal: Proposal) -> str:
    """Return, in a sentence, what became of a proposal that a command asked for."""
    named = f"{proposal.short_id}, {chat_title(proposal.title, 72)},"
    if proposal.state is State.PENDING:
        return f"{named} waits for you: see its card."
    why = f" {chat_said(proposal.error.message, 400)}" if proposal.error else ""
    return f"{named} is {str(proposal.state).replace('_', ' ')}.{why}"


def _row(proposal: Proposal, *, is_outdated: bool) -> str:
    mark, late = ("◌", "outdated") if is_outdated else ("●", "")
    title = chat_title(proposal.title)
    parts = (LEVELS[proposal.level], title, late, unformatted(chat_line(unproven(proposal))))
    return "  ".join([f"{mark} `{proposal.short_id}`", *filter(None, parts)])


def _listed(lines: list[str], count: int) -> str:
    more = [f"… and {count - _MOST} more"] if count > _MOST else []
    return "\n".join([*lines, *more])


async def _models(provider: Provider) -> Sequence[ModelInfo]:
    return await provider.models()
