"""What Mai is doing, in the bot's presence and, where set, in one message of a channel."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import discord

from mai.errors import MaiError
from mai.events import Event, StageFinished, StageStarted
from mai.proposal import Proposal, State
from mai.surfaces.discord.desk import Desk
from mai.surfaces.discord.reach import Kind, Trouble, done, reached
from mai.system.resources import GIB, Meter
from mai.words import chat_label, chat_title

#: Discord takes five changes of presence in twenty seconds.
_LOOK_EVERY_S = 5.0
_CHANNEL_EVERY_S = 30.0
_FACT = "status-message"


class Status:
    """Tells what changed, never more often than Discord likes."""

    def __init__(self, desk: Desk, is_talking: Callable[[], bool]) -> None:
        self._desk = desk
        self._is_talking = is_talking
        self._stages: dict[str, str] = {}
        self._presence = ""
        self._shown = ""
        self._shown_s = float("-inf")
        self._meter: Meter | None = None

    async def run(self) -> None:
        """Tell until cancelled."""
        forget = self._desk.core.events.subscribe(self._heard)
        self._meter = Meter(self._desk.core.settings)
        try:
            while True:
                with contextlib.suppress(Trouble, MaiError):  # it is told again in a moment
                    await self._tell()
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            forget()
            self._meter.close()

    async def text(self) -> str:
        """Return what Mai does, what waits, and what it uses, as lines for a message."""
        proposals = await self._desk.look(self._desk.core.inbox.pending)
        lines = [f"**{self._doing(proposals, is_paused=await self._desk.is_paused())}**"]
        waiting = [one for one in proposals if one.state is State.PENDING]
        lines += [f"● {one.short_id}  {chat_title(one.title, 60)}" for one in waiting[:5]]
        if len(waiting) > 5:  # noqa: PLR2004 - as many as fit a glance
            lines.append(f"… and {len(waiting) - 5} more wait")
        if self._meter is not None:
            now = await self._desk.look(self._meter.sample)
            memory = f"{now.memory_used_bytes / GIB:.1f}/{now.memory_total_bytes / GIB:.0f} GiB"
            lines.append(f"cpu {now.cpu_percent:.0f} %  ·  memory {memory}")
        root = self._desk.core.repo.root.name
        lines.append(f"-# status of {chat_label(root, 60)}")
        return "\n".join(lines)

    async def _tell(self) -> None:
        proposals = await self._desk.look(self._desk.core.inbox.pending)
        doing = self._doing(proposals, is_paused=await self._desk.is_paused())
        if doing != self._presence:
            activity = discord.CustomActivity(name=doing[:120])
            await reached(self._desk.post.client.change_presence(activity=activity))
            self._presence = doing
        channel = self._desk.account.status_channel
        if channel is not None and time.monotonic() - self._shown_s > _CHANNEL_EVERY_S:
            self._shown_s = time.monotonic()
            text = await self.text()
            if text != self._shown:
                await self._show(channel, text)
                self._shown = text

    async def _show(self, channel: int, text: str) -> None:
        """Edit the one message; post it where it is not there."""
        cards, post = self._desk.core.cards, self._desk.post
        known = await self._desk.look(lambda: cards.fact(_FACT))
        place, _, identity = known.partition(":")
        if identity.isdecimal() and place == str(channel):
            message = post.client.get_partial_messageable(channel).get_partial_message(
                int(identity)
            )
            try:
                await done(message.edit(content=text))
            except Trouble as trouble:
                if trouble.kind is not Kind.GONE:
                    raise
            else:
                return
        # One may be there that was never written down, because Mai was killed just then.
        for old in await post.latest(channel):
            if old.author.id == post.me and old.content.endswith(text.splitlines()[-1]):
                identity = str(old.id)
                await done(old.edit(content=text))
                break
        else:
            identity = str((await post.send(text, channel=channel, silent=True)).id)
        await self._desk.look(lambda: cards.remember(_FACT, f"{channel}:{identity}"))

    def _doing(self, proposals: list[Proposal], *, is_paused: bool) -> str:
        waiting = sum(one.state is State.PENDING for one in proposals)
        waits = f"{waiting} {'waits' if waiting == 1 else 'wait'} for you" if waiting else ""
        if is_paused:
            work = "paused"
        elif self._stages:
            identity, stage = next(iter(self._stages.items()))
            work = f"{stage} of {identity[:4]}"
        else:
            work = "talking" if self._is_talking() else ""
        return " · ".join(part for part in (waits, work) if part) or "nothing waits"

    def _heard(self, event: Event) -> None:
        match event:
            case StageStarted(identity, stage):
                self._stages[identity] = stage
            case StageFinished(identity, _, _, _):
                self._stages.pop(identity, None)
