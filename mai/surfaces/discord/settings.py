"""What Discord needs to be used at all, taken from the settings once."""

from __future__ import annotations

from dataclasses import dataclass, field

from mai.settings import Settings


@dataclass(frozen=True, slots=True)
class Account:
    """Whose bot speaks, to whom and where. The token is not part of what is printed."""

    token: str = field(repr=False)
    owner: int
    channel: int | None
    status_channel: int | None
    refuses_strangers: bool
    api: str | None
    gateway: str | None
    undo_s: float = 5.0

    @classmethod
    def of(cls, settings: Settings) -> Account | None:
        """Return the account, None where Discord is not wholly set up."""
        if settings.discord_bot_token is None or settings.discord_user_id is None:
            return None
        return cls(
            settings.discord_bot_token.get_secret_value().strip(),
            settings.discord_user_id,
            settings.discord_channel,
            settings.discord_status_channel,
            settings.discord_strangers == "refuse",
            settings.discord_api,
            settings.discord_gateway,
            settings.discord_undo_s,
        )

    @staticmethod
    def missing(settings: Settings) -> str:
        """Return which of the two settings is not there while the other is; empty for none."""
        if (settings.discord_bot_token is None) == (settings.discord_user_id is None):
            return ""
        return "DISCORD_USER_ID" if settings.discord_user_id is None else "DISCORD_BOT_TOKEN"

    @property
    def by(self) -> str:
        """What the ledger and the commit call the owner."""
        return f"discord:{self.owner}"
