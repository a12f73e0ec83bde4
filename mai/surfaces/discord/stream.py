"""An answer that grows in messages: edited as fast as Discord allows, cut between blocks."""

from __future__ import annotations

import contextlib
import time

import discord

from mai.errors import ProviderError
from mai.providers.thinking import without_thinking
from mai.surfaces.discord.emoji import STOP
from mai.surfaces.discord.pieces import pieces
from mai.surfaces.discord.post import Post
from mai.surfaces.discord.reach import Kind, Trouble, done
from mai.text import plain, without_mentions

#: Discord takes five edits in five seconds per channel, and the cards need some of them.
EDIT_EVERY_S = 1.5
_ANSWER_CHARACTERS = 60_000
_GROWING = " …"
_LIMIT = 1900


class Stream:
    """One answer in one channel. `messages` are the ids it is shown in, in order."""

    def __init__(self, post: Post, channel: int) -> None:
        self.messages: list[int] = []
        self._post = post
        self._channel = channel
        self._text = ""
        self._shown: list[str] = []
        self._edited_s = float("-inf")
        self._offers_stop = False

    async def add(self, text: str) -> None:
        """Put `text` at the end, and show it if the last edit is long enough ago.

        Raises:
            ProviderError: the answer has no end.
            Trouble: Discord does not take it.
        """
        self._text += text
        if len(self._text) > _ANSWER_CHARACTERS:
            raise ProviderError(
                f"The answer had no end; I stopped after {_ANSWER_CHARACTERS} characters."
            )
        if self._visible() and time.monotonic() - self._edited_s >= EDIT_EVERY_S:
            await self._show(is_last=False)

    async def end(self, more: str = "") -> str:
        """Show the whole of it, with a last line of Mai's own; return what the model said."""
        said = self._visible()
        if more:
            self._text = f"{self._text.rstrip()}\n\n{more}"
        if not self._visible():
            self._text = "The model said nothing."
        await self._show(is_last=True)
        await self._withdraw_stop()
        return said

    def _visible(self) -> str:
        return without_mentions(plain(without_thinking(self._text))).strip()

    async def _show(self, *, is_last: bool) -> None:
        wanted = pieces(self._visible(), _LIMIT)
        if not is_last and wanted:
            wanted[-1] += _GROWING
        self._edited_s = time.monotonic()
        for place, text in enumerate(wanted):
            if place < len(self._shown) and self._shown[place] == text:
                continue
            if place < len(self.messages):
                await self._edit(self.messages[place], text)
                self._shown[place] = text
            else:
                self.messages.append((await self._post.send(text, channel=self._channel)).id)
                self._shown.append(text)
                if len(self.messages) == 1 and not is_last:
                    await self._offer_stop()

    async def _edit(self, message: int, text: str) -> None:
        where = self._post.client.get_partial_messageable(self._channel)
        try:
            await done(where.get_partial_message(message).edit(content=text))
        except Trouble as trouble:
            if trouble.kind is Kind.UNSURE:
                raise
            # Somebody deleted a part of the answer; the rest still comes.

    async def _withdraw_stop(self) -> None:
        if not self._offers_stop:
            return
        where = self._post.client.get_partial_messageable(self._channel)
        message = where.get_partial_message(self.messages[0])
        with contextlib.suppress(Trouble):  # left below an answer that is over it does no harm
            await done(message.remove_reaction(STOP, discord.Object(self._post.me)))

    async def _offer_stop(self) -> None:
        where = self._post.client.get_partial_messageable(self._channel)
        try:
            await done(where.get_partial_message(self.messages[0]).add_reaction(STOP))
            self._offers_stop = True
        except Trouble as trouble:
            if trouble.kind is Kind.UNSURE:
                raise
