"""Reads again, after every connect, what was said while nobody listened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import discord

from mai.store.cards import Card, CardState
from mai.surfaces.discord.desk import Desk
from mai.surfaces.discord.reading import touched

#: A card this many messages back is asked for by itself rather than paged to.
_ALONE_MOST = 3


class Sweep:
    """Goes over every open card, a page of messages at a time, and pokes those that were touched.

    `heard` gets every message that the owner may have replied with.
    """

    def __init__(
        self,
        desk: Desk,
        answer: Callable[[str], None],
        heard: Callable[[discord.Message], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._answer = answer
        self._heard = heard

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
