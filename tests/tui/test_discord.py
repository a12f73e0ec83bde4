"""The console while somebody answers from a phone: it shows where Discord stands, and follows."""

from __future__ import annotations

from mai.proposal import State
from mai.tui.widgets.machine import Machine
from tests.servers.discord import OWNER, DiscordServer
from tests.tui.console import Desktop


async def test_a_yes_from_the_phone_lands_while_the_console_is_open(desktop: Desktop) -> None:
    proposal = desktop.pending()
    with DiscordServer() as server:
        desktop.set(**server.environment)
        async with desktop.console() as console:
            machine = console.app.console_screen.query_one(Machine)
            await console.until(
                lambda: "discord ● connected" in machine.render().plain, "a connection"
            )
            await console.until(lambda: server.posted_by_mai(proposal.id), "the card")
            (card,) = server.posted_by_mai(proposal.id)
            server.reacts(OWNER, card.id, "👍")
            await console.hears("landed on main")
        assert desktop.state(proposal) is State.LANDED


async def test_a_refused_token_is_shown_and_said(desktop: Desktop) -> None:
    with DiscordServer() as server:
        desktop.set(**{**server.environment, "DISCORD_BOT_TOKEN": "MTAw.GaBcDe.never-given-out"})
        async with desktop.console() as console:
            machine = console.app.console_screen.query_one(Machine)
            await console.until(
                lambda: "discord ✗ refused" in machine.render().plain, "the refusal"
            )
            await console.hears("it refuses the bot's token")
