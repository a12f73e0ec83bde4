"""Application commands: what can be asked of Mai without a conversation. For the owner alone."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from mai.errors import MaiError
from mai.surfaces.discord import lists
from mai.surfaces.discord.attachment import whole
from mai.surfaces.discord.desk import PAUSED, Desk
from mai.surfaces.discord.pieces import pieces
from mai.surfaces.discord.reach import Trouble, reached
from mai.surfaces.discord.status import Status
from mai.surfaces.discord.strangers import Strangers
from mai.surfaces.discord.wording import outcome, question
from mai.system.logs import get, record_fault
from mai.text import chat
from mai.words import chat_said, unformatted

if TYPE_CHECKING:
    from mai.agent.task import Plan

Interaction = discord.Interaction[discord.Client]
_MOST_PIECES = 5
_PLAN_CHARACTERS = 1_500


@dataclass(frozen=True, slots=True)
class Commands:
    """Adds the commands to a client. `resumed` is called when a pause is over."""

    desk: Desk
    status: Status
    strangers: Strangers
    speaks: Callable[[], bool]
    resumed: Callable[[], None]

    def tree(self, client: discord.Client) -> app_commands.CommandTree[discord.Client]:
        """Return the commands, ready to be made known to Discord."""
        tree = _Tree(client, self)
        self._add_looking(tree)
        self._add_doing(tree)
        return tree

    def _add_looking(self, tree: _Tree) -> None:
        desk, core = self.desk, self.desk.core

        @tree.command(name="status", description="What Mai does, what waits, what it uses.")
        async def status(interaction: Interaction) -> None:
            await _answer(interaction, await self.status.text())

        @tree.command(name="pending", description="What waits for you.")
        async def pending(interaction: Interaction) -> None:
            await _answer(interaction, await desk.look(lambda: lists.pending(core)))

        @tree.command(name="show", description="One proposal, with its diff.")
        @app_commands.describe(id="The proposal's id, or its start.")
        async def show(interaction: Interaction, id: str) -> None:  # noqa: A002 - what people type
            await self._show(interaction, id)

        @tree.command(name="history", description="What landed, the newest first.")
        async def history(interaction: Interaction) -> None:
            await _answer(interaction, await desk.look(lambda: lists.history(core)))

        @tree.command(name="models", description="What Mai thinks with, and what else there is.")
        async def models(interaction: Interaction) -> None:
            await _answer(interaction, await desk.lanes.work.do(lambda: lists.models(core)))

        @tree.command(name="doctor", description="What is installed, reachable or missing.")
        async def doctor(interaction: Interaction) -> None:
            await _answer(interaction, await desk.lanes.work.do(lambda: lists.doctor(core)))

    def _add_doing(self, tree: _Tree) -> None:
        desk, core = self.desk, self.desk.core

        @tree.command(name="rollback", description="Propose to take a landed change back.")
        @app_commands.describe(id="The landed proposal's id, or its start.")
        async def rollback(interaction: Interaction, id: str) -> None:  # noqa: A002 - likewise
            made = await desk.lanes.work.do(lambda: core.rollback(id))
            await _answer(interaction, lists.made(made))

        @tree.command(name="change", description="Have Mai propose a change for one task.")
        @app_commands.describe(task="What is to be done.")
        async def change(interaction: Interaction, task: str) -> None:
            loop = asyncio.get_running_loop()

            def agreed(plan: Plan) -> Plan:
                # Shown while the work goes on: a yes is due to what comes of it, not to a plan.
                told = f"I plan this:\n{unformatted(chat(plan.as_text(), _PLAN_CHARACTERS))}"
                asyncio.run_coroutine_threadsafe(_answer(interaction, told), loop)
                return plan

            made = await desk.lanes.work.do(lambda: core.change(task, approve_plan=agreed))
            await _answer(interaction, lists.made(made))

        @tree.command(name="improve", description="Have Mai look for one improvement.")
        async def improve(interaction: Interaction) -> None:
            found = await desk.lanes.work.do(lambda: list(core.improve(1)))
            told = lists.made(found[0]) if found else "I found nothing to improve here."
            await _answer(interaction, told)

        @tree.command(name="pause", description="Land nothing and begin nothing until /resume.")
        async def pause(interaction: Interaction) -> None:
            await desk.look(lambda: core.cards.remember(PAUSED, "yes"))
            await _answer(interaction, "Paused. A no still counts; a yes waits for /resume.")

        @tree.command(name="resume", description="Go on after /pause.")
        async def resume(interaction: Interaction) -> None:
            await desk.look(lambda: core.cards.remember(PAUSED, ""))
            self.resumed()
            await _answer(interaction, "I go on.")

    async def _show(self, interaction: Interaction, prefix: str) -> None:
        core = self.desk.core
        proposal = await self.desk.look(lambda: core.get(prefix))
        diff = await self.desk.look(lambda: core.diff(proposal))
        is_over = proposal.state.is_end
        repo = self.desk.repo_name
        if is_over:
            face = outcome(proposal, proposal.digest, repo)
        else:
            face = question(proposal, diff, repo)
        embed = discord.Embed(description=face.body, colour=face.colour)
        data = whole(proposal, diff).encode()
        file = discord.File(io.BytesIO(data), filename=f"{proposal.short_id}.diff")
        # No buttons and no 👍 here: what is answered is the card, and there is one.
        await reached(interaction.followup.send(face.headline, embed=embed, file=file))


class _Tree(app_commands.CommandTree[discord.Client]):
    """Lets the owner in, answers others as set, and says what went wrong in a sentence."""

    def __init__(self, client: discord.Client, commands: Commands) -> None:
        super().__init__(client)
        self._commands = commands

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Whether the command is carried out."""
        commands = self._commands
        if not commands.speaks():  # another process of this bot answers it
            return False
        if interaction.user.id != commands.desk.account.owner:
            if commands.strangers.refuses_now(interaction.user.id):
                told = "I work for one person, and that is somebody else."
                await reached(interaction.response.send_message(told, ephemeral=True))
            return False
        is_public = interaction.guild_id is not None
        await reached(interaction.response.defer(ephemeral=is_public, thinking=True))
        return True

    async def on_error(
        self, interaction: Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        """Say the sentence of an error; log what is a fault of Mai's own."""
        cause = error.__cause__ or error
        if isinstance(cause, MaiError):
            told = chat_said(cause.sentence, 500)
        elif isinstance(cause, Trouble | app_commands.CheckFailure):
            get("discord").info("a command was left", why=str(cause))
            return
        else:
            told = f"A fault of mine; the details are in {record_fault(cause)}."
        try:
            await _answer(interaction, told)
        except Trouble as trouble:
            get("discord").info("a command's error was not told", why=str(trouble))


async def _answer(interaction: Interaction, text: str) -> None:
    for piece in pieces(text)[:_MOST_PIECES]:
        await reached(interaction.followup.send(piece))
