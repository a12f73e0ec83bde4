"""What the owner says with reactions, read from the message itself rather than from events."""

from __future__ import annotations

from dataclasses import dataclass, field

import discord

from mai.surfaces.discord.emoji import NO, YES, Meaning, meaning_of
from mai.surfaces.discord.reach import Kind, Trouble, reached

_PAGE = 100
#: A server that cannot begin in the middle is asked for so many people of a crowd.
_CROWD = 5000
_LATECOMERS = 5


@dataclass(slots=True)
class Reading:
    """What stands below a message: the owner's yes and no, what Mai put there, who else did."""

    yes: bool = False
    no: bool = False
    mine: set[Meaning] = field(default_factory=set)
    others: list[tuple[int, str]] = field(default_factory=list)


def touched(message: discord.Message) -> bool:
    """Whether anybody but Mai reacted, or Mai's own reactions are missing: worth a closer look."""
    own = {_meaning(one) for one in message.reactions if one.me}
    crowd = any(one.count > int(one.me) for one in message.reactions)
    return crowd or not {Meaning.YES, Meaning.NO} <= own


async def read(message: discord.Message, owner: int, heard: frozenset[Meaning]) -> Reading:
    """Read a message that was just fetched.

    `heard` is what the owner is known to have put there since the connection stands. It counts
    for a no; for a yes only where the message names no reactions at all, which is Discord being
    slow, since Mai put two there itself.

    Raises:
        Trouble: the reactions cannot be read, so nothing may be taken for a yes.
    """
    found = Reading(no=Meaning.NO in heard)
    if not message.reactions:
        found.yes = Meaning.YES in heard
    for reaction in message.reactions:
        meaning = _meaning(reaction)
        if reaction.me:
            found.mine.add(meaning)
        # A count may lag behind what was heard; who reacted is what says it.
        is_worth_asking = reaction.count > int(reaction.me) or meaning in heard
        if meaning not in {Meaning.YES, Meaning.NO} or not is_worth_asking:
            continue
        users = await _users(reaction, owner, is_heard=meaning in heard)
        if owner in users:
            found.yes |= meaning is Meaning.YES
            found.no |= meaning is Meaning.NO
        found.others += [(user, str(reaction.emoji)) for user in users if user != owner]
    return found


async def _users(reaction: discord.Reaction, owner: int, *, is_heard: bool) -> list[int]:
    """Return who reacted, without Mai. Of a crowd only those from the owner on are asked for.

    Discord lists them by id, so that the owner is the first one then, if among them at all:
    thousands of strangers cost one request. `is_heard`: the owner ought to be among them.
    """
    me = reaction.message.author.id
    after = discord.Object(owner - 1) if reaction.count > _PAGE else None
    kinds = [discord.ReactionType.normal]
    if reaction.burst_count:
        kinds.append(discord.ReactionType.burst)
    users: list[int] = []
    for kind in kinds:
        try:
            # As many as there are said to be: asked for more, discord.py looks for another page.
            users += await _asked(reaction, min(reaction.count, _PAGE), after, kind)
            if after is not None and any(user < owner for user in users):
                # It does not list them from there on; then all of them are gone through.
                users += await _asked(reaction, _CROWD, None, kind)
            if is_heard and owner not in users:
                users += await _asked(reaction, reaction.count + _LATECOMERS, after, kind)
        except Trouble as trouble:
            if trouble.kind is not Kind.GONE:  # nobody reacted with it any more
                raise
    return [user for user in dict.fromkeys(users) if user != me]


async def _asked(
    reaction: discord.Reaction, most: int, after: discord.Object | None, kind: discord.ReactionType
) -> list[int]:
    async def collected() -> list[int]:
        return [user.id async for user in reaction.users(limit=most, after=after, type=kind)]

    return await reached(collected())


def _meaning(reaction: discord.Reaction) -> Meaning:
    if isinstance(reaction.emoji, str):
        return meaning_of(reaction.emoji)
    return meaning_of(reaction.emoji.name, reaction.emoji.id)


OFFERED = ((Meaning.YES, YES), (Meaning.NO, NO))
"""What Mai puts below a card that can be answered."""
