"""Looks at the inbox: what no event told of (other processes, time) shows here within a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from mai.errors import MaiError
from mai.proposal import Proposal, State
from mai.store.cards import Card, CardState
from mai.surfaces.discord.cards import outcome_of
from mai.surfaces.discord.desk import Desk
from mai.surfaces.discord.reach import Kind, Trouble
from mai.words import chat_title

_LOOK_EVERY_S = 1.0
#: Of what has ended, only so many are looked at each time: nothing happens to older ones.
_ENDED_MOST = 1_000
_REMIND_AT_MOST = timedelta(hours=1)
_REMIND_SHARE = 0.25


class Watch:
    """Pokes `show` for every proposal that looks other than it was last shown."""

    def __init__(self, desk: Desk, show: Callable[[str], None]) -> None:
        self._desk = desk
        self._show = show
        self._seen: dict[str, tuple[str, ...]] = {}
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Look now rather than within a second. For the loop's own thread."""
        self._nudged.set()

    async def run(self) -> None:
        """Look until cancelled."""
        await self._know_what_was_shown()
        while True:
            try:
                proposals = await self._desk.look(self._newest)
                self._compare(proposals)
                await self._remind(proposals)
            except MaiError as error:  # a busy database is looked at again in a second
                self._desk.say(error.sentence)
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._nudged.wait()
            except TimeoutError:
                pass
            self._nudged.clear()

    async def _know_what_was_shown(self) -> None:
        """Take for shown what the cards of an earlier process show."""
        core = self._desk.core
        cards = await self._desk.look(core.cards.all)
        listed = await self._desk.look(self._newest)
        known = {proposal.id for proposal in listed}
        for card in (card for mine in cards.values() for card in mine):
            if card.state is not CardState.CLOSED and card.proposal not in known:
                self._show(card.proposal)  # it ended long ago, and its card may not say so
        for proposal in listed:
            mine = cards.get(proposal.id, [])
            if proposal.state.is_end and mine:
                ok = all(_shows_end(card, proposal) for card in mine)
            else:
                ok = any(
                    card.digest == proposal.digest and card.state is CardState.POSTED
                    for card in mine
                ) and all(
                    card.digest == proposal.digest or card.state is CardState.CLOSED
                    for card in mine
                )
            if ok:
                self._seen[proposal.id] = _look_of(proposal)

    def _newest(self) -> list[Proposal]:
        return self._desk.core.inbox.recent(_ENDED_MOST)

    def _compare(self, proposals: list[Proposal]) -> None:
        for proposal in reversed(proposals):  # the oldest first: it ends first
            look = _look_of(proposal)
            if self._seen.get(proposal.id) != look:
                self._seen[proposal.id] = look
                self._show(proposal.id)

    # --- before the end ----------------------------------------------------------------------

    async def _remind(self, proposals: list[Proposal]) -> None:
        now = self._desk.core.clock.now()
        due = {one.id: one for one in proposals if _ends_soon(one, now)}
        if not due:
            return
        for card in await self._desk.look(self._desk.core.cards.open):
            proposal = due.get(card.proposal)
            is_current = proposal is not None and card.digest == proposal.digest
            if proposal and is_current and card.state is CardState.POSTED and not card.reminded:
                await self._remind_of(card, proposal)

    async def _remind_of(self, card: Card, proposal: Proposal) -> None:
        cards = self._desk.core.cards
        # Written down first: a reminder too few is better than one a second.
        await self._desk.look(lambda: cards.change(card, reminded=1))
        ends = int(datetime.fromisoformat(proposal.expires_at or "").timestamp())
        title = chat_title(proposal.title)
        try:
            await self._desk.post.reply(
                card, f"{title} ({proposal.short_id}) ends <t:{ends}:R>. No answer is a no."
            )
        except Trouble as trouble:
            if trouble.kind is Kind.UNSURE:
                await self._desk.look(lambda: cards.change(card, reminded=0))


def _look_of(proposal: Proposal) -> tuple[str, ...]:
    if proposal.state.is_end:
        return (outcome_of(proposal),)
    return (proposal.state, proposal.digest)


def _shows_end(card: Card, proposal: Proposal) -> bool:
    return card.state is CardState.CLOSED and (
        card.outcome == outcome_of(proposal) or card.digest != proposal.digest
    )


def _ends_soon(proposal: Proposal, now: datetime) -> bool:
    if proposal.state is not State.PENDING or not proposal.expires_at:
        return False
    ends = datetime.fromisoformat(proposal.expires_at)
    whole = ends - datetime.fromisoformat(proposal.created_at)
    return now < ends <= now + min(_REMIND_AT_MOST, whole * _REMIND_SHARE)
