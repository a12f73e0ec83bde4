"""What happens at Discord, told by its events: who did it decides whether it counts."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import discord

from mai.errors import MaiError, UsageError
from mai.store.cards import Card, CardState
from mai.surfaces.discord.answers import Answers
from mai.surfaces.discord.attachment import whole
from mai.surfaces.discord.cards import CardKeeper
from mai.surfaces.discord.desk import Desk
from mai.surfaces.discord.emoji import Meaning, meaning_of
from mai.surfaces.discord.reach import done
from mai.surfaces.discord.strangers import Strangers
from mai.surfaces.discord.talk import Talks
from mai.surfaces.discord.wording import digits_of
from mai.templating.blocks import fenced

#: A yes is read this long after it was given: what is pressed in one go is read in one go.
SETTLE_S = 0.7
_CARD_CHARACTERS = 6000
_REMEMBERED_MOST = 1000
_BUTTON = re.compile(r"mai:(yes|no):([0-9a-f]{12}):([0-9a-f]{64})")
_DIGITS = re.compile(r"`?[0-9a-fA-F]{6}`?")
_NOT_YOURS = "I work for one person, and that is somebody else."


class Hearing:
    """Events come in here. `answer` pokes the reading of a card; `speaks` may answer talk."""

    def __init__(
        self,
        desk: Desk,
        answers: Answers,
        keeper: CardKeeper,
        strangers: Strangers,
        talks: Talks,
        *,
        answer: Callable[[str, float], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        speaks: Callable[[], bool],
    ) -> None:
        self._desk = desk
        self._answers = answers
        self._keeper = keeper
        self._strangers = strangers
        self._talks = talks
        self._answer = answer
        self._spawn = spawn
        self._speaks = speaks
        self._handled: deque[int] = deque(maxlen=_REMEMBERED_MOST)

    # --- reactions ---------------------------------------------------------------------------

    async def reaction(self, event: discord.RawReactionActionEvent, *, is_added: bool) -> None:
        """Somebody put a reaction below a message, or took one away."""
        owner = self._desk.account.owner
        meaning = meaning_of(event.emoji.name, event.emoji.id)
        if event.user_id == owner:  # before anything waits: these come in order
            heard = self._answers.heard.setdefault(event.message_id, set())
            (heard.add if is_added else heard.discard)(meaning)
        if event.user_id == self._desk.post.me:
            if not is_added:  # a moderator took one of them away
                self._look_at(await self._card(event.message_id))
        elif is_added:
            await self._added(event, meaning)
        elif event.user_id == owner and meaning is Meaning.YES:  # a yes is taken back
            self._look_at(await self._card(event.message_id))

    async def _added(self, event: discord.RawReactionActionEvent, meaning: Meaning) -> None:
        card, owner = await self._card(event.message_id), self._desk.account.owner
        if card is None:
            if event.user_id == owner and not (
                meaning is Meaning.STOP and self._talks.stop(event.message_id)
            ):
                self._keeper.early.add(event.message_id)
        elif event.user_id != owner:
            self._strangers.reacted(card, event.user_id, str(event.emoji))
        elif card.state is CardState.CLOSED:
            if meaning is Meaning.YES:
                await self._answers.late(card)
        elif meaning is Meaning.NO:
            await self._answers.refuse(card)
        elif meaning is Meaning.YES:
            self._answer(card.proposal, SETTLE_S)

    async def cleared(self, message: int) -> None:
        """Somebody took every reaction away from a message."""
        self._answers.heard.pop(message, None)
        self._look_at(await self._card(message))

    def _look_at(self, card: Card | None) -> None:
        """Have a card read whose 👍 or 👎 is gone: it is put back."""
        if card is not None and card.state is CardState.POSTED:
            self._answer(card.proposal, SETTLE_S)

    async def deleted(self, message: int) -> None:
        """A message was deleted."""
        card = await self._card(message)
        if card is not None:
            await self._keeper.gone(card)
            self._keeper.again(card.proposal)

    # --- buttons -----------------------------------------------------------------------------

    async def pressed(self, interaction: discord.Interaction[discord.Client]) -> None:
        """Somebody pressed a button."""
        data: Any = interaction.data or {}
        match = _BUTTON.fullmatch(str(data.get("custom_id", "")))
        if match is None or interaction.message is None:
            return
        answer, proposal, digest = match.groups()
        cards = await self._desk.look(lambda: self._desk.core.cards.of(proposal))
        mine = [card for card in cards if card.digest == f"sha256:{digest}"]
        card = next((card for card in mine if card.message == interaction.message.id), None)
        if interaction.user.id != self._desk.account.owner:
            if card is not None:
                await self._strangers.note(card, interaction.user.id, f"pressed {answer}")
            if self._desk.account.refuses_strangers:
                await _whisper(interaction, _NOT_YOURS)
            return
        if card is None:
            if not mine:  # another Mai's card: its own process answers
                return
            await _whisper(interaction, "This card is out of date. Nothing was changed by it.")
            return
        told = await self._answers.press(card, answer)
        if answer == "no" and card.state is CardState.POSTED:
            self._spawn(self._answers.refuse(card))
        elif answer == "yes":
            self._answer(proposal, 0.0)
        await _whisper(interaction, told)

    # --- messages ----------------------------------------------------------------------------

    async def message(self, message: discord.Message, *, is_old: bool = False) -> None:
        """Somebody wrote. `is_old`: it was read from the history, so it only answers cards."""
        if message.author.bot or message.webhook_id is not None or message.id in self._handled:
            return
        me = self._desk.post.me
        is_direct = message.guild is None
        card = await self._card_above(message)
        if not (is_direct or card or any(user.id == me for user in message.mentions)):
            return
        if message.author.id != self._desk.account.owner:
            if not is_old and self._speaks() and self._strangers.refuses_now(message.author.id):
                await self._desk.post.send(_NOT_YOURS, channel=message.channel.id)
            return
        text = message.content.replace(f"<@{me}>", "").strip()
        if card is None and is_direct and _DIGITS.fullmatch(text):
            card = await self._confirmed_by(text.strip("`").lower())
        self._handled.append(message.id)
        if card is not None and await self._replied(card, text, message):
            return
        if is_old or not self._speaks():
            return
        if card is not None:
            text = f"{await self._shown_on(card)}\n\n{text}"
        if text or message.attachments:
            await self._talks.say(message, text)

    async def _shown_on(self, card: Card) -> str:
        """Return the proposal of a card as data for a model: what a reply to it is about."""
        core = self._desk.core
        proposal = await self._desk.look(lambda: core.get(card.proposal))
        try:
            diff = await self._desk.look(lambda: core.diff(proposal))
        except MaiError:  # its objects have been collected since
            diff = ""
        shown = whole(proposal, diff)[:_CARD_CHARACTERS]
        return fenced(f"proposal {proposal.short_id}, which the following is about", shown)

    async def _replied(self, card: Card, text: str, message: discord.Message) -> bool:
        try:
            told = await self._answers.hear(card, text)
        except UsageError:
            return False
        if told:
            await self._desk.post.send(told, channel=message.channel.id)
        else:
            self._answer(card.proposal, 0.0)
        return True

    async def _card_above(self, message: discord.Message) -> Card | None:
        """Return the card that a message replies to, directly or by what Mai asked below it."""
        if message.reference is None or message.reference.message_id is None:
            return None
        card = await self._card(message.reference.message_id)
        above = message.reference.resolved
        if card is not None or message.author.id != self._desk.account.owner:
            return card
        if above is None:  # Discord mostly sends it along
            above = await self._desk.post.fetch_at(message.channel.id, message.reference.message_id)
        if not isinstance(above, discord.Message) or above.author.id != self._desk.post.me:
            return None
        # A question may be answered before its id was written down.
        asked_below = above.reference.message_id if above.reference else None
        return await self._card(asked_below) if asked_below else None

    async def _confirmed_by(self, digits: str) -> Card | None:
        """Return the one card that asks for just these characters, if it is one."""
        cards = await self._desk.look(self._desk.core.cards.open)
        asking = [card for card in cards if card.question and digits_of(card.digest) == digits]
        return asking[0] if len(asking) == 1 else None

    async def _card(self, message: int) -> Card | None:
        return await self._desk.look(lambda: self._desk.core.cards.by_message(message))


async def _whisper(interaction: discord.Interaction[discord.Client], text: str) -> None:
    """Answer a press, for the one who pressed alone."""
    await done(interaction.response.send_message(text, ephemeral=True))
