"""Messages: sending them, posting cards, finding them again, editing them to their outcome."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import discord

from mai.proposal import Level, Proposal
from mai.store.cards import Card
from mai.surfaces.discord.attachment import whole
from mai.surfaces.discord.reach import Kind, Trouble, box_for, done, reached
from mai.surfaces.discord.settings import Account
from mai.surfaces.discord.wording import Face
from mai.system.logs import get

#: Discord takes 10 MB a message; what does not fit cannot be seen, so it cannot be approved there.
ATTACHMENT_BYTES = 8_000_000
_TEXT_MOST = 2000  # characters; Discord's developer documentation, "Create Message"
_CUT = f"…\n{'`' * 3}\n\n"
_LOOK_BACK = timedelta(minutes=5)
_LOOK_MOST, _PAGE = 5000, 100


class Post:
    """Speaks to the channel that cards go to: the one in the settings, else the owner's DM."""

    def __init__(self, account: Account, say: Callable[[str], None]) -> None:
        self._account = account
        self._say = say
        self._client: discord.Client | None = None
        self._channel: int | None = None

    def use(self, client: discord.Client) -> None:
        """Speak through `client` from now on, and try the channel in the settings again."""
        self._client = client
        self._channel = self._account.channel

    @property
    def client(self) -> discord.Client:
        """The client that is connected, or was last."""
        if self._client is None:
            raise Trouble(Kind.UNSURE, "not connected yet")
        return self._client

    @property
    def me(self) -> int:
        """The bot's own id, 0 before it is known."""
        return self._client.user.id if self._client and self._client.user else 0

    async def channel(self) -> int:
        """Return the id of the channel that cards go to. Raises Trouble."""
        if self._channel is None:
            self._channel = await self.dm()
        return self._channel

    async def dm(self) -> int:
        """Return the id of the owner's direct messages. Raises Trouble."""
        owner = discord.Object(self._account.owner)
        return (await reached(self.client.create_dm(owner))).id

    async def send(self, text: str, *, channel: int | None = None, **more: Any) -> discord.Message:
        """Send a message to `channel`, or to where cards go. Nobody is pinged by it."""
        where = self.client.get_partial_messageable(channel or await self.channel())
        return await reached(where.send(text, **more))

    async def reply(self, card: Card, text: str) -> discord.Message:
        """Answer below a card that is posted."""
        assert card.message is not None  # noqa: S101 - the caller looked
        assert card.channel is not None  # noqa: S101 - likewise
        below = discord.MessageReference(
            message_id=card.message, channel_id=card.channel, fail_if_not_exists=False
        )
        return await self.send(text, channel=card.channel, reference=below)

    async def post(
        self, card: Card, proposal: Proposal, face: Face, diff: str | None
    ) -> discord.Message:
        """Post a card, with everything attached unless `diff` is None.

        Its nonce makes Discord take a repeated attempt for the same message. Where the server
        refuses the form of the message, the card goes as plain text, without buttons.

        Raises:
            Trouble: `unsure` where the message may be there all the same.
        """
        more: dict[str, Any] = {
            "embed": _embed(face),
            "nonce": f"{card.nonce[:-1]}{card.posts % 10}",
        }
        if diff is not None:
            more["file"] = _attachment(proposal, diff)
        if face.answers:
            more["view"] = _buttons(card, proposal.level)
        try:
            return await self.send(face.headline, channel=card.channel, **more)
        except Trouble as trouble:
            text = _plain_text(face, is_cut=diff is not None)
            if trouble.kind is Kind.REFUSED and text:
                get("discord").info("a card goes as plain text", why=str(trouble))
                return await self._post_plain(card, proposal, text, diff)
            if trouble.kind is not Kind.UNSURE:
                await self._complain(trouble, proposal)
            raise

    async def _post_plain(
        self, card: Card, proposal: Proposal, text: str, diff: str | None
    ) -> discord.Message:
        more = {} if diff is None else {"file": _attachment(proposal, diff)}
        try:
            return await self.send(text, channel=card.channel, **more)
        except Trouble as trouble:
            if trouble.kind is not Kind.UNSURE:
                await self._complain(trouble, proposal)
            raise

    async def edit(self, card: Card, face: Face) -> bool:
        """Show another face on a posted card, without buttons; false where it is not there."""
        message = self.partial(card)
        try:
            await done(message.edit(content=face.headline, embed=_embed(face), view=None))
        except Trouble as trouble:
            if trouble.kind is Kind.UNSURE:
                raise
            if trouble.kind is Kind.REFUSED:
                return await self._edit_plain(message, face)
            return False
        return True

    async def _edit_plain(self, message: discord.PartialMessage, face: Face) -> bool:
        try:
            await done(message.edit(content=_plain_text(face, is_cut=True)))
        except Trouble as trouble:
            if trouble.kind is Kind.UNSURE:
                raise
            return False
        return True

    def partial(self, card: Card) -> discord.PartialMessage:
        """Return the message of a posted card, to act on without asking for it first."""
        where = self.client.get_partial_messageable(card.channel or 0)
        return where.get_partial_message(card.message or 0)

    async def fetch(self, card: Card) -> discord.Message | None:
        """Return the message of a posted card as it is now, None where it is gone."""
        return await self.fetch_at(card.channel or 0, card.message or 0)

    async def fetch_at(self, channel: int, message: int) -> discord.Message | None:
        """Return a message as it is now, None where it is gone."""
        where = self.client.get_partial_messageable(channel)
        try:
            return await reached(where.fetch_message(message))
        except Trouble as trouble:
            if trouble.kind is Kind.GONE:
                return None
            raise

    async def find(self, card: Card, *marks: str) -> discord.Message | None:
        """Return the message of a card whose posting was begun, None where it is not there.

        Its footer is one of `marks`.
        """
        channel = card.channel or await self.channel()
        began = datetime.fromisoformat(card.attempted_at or card.wanted_at) - _LOOK_BACK
        # The latest first: Discord's clock and this one may not agree on what is after.
        found = self._marked(await self.latest(channel), marks)
        return found or self._marked(await self.history(channel, after=began), marks)

    def _marked(
        self, messages: Iterable[discord.Message], marks: tuple[str, ...]
    ) -> discord.Message | None:
        for message in messages:
            is_mine = message.author.id == self.me
            if not is_mine:
                continue
            if any(embed.footer.text in marks for embed in message.embeds):
                return message
            # A card that went as plain text. A model's answer may end like it, but has no file.
            if message.attachments and message.content.rpartition("\n")[2] in marks:
                return message
        return None

    async def below(self, card: Card, text: str) -> discord.Message | None:
        """Return Mai's own answer `text` below a posted card, None where it is not there."""
        above = discord.Object(card.message or 0)
        for message in await self.history(card.channel or 0, after=above):
            to = message.reference.message_id if message.reference else None
            if message.author.id == self.me and to == card.message and message.content == text:
                return message
        return None

    async def history(
        self, channel: int, after: datetime | discord.Object
    ) -> list[discord.Message]:
        """Return the messages after a time or a message, the oldest first, 5,000 at most."""
        where = self.client.get_partial_messageable(channel)
        return await _paged(where.history(after=after, oldest_first=True, limit=_LOOK_MOST))

    async def latest(self, channel: int) -> list[discord.Message]:
        """Return a page of the latest messages, the newest first."""
        return await _paged(self.client.get_partial_messageable(channel).history(limit=_PAGE))

    async def _complain(self, trouble: Trouble, proposal: Proposal) -> None:
        """Say what is in the way and which box mends it; a channel gives way to the owner's DM."""
        trouble.is_told = True
        mend = box_for(trouble)
        self._say(
            f"Discord: the card of {proposal.short_id} cannot be posted ({trouble})"
            f"{': ' + mend if mend else ''}. Answer in the terminal until then."
        )
        if self._channel is not None and self._channel == self._account.channel:
            self._channel = await self.dm()


async def _paged(found: AsyncIterator[discord.Message]) -> list[discord.Message]:
    """Return all of them, none where the channel cannot be read."""
    try:
        return await reached(_all(found))
    except Trouble as trouble:
        if trouble.kind is Kind.UNSURE:
            raise
        return []


async def _all(found: AsyncIterator[discord.Message]) -> list[discord.Message]:
    return [message async for message in found]


def _attachment(proposal: Proposal, diff: str) -> discord.File:
    data = whole(proposal, diff).encode()[:ATTACHMENT_BYTES]
    return discord.File(io.BytesIO(data), filename=f"{proposal.short_id}.diff")


def _plain_text(face: Face, *, is_cut: bool) -> str:
    """Return a card as one text; empty where it does not fit and `is_cut` does not allow less."""
    room = _TEXT_MOST - len(face.headline) - len(face.footer) - 2
    body = face.body
    if len(body) > room and not is_cut:
        return ""
    if len(body) > room:  # the words of others go first; how to answer stays
        facts, _, how = body.rpartition("\n\n")
        facts = facts[: max(0, room - len(how) - len(_CUT))]
        end = _CUT if facts.count("`" * 3) % 2 else _CUT.partition("`")[0]
        body = f"{facts}{end}\n\n{how}"[:room]
    return f"{face.headline}\n{body}\n{face.footer}"


def _embed(face: Face) -> discord.Embed:
    embed = discord.Embed(description=face.body, colour=face.colour)
    return embed.set_footer(text=face.footer)


def _buttons(card: Card, level: Level) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    named = "Land it…" if level >= Level.HIGH else "Land it"
    view.add_item(
        discord.ui.Button(
            style=discord.ButtonStyle.success, label=named, custom_id=custom_id("yes", card)
        )
    )
    view.add_item(
        discord.ui.Button(
            style=discord.ButtonStyle.secondary, label="Refuse", custom_id=custom_id("no", card)
        )
    )
    view.stop()  # clicks are routed by their custom id, so that they outlive this process
    return view


def custom_id(answer: str, card: Card) -> str:
    """Return what a button of this card sends when it is pressed: `mai:yes:<id>:<digest>`."""
    return f"mai:{answer}:{card.proposal}:{card.digest.removeprefix('sha256:')}"
