"""Everybody who is not the owner: what they press is taken away, ignored, and put on record."""

from __future__ import annotations

import asyncio
import time

import discord

from mai.errors import MaiError
from mai.store.cards import Card
from mai.surfaces.discord.desk import Desk
from mai.surfaces.discord.reach import Kind, Trouble, done
from mai.text import one_line

#: So many of them are put on record for one proposal; more would only fill the ledger.
_NOTES_MOST = 10
_WAITING_MOST = 200
_NOT_AGAIN_S = 600.0
_REFUSAL_EVERY_S = 3600.0
_REMEMBERED_MOST = 2000


class Strangers:
    """Bounded in what it writes, sends and remembers, however many come."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._noted: dict[str, set[str]] = {}
        self._seen: asyncio.Queue[tuple[Card, int, str]] = asyncio.Queue(_WAITING_MOST)
        self._no_removal_before_s = 0.0
        self._refused_s: dict[int, float] = {}

    def reacted(self, card: Card, user: int, emoji: str) -> None:
        """See to a stranger's reaction when there is time; in a flood most are only ignored."""
        if not self._seen.full():
            self._seen.put_nowait((card, user, emoji))

    async def run(self) -> None:
        """Note what strangers pressed and take it away where Mai may, until cancelled."""
        while True:
            card, user, emoji = await self._seen.get()
            await self.note(card, user, f"reacted with {one_line(emoji, 40)}")
            if time.monotonic() < self._no_removal_before_s:
                continue
            try:
                message = self._desk.post.partial(card)
                await done(message.remove_reaction(emoji, discord.Object(user)))
            except Trouble as trouble:
                if trouble.kind is Kind.FORBIDDEN:  # no Manage Messages, or a direct message
                    self._no_removal_before_s = time.monotonic() + _NOT_AGAIN_S

    async def note(self, card: Card, user: int, what: str) -> None:
        """Put on record, once per person and a few times per proposal, what a stranger did."""
        known = self._noted.get(card.proposal)
        if known is None:
            known = self._noted[card.proposal] = await self._desk.look(lambda: self._known(card))
        name = str(user)
        if name in known or len(known) >= _NOTES_MOST:
            return
        known.add(name)
        data = {"surface": "discord", "stranger": name, "what": what}
        try:
            await self._desk.look(lambda: self._desk.core.note(card.proposal, data))
        except MaiError as error:
            self._desk.say(error.sentence)

    def refuses_now(self, user: int) -> bool:
        """Whether a stranger who talks to Mai is to hear a refusal: if set, once an hour each."""
        now_s = time.monotonic()
        if not self._desk.account.refuses_strangers or len(self._refused_s) >= _REMEMBERED_MOST:
            return False
        if now_s - self._refused_s.get(user, float("-inf")) < _REFUSAL_EVERY_S:
            return False
        self._refused_s[user] = now_s
        return True

    def _known(self, card: Card) -> set[str]:
        core = self._desk.core
        entries = core.story(core.get(card.proposal))
        notes = [entry["data"] for entry in entries if entry["kind"] == "noted"]
        return {str(note["stranger"]) for note in notes if "stranger" in note}
