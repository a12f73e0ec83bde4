"""discord.py's client, with what it does not survive by itself kept away from it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from mai.errors import MaiError
from mai.surfaces.discord.hearing import Hearing
from mai.surfaces.discord.payloads import settle, settle_answers
from mai.surfaces.discord.reach import Trouble, reached
from mai.surfaces.discord.settings import Account
from mai.system.logs import fault, get

#: Guilds, and messages and reactions in them and in direct messages. None of them is privileged:
#: what mentions the bot or is sent to it directly carries its text without the intent for that.
INTENTS = discord.Intents(
    guilds=True, guild_messages=True, dm_messages=True, guild_reactions=True, dm_reactions=True
)


class _ToTheLog(logging.Handler):
    """Takes what discord.py says to the log alone: a rate limit is no news for a person."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        level = min(record.levelno, logging.WARNING)
        get("discord").log(level, record.getMessage(), exc_info=record.exc_info, is_told=True)


def point_at(account: Account) -> None:
    """Make discord.py log where Mai does, and talk to another server if the environment says so."""
    log = logging.getLogger("discord")
    if not any(isinstance(handler, _ToTheLog) for handler in log.handlers):
        log.addHandler(_ToTheLog(level=logging.WARNING))
    log.propagate = False
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    if account.api:
        Route.BASE = account.api.rstrip("/")
    if account.gateway:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(account.gateway)


class MaiClient(discord.Client):
    """Hands every event on. A fault in one of them is logged and ends neither it nor the others."""

    def __init__(
        self,
        hearing: Hearing,
        *,
        connected: Callable[[], None],
        commands: Callable[[discord.Client], app_commands.CommandTree[discord.Client]],
        lost: Callable[[], None],
        say: Callable[[str], None],
        asks_for_gateway: bool = False,
    ) -> None:
        """`asks_for_gateway`: the server says where its gateway is, since no setting does."""
        super().__init__(
            intents=INTENTS,
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0.5,
        )
        self._hearing = hearing
        self._connected = connected
        self._lost = lost
        self._say = say
        self._asks_for_gateway = asks_for_gateway
        self._commands = commands(self)
        self._guard_parsers()
        settle_answers(self)

    def _guard_parsers(self) -> None:
        # An event that is not what the documentation says would end the whole client.
        parsers = self._connection.parsers
        for name, parser in list(parsers.items()):
            parsers[name] = _guarded(name, parser)

    async def setup_hook(self) -> None:
        """Make the commands known. Cards do not depend on it.

        Raises:
            Trouble: the gateway of another server is not known, and Discord's own is not meant.
        """
        if self._asks_for_gateway:
            _, url, _ = await reached(self.http.get_bot_gateway())
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)
        try:
            await reached(self._commands.sync())
        except Trouble as trouble:
            self._say(f"Discord: the commands could not be made known ({trouble}).")

    async def on_ready(self) -> None:
        """A new session: what happened before it nobody told."""
        self._connected()

    async def on_resumed(self) -> None:
        """The old session goes on."""
        self._connected()

    async def on_disconnect(self) -> None:
        """The connection is lost; discord.py or the supervisor makes another."""
        self._lost()

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Hand it on."""
        await self._hearing.reaction(event, is_added=True)

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Hand it on."""
        await self._hearing.reaction(event, is_added=False)

    async def on_raw_reaction_clear(self, event: discord.RawReactionClearEvent) -> None:
        """Hand it on."""
        await self._hearing.cleared(event.message_id)

    async def on_raw_reaction_clear_emoji(self, event: discord.RawReactionClearEmojiEvent) -> None:
        """Hand it on."""
        await self._hearing.cleared(event.message_id)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Hand it on."""
        await self._hearing.deleted(event.message_id)

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Hand each on."""
        for message in event.message_ids:
            await self._hearing.deleted(message)

    async def on_message(self, message: discord.Message) -> None:
        """Hand it on."""
        await self._hearing.message(message)

    async def on_interaction(self, interaction: discord.Interaction[discord.Client]) -> None:
        """Hand on what was pressed; commands go to the tree."""
        if interaction.type is discord.InteractionType.component:
            await self._hearing.pressed(interaction)

    async def on_error(self, event_method: str, /, *_: Any, **__: Any) -> None:
        """Log what went wrong with one event, where discord.py would print a traceback."""
        error = sys.exception()
        if isinstance(error, Trouble):
            why = str(error)
            get("discord").info("an event was not seen to", name=event_method, why=why)
        elif isinstance(error, MaiError):
            self._say(error.sentence)
        elif error is not None:
            self._say(fault(error, "at Discord"))


def _guarded(name: str, parser: Callable[[Any], None]) -> Callable[[Any], None]:
    def parse(data: Any) -> None:
        try:
            parser(settle(data))
        except Exception as error:  # noqa: BLE001 - whatever a malformed event makes discord.py do
            get("discord").info("a malformed event", name=name, error=type(error).__name__)

    return parse
