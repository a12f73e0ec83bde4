"""What a small Discord holds: people, channels, messages and who reacted to them, as plain data."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Json = dict[str, Any]

BOT, OWNER, SECOND, STRANGER, OTHER_BOT, WEBHOOK = 100, 200, 201, 300, 400, 500
GUILD, GENERAL, STATUS = 900, 910, 920
APPLICATION = BOT
_EPOCH_MS = 1_420_070_400_000
_EVERYTHING = (1 << 50) - 1
PERMISSIONS = {
    "ADD_REACTIONS": 6,
    "VIEW_CHANNEL": 10,
    "SEND_MESSAGES": 11,
    "MANAGE_MESSAGES": 13,
    "EMBED_LINKS": 14,
    "ATTACH_FILES": 15,
    "READ_MESSAGE_HISTORY": 16,
}

# What a guild object also has, and what nobody here needs.
_NOTHING = (
    *("icon", "splash", "discovery_splash", "afk_channel_id", "system_channel_id", "banner"),
    *("rules_channel_id", "public_updates_channel_id", "safety_alerts_channel_id", "description"),
    *("application_id", "vanity_url_code"),
)
_ZERO = (
    *("verification_level", "default_message_notifications", "explicit_content_filter"),
    *("mfa_level", "premium_tier", "nsfw_level", "system_channel_flags"),
    "premium_subscription_count",
)
_NONE_OF = (
    *("features", "emojis", "stickers", "voice_states", "threads", "presences"),
    *("stage_instances", "guild_scheduled_events", "soundboard_sounds"),
)


class Habit(StrEnum):
    """What another server of Discord's kind may do in its own way, and a client must live with."""

    FILES_FAIL = "files-fail"
    COUNTS_LAG = "counts-lag"
    NAMES_NO_REACTIONS = "names-no-reactions"
    MARKS_NOTHING_AS_MINE = "marks-nothing-as-mine"
    PAGES_FROM_THE_START = "pages-from-the-start"
    BARE_EVENTS = "bare-events"
    HAS_NO_COMMANDS = "has-no-commands"
    HAS_NO_HISTORY = "has-no-history"
    REMOVES_NOTHING = "removes-nothing"
    OMITS_WHAT_IS_MINE = "omits-what-is-mine"
    GUILD_IS_NULL = "guild-is-null"
    ROLES_ARE_OBJECTS = "roles-are-objects"
    ANSWERS_IN_WORDS = "answers-in-words"
    REFUSES_EMBEDS = "refuses-embeds"


@dataclass(slots=True)
class Posted:
    """A message. `reactions` maps an emoji to the users who reacted, in order."""

    id: int
    channel: int
    author: int
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    reactions: dict[str, list[int]] = field(default_factory=dict)
    nonce: str | None = None
    reply_to: int | None = None
    webhook: int | None = None
    allowed_mentions: Json | None = None
    versions: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Everything a person reads in it, top to bottom."""
        parts = [self.content]
        for embed in self.embeds:
            parts += [embed.get("title", ""), embed.get("description", "")]
            parts += [f"{one['name']}\n{one['value']}" for one in embed.get("fields", ())]
            parts.append(embed.get("footer", {}).get("text", ""))
        return "\n".join(part for part in parts if part)

    @property
    def buttons(self) -> list[str]:
        """The custom ids of its buttons."""
        return [
            part["custom_id"]
            for row in self.components
            for part in row.get("components", ())
            if "custom_id" in part
        ]


class World:
    """Everything there is. Not thread-safe: the server's loop alone touches it."""

    def __init__(self) -> None:
        self.users: dict[int, Json] = {}
        for user, name in (
            (OWNER, "owner"),
            (SECOND, "owner-on-the-tablet"),
            (STRANGER, "stranger"),
        ):
            self.add_user(user, name)
        self.add_user(BOT, "mai", is_bot=True)
        self.add_user(OTHER_BOT, "otherbot", is_bot=True)
        self.messages: dict[int, Posted] = {}
        self.channels: dict[int, Json] = {
            channel: {
                "id": str(channel),
                "type": 0,
                "guild_id": str(GUILD),
                "name": name,
                "position": place,
                "permission_overwrites": [],
                "topic": None,
                "nsfw": False,
                "last_message_id": None,
                "rate_limit_per_user": 0,
                "parent_id": None,
            }
            for place, (channel, name) in enumerate(((GENERAL, "general"), (STATUS, "status")))
        }
        #: Permissions the bot lacks in the guild, by Discord's names.
        self.denied: set[str] = set()
        self.closed_dms: set[int] = set()
        #: The application's flags: 1 << 18 and 1 << 19 are the message content intent.
        self.application_flags = 1 << 19
        self.is_invited = True
        self.endpoint: str | None = None
        self.habits: set[Habit] = set()
        self._last_id = 0

    def add_user(self, user: int, name: str, *, is_bot: bool = False) -> None:
        """Let somebody be there."""
        self.users[user] = {
            "id": str(user),
            "username": name,
            "discriminator": "0",
            "global_name": None if is_bot else name,
            "avatar": None,
            "bot": is_bot,
            "public_flags": 0,
            "flags": 0,
        }

    def next_id(self) -> int:
        """Return a snowflake for now, larger than every one before."""
        self._last_id = max(((int(time.time() * 1000) - _EPOCH_MS) << 22), self._last_id + 1)
        return self._last_id

    def dm_with(self, user: int) -> int:
        """Return the channel of the bot's direct messages with `user`, made when first asked."""
        channel = 70_000 + user
        self.channels.setdefault(
            channel,
            {
                "id": str(channel),
                "type": 1,
                "last_message_id": None,
                "flags": 0,
                "recipients": [self.users[user]],
            },
        )
        return channel

    def is_in_guild(self, channel: int) -> bool:
        """Whether it is a channel of the guild rather than direct messages."""
        return "guild_id" in self.channels.get(channel, {})

    def where(self, channel: int) -> Json:
        """Return the `guild_id` that events of a guild's channel carry, nothing for others."""
        if self.is_in_guild(channel):
            return {"guild_id": str(GUILD)}
        return {"guild_id": None} if Habit.GUILD_IS_NULL in self.habits else {}

    def member(self, user: int) -> Json:
        """Return the guild's member object without its user."""
        return {
            "nick": None,
            "roles": [{"id": str(GUILD)}] if Habit.ROLES_ARE_OBJECTS in self.habits else [],
            "joined_at": "2020-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
            **({"user": self.users[user]} if user in self.users else {}),
        }

    def guild(self) -> Json:
        """Return the guild as GUILD_CREATE carries it."""
        allowed = _EVERYTHING
        allowed &= ~(1 << 3)  # an administrator would be refused nothing
        for name in self.denied:
            allowed &= ~(1 << PERMISSIONS[name])
        everyone = {
            "id": str(GUILD),
            "name": "@everyone",
            "color": 0,
            "hoist": False,
            "position": 0,
            "permissions": str(allowed),
            "managed": False,
            "mentionable": False,
            "flags": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        }
        guild_channels = [one for one in self.channels.values() if "guild_id" in one]
        return {
            "id": str(GUILD),
            "name": "workshop",
            "owner_id": str(OWNER),
            "afk_timeout": 300,
            "preferred_locale": "en-US",
            "joined_at": "2020-01-01T00:00:00+00:00",
            "large": False,
            "unavailable": False,
            "member_count": len(self.users),
            "premium_progress_bar_enabled": False,
            "roles": [everyone],
            "members": [self.member(user) for user in self.users],
            "channels": guild_channels,
            **dict.fromkeys(_NOTHING),
            **dict.fromkeys(_ZERO, 0),
            **{name: [] for name in _NONE_OF},
        }

    def as_json(self, message: Posted, base: str = "") -> Json:
        """Return the message object as Discord sends it."""
        stamp = datetime.fromtimestamp(((message.id >> 22) + _EPOCH_MS) / 1000, UTC).isoformat()
        body: Json = {
            "id": str(message.id),
            "channel_id": str(message.channel),
            "author": self.users[message.author],
            "content": message.content,
            "timestamp": stamp,
            "edited_timestamp": stamp if message.versions else None,
            "tts": False,
            "mention_everyone": False,
            "mentions": self._mentioned(message),
            "mention_roles": [],
            "attachments": [
                {
                    "id": str(message.id + place + 1),
                    "filename": name,
                    "size": len(data),
                    "content_type": "text/plain; charset=utf-8",
                    "url": f"{base}/attachments/{message.id}/{place}/{name}",
                    "proxy_url": f"{base}/attachments/{message.id}/{place}/{name}",
                }
                for place, (name, data) in enumerate(message.files)
            ],
            "embeds": [{"type": "rich", **embed} for embed in message.embeds],
            "pinned": False,
            "type": 19 if message.reply_to else 0,
            "components": message.components,
            "flags": 0,
        }
        if message.nonce is not None:
            body["nonce"] = message.nonce
        if message.webhook is not None:
            body["webhook_id"] = str(message.webhook)
        if message.reply_to is not None:
            body["message_reference"] = {
                "type": 0,
                "message_id": str(message.reply_to),
                "channel_id": str(message.channel),
            }
            above = self.messages.get(message.reply_to)
            body["referenced_message"] = self.as_json(above, base) if above else None
        # Discord leaves the list out where nobody reacted.
        if any(message.reactions.values()) and Habit.NAMES_NO_REACTIONS not in self.habits:
            body["reactions"] = [
                self._reaction(emoji, users) for emoji, users in message.reactions.items() if users
            ]
        return body

    def _reaction(self, emoji: str, users: list[int]) -> Json:
        count = 1 if Habit.COUNTS_LAG in self.habits else len(users)
        if Habit.OMITS_WHAT_IS_MINE in self.habits:
            return {"count": count, "emoji": {"name": emoji}, "user_ids": [str(u) for u in users]}
        return {
            "count": count,
            "count_details": {"burst": 0, "normal": count},
            "me": BOT in users and Habit.MARKS_NOTHING_AS_MINE not in self.habits,
            "me_burst": False,
            "emoji": emoji_json(emoji),
            "burst_colors": [],
        }

    def _mentioned(self, message: Posted) -> list[Json]:
        found = [user for user in self.users if f"<@{user}>" in message.content]
        if message.reply_to in self.messages:
            found.append(self.messages[message.reply_to].author)
        return [self.users[user] for user in dict.fromkeys(found)]


def emoji_json(emoji: str) -> Json:
    """Return the emoji object of `👍`, or of a custom one written `name:id`."""
    name, _, identity = emoji.partition(":")
    return {"id": identity or None, "name": name}
