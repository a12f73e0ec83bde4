"""Carries a person's answer from a card to the inbox. Protected core: a yes passes through here.

A yes counts only from the owner, only for the digest of that very card, only while no 👎 is
there, and is read from the message itself just before it is carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mai import crash
from mai.errors import Conflict, Declined, MaiError, StaleDigest, UsageError, WrongDigest
from mai.proposal import Level, Proposal, State
from mai.store.cards import Card, CardState
from mai.surfaces.discord.cards import CardKeeper, is_answerable
from mai.surfaces.discord.considered import Considered
from mai.surfaces.discord.desk import Desk
from mai.surfaces.discord.emoji import Meaning
from mai.surfaces.discord.reading import OFFERED, Reading, read
from mai.surfaces.discord.strangers import Strangers
from mai.surfaces.discord.wording import DIGITS, digits_of
from mai.words import chat_said

_YES, _CONFIRMED = "yes", "confirmed"
_ASKING = 0
_WHY = "Refused. Why? Reply to this and I keep it, and keep away from it."
#: Discord takes fifty requests a second of one bot; other things want some of them.
_READ_AT_ONCE = 5
_OFFERED = {meaning for meaning, _ in OFFERED}


class Answers:
    """Reads and carries out answers.

    `show` is poked when a card has to follow, `again` when one is to be read again in some seconds.
    """

    def __init__(
        self,
        desk: Desk,
        strangers: Strangers,
        keeper: CardKeeper,
        show: Callable[[str], None],
        again: Callable[[str, float], None],
    ) -> None:
        self._desk = desk
        self._strangers = strangers
        self._keeper = keeper
        self._show = show
        self._again = again
        self._considered = Considered(desk.account.undo_s)
        self._landing = asyncio.Lock()
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)
        self._told: dict[tuple[str, str], str] = {}
        #: What the owner put below a message since the connection stands.
        self.heard: dict[int, set[Meaning]] = {}

    async def consider(self, proposal_id: str) -> None:
        """Read what the owner says on the card of a proposal that waits, and do it.

        Raises:
            Trouble, MaiError: it could not be carried out yet; to be tried again later.
        """
        await self._answer_late_ones(proposal_id)
        asked = await self._asked(proposal_id)
        if asked is None:
            return
        card, proposal = asked
        reading = await self._read(card)
        if reading is None:
            self._show(proposal_id)
            return
        if reading.no:
            self._considered.forget(_key(card))
            await self.refuse(card)
        elif reading.yes or card.pressed:
            await self._accept(card, proposal)
        elif self._considered.withdrawn(_key(card)):
            await self._desk.post.reply(card, "Taken back. Nothing was approved; it still waits.")
        elif not reading.mine >= _OFFERED and is_answerable(card, proposal):
            await self._keeper.offer_again(card)

    async def refuse(self, card: Card) -> None:
        """Say no at once and ask why. What was answered before stays answered."""
        core, by = self._desk.core, self._desk.account.by
        try:
            await self._desk.lanes.refuse.do(lambda: core.reject(card.proposal, "", by))
        except (Conflict, Declined):
            self._show(card.proposal)
            return
        crash.point("answer:refused")
        self._show(card.proposal)
        await self.ask_why(card)

    async def ask_why(self, card: Card) -> None:
        """Ask for the reason of a no, unless the question of an earlier attempt is there.

        Raises:
            Trouble: it could not be asked; to be done again.
        """
        question = await self._desk.post.below(card, _WHY) if card.question == _ASKING else None
        if question is None:
            card = await self._change(card, question=_ASKING)
            question = await self._desk.post.reply(card, _WHY)
        await self._change(card, question=question.id)

    async def press(self, card: Card, answer: str) -> str:
        """Take a button's yes or no from the owner; return what to say to them at once."""
        proposal = await self._desk.look(lambda: self._desk.core.get(card.proposal))
        if card.state is CardState.CLOSED or proposal.digest != card.digest:
            self._show(card.proposal)
            return "This card is out of date. Nothing was changed by it."
        if answer == "no":
            return "Refused. Reply to the card with the reason and I keep it."
        if not is_answerable(card, proposal):
            return "This cannot be answered here."
        if not card.pressed:
            await self._change(card, pressed=_YES)
        crash.point("answer:pressed")
        if proposal.level >= Level.HIGH:
            return f"It is {proposal.level}: reply with the digest's first {DIGITS} characters."
        return "Yes. I land it."

    async def hear(self, card: Card, text: str) -> str:
        """Take the owner's reply to a card or its question; return what to say, empty for nothing.

        Raises:
            UsageError: nothing was asked of them; it is talk.
        """
        core, by = self._desk.core, self._desk.account.by
        proposal = await self._desk.look(lambda: core.get(card.proposal))
        if proposal.state is State.REJECTED and not proposal.reason:
            if text.strip():
                await self._desk.look(lambda: core.explain(card.proposal, text, by))
            self._show(card.proposal)
            return "Kept."
        if proposal.state is not State.PENDING or proposal.level < Level.HIGH:
            raise UsageError("Nothing was asked.")
        if card.digest != proposal.digest or card.question is None:
            raise UsageError("Nothing was asked.")
        if text.strip().strip("`").lower() != digits_of(card.digest):
            return f"That is not it; the {DIGITS} characters stand on the card. Nothing landed."
        await self._change(card, pressed=_CONFIRMED)
        crash.point("answer:confirmed")
        return ""

    async def late(self, card: Card) -> None:
        """Say, once, that a yes on a card that is over counts for nothing."""
        proposal = await self._desk.look(lambda: self._desk.core.get(card.proposal))
        is_over = proposal.state in {State.LANDED, State.ROLLED_BACK} and (
            proposal.digest == card.digest
        )
        if card.told_stale or is_over or card.message is None:
            return
        card = await self._change(card, told_stale=1)
        why = (
            "what would land has changed since; look for the newer card"
            if proposal.state is State.PENDING
            else f"it is {str(proposal.state).replace('_', ' ')}"
        )
        await self._desk.post.reply(card, f"Too late: {why}. Nothing was approved by this.")

    async def _answer_late_ones(self, proposal_id: str) -> None:
        core = self._desk.core
        proposal = await self._desk.look(lambda: core.get(proposal_id))
        for card in await self._desk.look(lambda: core.cards.of(proposal_id)):
            heard = self.heard.get(card.message or 0, set())
            is_over = proposal.state.is_end or card.digest != proposal.digest
            if is_over and Meaning.YES in heard and Meaning.NO not in heard:
                await self.late(card)

    # --- a yes -------------------------------------------------------------------------------

    async def _accept(self, card: Card, proposal: Proposal) -> None:
        if not is_answerable(card, proposal):
            return
        if await self._desk.is_paused():
            await self._tell(card, "paused", "I am paused. The yes stands; /resume carries it out.")
            return
        if proposal.level >= Level.HIGH and card.pressed != _CONFIRMED:
            await self._ask_digits(card, proposal)
            return
        if self._considered.note(_key(card)):
            await self._desk.post.reply(card, self._considered.echo(_key(card)))
        if left_s := self._considered.left_s(_key(card)):
            self._again(card.proposal, left_s)
            return
        # One after the other: each landing moves the branch under the next one.
        is_fresh = not self._landing.locked()
        async with self._landing:
            if is_fresh:
                await self._land(card, proposal)
            elif (asked := await self._asked(card.proposal)) is not None:
                await self._land_if_still_meant(*asked)

    async def _land_if_still_meant(self, card: Card, proposal: Proposal) -> None:
        """Land after others landed first: the answer may have been taken back meanwhile."""
        reading = await self._read_now(card)
        is_confirmed = proposal.level < Level.HIGH or card.pressed == _CONFIRMED
        if reading and is_confirmed and not reading.no and (reading.yes or card.pressed):
            await self._land(card, proposal)

    async def _land(self, card: Card, proposal: Proposal) -> None:
        proposal_id = proposal.id
        core, by = self._desk.core, self._desk.account.by
        crash.point("answer:read")
        try:
            await self._desk.lanes.land.do(lambda: core.approve(proposal_id, card.digest, by))
        except (StaleDigest, WrongDigest):
            card = await self._change(card, told_stale=1)
            await self._tell(
                card, "stale", "What this card showed has changed. Nothing was approved by the yes."
            )
        except (Conflict, Declined):
            pass  # answered elsewhere, at its end, or judged again at this moment: the card follows
        except MaiError as error:
            self._desk.say(f"{proposal.short_id}: {error.sentence}")
            told = f"I cannot land it yet: {chat_said(error.sentence, 300)} The yes stands."
            await self._tell(card, error.code, told)
            raise
        finally:
            self._considered.forget(_key(card))
            self._show(proposal_id)
        crash.point("answer:landed")

    async def _ask_digits(self, card: Card, proposal: Proposal) -> None:
        if card.question:
            return
        # Written down before it is asked: whoever answers may be quicker than the database.
        card = await self._change(card, question=_ASKING)
        told = (
            f"{proposal.level}. If you mean it, reply to this with the first {DIGITS} characters "
            "of the digest on the card."
        )
        question = await self._desk.post.reply(card, told)
        await self._change(card, question=question.id)

    # --- looking -----------------------------------------------------------------------------

    async def _asked(self, proposal_id: str) -> tuple[Card, Proposal] | None:
        """Return the card that is posted for what the proposal is now, None where none waits."""
        core = self._desk.core
        proposal = await self._desk.look(lambda: core.get(proposal_id))
        if proposal.state is not State.PENDING:
            return None
        cards = await self._desk.look(lambda: core.cards.of(proposal_id))
        for card in cards:
            if card.digest == proposal.digest and card.state is CardState.POSTED:
                return card, proposal
        return None

    async def _read(self, card: Card) -> Reading | None:
        async with self._reading:
            return await self._read_now(card)

    async def _read_now(self, card: Card) -> Reading | None:
        """Read before all others: after a cut hundreds of cards may wait to be read."""
        message = await self._desk.post.fetch(card)
        if message is None or message.author.id != self._desk.post.me:
            await self._keeper.gone(card)
            return None
        heard = frozenset(self.heard.get(message.id, ()))
        reading = await read(message, self._desk.account.owner, heard)
        for user, emoji in reading.others:
            self._strangers.reacted(card, user, emoji)
        return reading

    async def _tell(self, card: Card, what: str, text: str) -> None:
        """Answer below a card, unless it was told the same last time."""
        key = _key(card)
        if self._told.get(key) != what:
            self._told[key] = what
            await self._desk.post.reply(card, text)

    async def _change(self, card: Card, **values: object) -> Card:
        cards = self._desk.core.cards
        return await self._desk.look(lambda: cards.change(card, **values))


def _key(card: Card) -> tuple[str, str]:
    return card.proposal, card.digest
