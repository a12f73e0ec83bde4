"""Reads again, after every connect and every few minutes, what no event told of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import discord

from mai.proposal import Proposal, State
from mai.store.cards import Card, CardState
from mai.surfaces.discord.desk import Desk
from mai.surfaces.discord.reading import touched

#: A card this many messages back is asked for by itself rather than paged to.
_ALONE_MOST = 3
#: A proposal older than this is not asked about any more.
_WHY_FOR = timedelta(days=2)
_LOOKED_AT_MOST = 1_000


class Sweep:
    """Goes over every open card, a page of messages at a time, and pokes those that were touched.

    `heard` gets every message that the owner may have replied with; `ask_why` asks for the reason
    of a no that nobody was asked about yet.
    """

    def __init__(
        self,
        desk: Desk,
        answer: Callable[[str], None],
        heard: Callable[[discord.Message], Awaitable[None]],
        ask_why: Callable[[Card], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._answer = answer
        self._heard = heard
        self._ask_why = ask_why

    async def run(self) -> None:
        """Do it once.

        Raises:
            Trouble: Discord could not be read; to be done again.
        """
        cards = await self._desk.look(self._desk.core.cards.open)
        posted = [card for card in cards if card.state is CardState.POSTED and card.message]
        for channel in {card.channel for card in posted if card.channel}:
            await self._channel(channel, [card for card in posted if card.channel == channel])
        for card in posted:
            if card.pressed:
                self._answer(card.proposal)
        await self._reasons()

    async def _channel(self, channel: int, cards: list[Card]) -> None:
        if len(cards) <= _ALONE_MOST and all(card.question is None for card in cards):
            for card in cards:
                self._answer(card.proposal)
            return
        waiting = {card.message: card for card in cards if card.message is not None}
        first = min(waiting)
        # Replies first: what confirms a card must be known before the card is considered.
        due: list[Card] = []
        for message in await self._desk.post.history(channel, discord.Object(first - 1)):
            if message.id not in waiting:
                await self._heard(message)
                continue
            card = waiting.pop(message.id)
            if touched(message):
                due.append(card)
        for card in (*due, *waiting.values()):  # the latter were deleted, or are too far back
            self._answer(card.proposal)

    # --- why something was refused -----------------------------------------------------------

    async def _reasons(self) -> None:
        """Read the reasons that were given while nobody listened; ask where a kill prevented it."""
        core = self._desk.core
        rejected = await self._desk.look(
            lambda: core.inbox.in_state(State.REJECTED, most=_LOOKED_AT_MOST)
        )
        refused = [one for one in rejected if self._lacks_why(one)]
        known = await self._desk.look(core.cards.all) if refused else {}
        cards = [
            card
            for proposal in refused
            for card in known.get(proposal.id, ())
            if card.message and card.digest == proposal.digest
        ]
        for card in cards:
            if not card.question:  # never asked, or begun and never known to be there
                await self._ask_why(card)
        for channel in {card.channel for card in cards if card.channel}:
            first = min(card.message for card in cards if card.channel == channel and card.message)
            for message in await self._desk.post.history(channel, discord.Object(first)):
                await self._heard(message)

    def _lacks_why(self, proposal: Proposal) -> bool:
        if proposal.state is not State.REJECTED or proposal.reason or proposal.error is None:
            return False
        is_mine = f" by {self._desk.account.by}" in proposal.error.message
        age = self._desk.core.clock.now() - datetime.fromisoformat(proposal.created_at)
        return is_mine and age < _WHY_FOR
