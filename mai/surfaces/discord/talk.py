"""A conversation in messages: one context per person, streamed by editing, stopped with ⏹."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import discord

from mai.agent.turn import turn
from mai.errors import MaiError
from mai.protocols import Message
from mai.providers.base import closing
from mai.providers.pace import expected_pace
from mai.surfaces.discord.desk import Desk
from mai.surfaces.discord.reach import Trouble, reached
from mai.surfaces.discord.stream import Stream
from mai.templating.blocks import fenced
from mai.text import one_line

_ATTACHMENTS_MOST, _ATTACHMENT_BYTES = 4, 200_000
_CONTEXTS_MOST, _TURNS_MOST, _QUEUE_MOST = 20, 40, 5


class Talks:
    """Everybody's conversation. One answer at a time for each person, the next ones in line."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._histories: OrderedDict[int, list[Message]] = OrderedDict()
        self._turns: dict[int, asyncio.Lock] = {}
        self._waiting: dict[int, int] = {}
        self._running: dict[asyncio.Task[None], tuple[int, Stream]] = {}

    @property
    def busy(self) -> bool:
        """Whether an answer is being given."""
        return bool(self._running)

    async def say(self, message: discord.Message, text: str) -> None:
        """Answer what somebody wrote in `message`. Raises Trouble."""
        user = message.author.id
        if self._waiting.get(user, 0) >= _QUEUE_MOST:
            told = f"I am still at what you wrote before; {_QUEUE_MOST} wait already."
            await self._desk.post.send(told, channel=message.channel.id)
            return
        self._waiting[user] = self._waiting.get(user, 0) + 1
        try:
            async with self._turns.setdefault(user, asyncio.Lock()):
                await self._take(message, text)
        finally:
            self._waiting[user] -= 1

    def stop(self, message: int) -> bool:
        """Stop the answer that `message` asked for, or shows; return whether there was one."""
        for task, (asked, stream) in self._running.items():
            if message == asked or message in stream.messages:
                task.cancel()
                return True
        return False

    def forget(self, user: int) -> None:
        """Begin a new conversation with somebody."""
        self._histories.pop(user, None)

    async def _take(self, message: discord.Message, text: str) -> None:
        stream = Stream(self._desk.post, message.channel.id)
        task = asyncio.get_running_loop().create_task(self._answer(message, text, stream))
        self._running[task] = (message.id, stream)
        try:
            # Waiting for the task rather than for its result: ⏹ cancels it and not this.
            await asyncio.wait({task})
        finally:
            task.cancel()
            del self._running[task]
        if task.cancelled():
            await stream.end("⏹ Stopped.")
        elif (error := task.exception()) is not None:
            if not isinstance(error, MaiError):
                raise error
            await stream.end(error.sentence)

    async def _answer(self, message: discord.Message, text: str, stream: Stream) -> None:
        history = self._histories.setdefault(message.author.id, [])
        self._histories.move_to_end(message.author.id)
        while len(self._histories) > _CONTEXTS_MOST:
            self._histories.popitem(last=False)
        async with message.channel.typing():
            text += await _attached(message)
            provider = await self._desk.look(self._desk.core.provider)
            repo = self._desk.core.repo
            snapshot = await self._desk.look(lambda: repo.snapshot(repo.tip(repo.branch())))
            pace = await expected_pace(provider, self._desk.core.settings.cpu_cores_available)
            answering = turn(provider, snapshot, tuple(history), text, pace=pace)
            async with closing(answering) as deltas:
                async for delta in deltas:
                    await stream.add(delta.text)
        whole = await stream.end()
        if provider.name != "reflex":
            history += [Message("user", text), Message("assistant", whole)]
            del history[:-_TURNS_MOST]


async def _attached(message: discord.Message) -> str:
    """Return the text files below a message as fenced blocks. They are data, whatever they say."""
    blocks: list[str] = []
    for attachment in message.attachments[:_ATTACHMENTS_MOST]:
        name = one_line(attachment.filename, 80)
        if attachment.size > _ATTACHMENT_BYTES:
            blocks.append(f"(The file {name} has {attachment.size} bytes; too many to read.)")
            continue
        try:
            data = await reached(attachment.read())
            blocks.append(fenced(f"the file {name}, which is data", data.decode()))
        except UnicodeDecodeError:
            blocks.append(f"(The file {name} is not text.)")
        except Trouble:
            blocks.append(f"(The file {name} could not be fetched.)")
    if len(message.attachments) > _ATTACHMENTS_MOST:
        blocks.append(f"(More than {_ATTACHMENTS_MOST} files; the others were left.)")
    return "".join(f"\n\n{block}" for block in blocks)
