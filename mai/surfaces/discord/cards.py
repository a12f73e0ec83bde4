"""Keeps cards in step with the inbox: writes them down, posts them, edits them to the outcome."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus

import discord

from mai import crash
from mai.proposal import Level, Proposal, State
from mai.store.cards import Card, CardState
from mai.surfaces.discord.attachment import whole
from mai.surfaces.discord.desk import Desk
from mai.surfaces.discord.post import ATTACHMENT_BYTES
from mai.surfaces.discord.reach import Kind, Trouble, done
from mai.surfaces.discord.reading import OFFERED
from mai.surfaces.discord.wording import (
    Face,
    is_uncut,
    marker,
    outcome,
    over,
    question,
    superseded,
)

#: What a card's `outcome` says of one whose diff Discord cannot show whole.
TOO_LARGE = "too-large"
_SUPERSEDED = "superseded"
_MOST_POSTS, _MOST_OFFERS = 2, 5
#: A new card is looked at once more: whether 👍 and 👎 are there, and no yes was missed.
_LOOK_AGAIN_S = 3.0
_NEWS = timedelta(hours=24)


class CardKeeper:
    """Shows one proposal at a time.

    `answer` is poked when a card may have been answered, `again` when one has to be shown again.
    """

    def __init__(
        self, desk: Desk, answer: Callable[[str, float], None], again: Callable[[str], None]
    ) -> None:
        self.again = again
        self._desk = desk
        self._answer = answer
        #: Messages that somebody reacted to before they were known to be cards.
        self.early: set[int] = set()
        #: Cards, by nonce, that Discord failed to take: uploads fail there when the rest does not.
        self._bare: set[str] = set()
        self._offers: Counter[str] = Counter()

    async def show(self, proposal_id: str) -> None:
        """Bring every card of a proposal in step with it.

        Raises:
            Trouble: Discord did not let it be done; to be done again later.
        """
        core = self._desk.core
        proposal = await self._desk.look(lambda: core.get(proposal_id))
        is_news = _is_news(proposal, core.clock.now())
        shown = "" if proposal.state is State.BLOCKED else proposal.digest
        # The new question first: between the two a person would see none that can be answered.
        if proposal.state is State.PENDING:
            await self._ask(proposal)
        for card in await self._desk.look(lambda: core.cards.of(proposal_id)):
            await self._follow(card, proposal, is_due=is_news and card.digest == shown)
        if is_news:
            card = await self._desk.look(lambda: core.cards.want(proposal_id, shown))
            if card.state is CardState.WANTED:
                card = await self._posted(card, proposal)
                await self._close(card, outcome_of(proposal))

    async def _ask(self, proposal: Proposal) -> None:
        """Post the card of what a proposal is now, unless it is there."""
        core = self._desk.core
        card = await self._desk.look(lambda: core.cards.want(proposal.id, proposal.digest))
        if card.state is CardState.CLOSED and card.outcome == _SUPERSEDED:
            card = await self._anew(card)
        if card.state is CardState.POSTED or card.attempted_at:
            self._answer(proposal.id, 0.0)  # there may be reactions that nobody has read
        if card.state is CardState.WANTED:
            card = await self._posted(card, proposal)
            await self._offer(card, proposal)
            self._answer(proposal.id, _LOOK_AGAIN_S)

    async def gone(self, card: Card) -> None:
        """Post a card again whose message was deleted, once; answers to the old one are void."""
        if card.state is not CardState.POSTED:
            return
        if card.posts < _MOST_POSTS:
            await self._anew(card)
            return
        await self._close(card, "gone")
        name = card.proposal[:4]
        self._desk.say(
            f"Discord: the card of {name} was deleted twice. "
            f"Answer in the terminal: `mai show {name}`."
        )

    async def offer_again(self, card: Card) -> None:
        """Put 👍 and 👎 back where somebody took them away, a few times: they may mean it."""
        self._offers[card.nonce] += 1
        if self._offers[card.nonce] > _MOST_OFFERS:
            return
        core = self._desk.core
        await self._offer(card, await self._desk.look(lambda: core.get(card.proposal)))

    # --- one card ----------------------------------------------------------------------------

    async def _anew(self, card: Card) -> Card:
        """Want another message for a card; what stands below the one before counts for nothing.

        Such as where a branch moved and was moved back: what would land is what it was again.
        """
        fresh = {"state": CardState.WANTED.value, "attempted_at": None, "message": None}
        told = {"question": None, "pressed": "", "outcome": "", "told_stale": 0, "reminded": 0}
        return await self._change(card, **fresh, **told)

    async def _follow(self, card: Card, proposal: Proposal, *, is_due: bool) -> None:
        """Edit a card whose proposal has ended, or shows something else by now.

        One that is not there yet is left to be posted if it `is_due`, else it is over.
        """
        end = outcome_of(proposal)
        if proposal.state.is_end:
            if card.state is CardState.CLOSED and card.outcome in {end, _SUPERSEDED, "gone"}:
                return
            face = outcome(proposal, card.digest, self._desk.repo_name)
            if card.digest != proposal.digest and card.digest:
                end, face = _SUPERSEDED, superseded(proposal, card.digest, self._desk.repo_name)
        elif card.digest != proposal.digest and card.state is not CardState.CLOSED:
            end, face = _SUPERSEDED, superseded(proposal, card.digest, self._desk.repo_name)
        else:
            return
        if card.state is CardState.WANTED:
            message = await self._left(card)
            if message is not None:
                card = await self._change(card, message=message.id, state=CardState.POSTED.value)
            elif is_due:
                return
        if card.message is not None:
            crash.point("card:ending")
            await self._desk.post.edit(card, face)
            crash.point("card:ended")
        await self._close(card, end)

    async def _left(self, card: Card) -> discord.Message | None:
        """Return the message that an earlier attempt to post a card left, whatever it shows."""
        if not card.attempted_at:
            return None
        ids = card.proposal, card.digest
        return await self._desk.post.find(card, marker(*ids), over(*ids))

    async def _posted(self, card: Card, proposal: Proposal) -> Card:
        """Post a card, or find the message that an earlier attempt left."""
        core, post = self._desk.core, self._desk.post
        diff = await self._desk.look(lambda: core.diff(proposal))
        face, note = await asyncio.to_thread(_face, proposal, diff, self._desk.repo_name)
        message = await post.find(card, face.footer) if card.attempted_at else None
        if message is None:
            channel = await post.channel()
            card = await self._desk.look(partial(core.cards.attempt, card))
            card = await self._change(card, channel=channel, outcome=note)
            crash.point("card:attempted")
            is_bare = card.nonce in self._bare and is_uncut(face)
            try:
                message = await post.post(card, proposal, face, None if is_bare else diff)
            except Trouble as trouble:
                if trouble.code >= HTTPStatus.INTERNAL_SERVER_ERROR and trouble.kind is Kind.UNSURE:
                    self._bare.add(card.nonce)
                if trouble.kind is not Kind.UNSURE:  # it is certainly not there
                    await self._change(card, attempted_at=None)
                raise
            crash.point("card:posted")
        fresh = {"state": CardState.POSTED.value, "channel": message.channel.id}
        card = await self._change(card, message=message.id, posts=card.posts + 1, **fresh)
        crash.point("card:recorded")
        if message.id in self.early:
            self.early.discard(message.id)
            self._answer(card.proposal, 0.0)
        return card

    async def _offer(self, card: Card, proposal: Proposal) -> None:
        """Put 👍 and 👎 below a card. Without the permission the buttons are still there."""
        if not is_answerable(card, proposal):
            return
        for _, emoji in OFFERED:
            try:
                await done(self._desk.post.partial(card).add_reaction(emoji))
            except Trouble as trouble:
                if trouble.kind is Kind.UNSURE:
                    raise
                self._desk.say(
                    f"Discord: I may not react there ({trouble}): give the bot Add Reactions and "
                    "Read Message History. The buttons work without."
                )
                return
        crash.point("card:offered")

    async def _close(self, card: Card, end: str) -> None:
        await self._change(card, state=CardState.CLOSED.value, outcome=end)

    async def _change(self, card: Card, **values: object) -> Card:
        cards = self._desk.core.cards
        return await self._desk.look(lambda: cards.change(card, **values))


def outcome_of(proposal: Proposal) -> str:
    """Return what the card of an ended proposal has to show: its state, and whether it says why."""
    return f"{proposal.state}{' why' if proposal.reason else ''}"


def is_answerable(card: Card, proposal: Proposal) -> bool:
    """Whether a yes may come from this card: BLOCKED has none, nor what cannot be seen whole."""
    return bool(card.digest) and card.outcome != TOO_LARGE and proposal.level < Level.BLOCKED


def _is_news(proposal: Proposal, now: datetime) -> bool:
    """Whether an end is worth a message although nobody was asked."""
    landed_alone = proposal.approval is not None and proposal.approval.by.startswith("setting:")
    is_told = proposal.state is State.BLOCKED or (proposal.state is State.LANDED and landed_alone)
    return is_told and now - datetime.fromisoformat(proposal.created_at) < _NEWS


def _face(proposal: Proposal, diff: str, repo: str) -> tuple[Face, str]:
    if proposal.state is State.LANDED:
        return outcome(proposal, proposal.digest, repo), ""
    face = question(proposal, diff, repo)
    if len(whole(proposal, diff).encode()) <= ATTACHMENT_BYTES:
        return face, ""
    told = f"This is too large to be shown here; look at it with `mai show {proposal.short_id}`."
    body = face.body.rpartition("\n\n")[0]
    return Face(face.headline, f"{body}\n\n{told}", face.footer, face.colour), TOO_LARGE
