from __future__ import annotations

from collections.abc import Iterator

import pytest

from mai.core import Core
from mai.system.logs import reset
from tests.servers.discord import DiscordServer
from tests.surfaces.serving import Serving, core_of
from tests.workspace import Workspace


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with DiscordServer() as running:
        yield running


@pytest.fixture
def serving(workspace: Workspace, server: DiscordServer) -> Iterator[Serving]:
    """A machine on which `mai serve` can be started, ended and killed."""
    made = Serving(workspace, server)
    yield made
    if made.process is not None:
        made.kill()


@pytest.fixture
def core(workspace: Workspace) -> Iterator[Core]:
    """A core beside `mai serve`: where proposals come from, and a terminal's answers."""
    with core_of(workspace) as opened:
        yield opened
    reset()
