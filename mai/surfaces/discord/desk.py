"""What every room of the Discord surface works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mai.core import Core
from mai.surfaces.discord.post import Post
from mai.surfaces.discord.settings import Account
from mai.surfaces.lane import Lane

PAUSED = "paused"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lanes:
    """Threads for what blocks. A no never waits behind a yes, and looking never behind either."""

    look: Lane
    refuse: Lane
    land: Lane
    work: Lane


@dataclass(frozen=True, slots=True)
class Desk:
    """The core, the lanes to it, and the messages. `say` tells the terminal one line."""

    core: Core
    account: Account
    lanes: Lanes
    post: Post
    say: Callable[[str], None]

    @property
    def repo_name(self) -> str:
        """The name of the repo's folder, as cards show it."""
        return self.core.repo.root.name

    async def look(self, action: Callable[[], Result]) -> Result:
        """Do something quick that reads or writes the database or git."""
        return await self.lanes.look.do(action)

    async def is_paused(self) -> bool:
        """Whether the owner told Mai to land nothing and begin nothing."""
        return bool(await self.look(lambda: self.core.cards.fact(PAUSED)))
