"""A download by LM Studio: the SDK calls back with how far it is, Mai wants to iterate."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import lmstudio

from mai.errors import ModelNotFound
from mai.protocols import Progress
from mai.text import one_line

_SEARCHED = 10


async def downloadable(client: lmstudio.AsyncClient, name: str) -> Any:
    """Return the recommended download of the model `name`.

    Raises:
        ModelNotFound: the catalogue has no model of this name.
    """
    found = await client.repository.search_models(name, limit=_SEARCHED)
    named = [one for one in found if one.search_result.name == name]
    exact = named or [one for one in found if one.search_result.exact]
    options = list(await exact[0].get_download_options()) if exact else []
    if not options:
        raise ModelNotFound(f"LM Studio's catalogue has no model {one_line(name, 60)}.")
    return next((one for one in options if one.info.recommended), options[0])


class Download:
    """One download under way."""

    def __init__(self, option: Any) -> None:
        self._news: asyncio.Queue[Progress | None] = asyncio.Queue()
        self._work = asyncio.create_task(self._download(option))

    async def next(self) -> Progress | None:
        """Wait for news; None: the download is complete.

        Raises:
            lmstudio.LMStudioError: it failed.
        """
        progress = await self._news.get()
        if progress is None:
            await self._work
        return progress

    async def stop(self) -> None:
        """Give up, where it is not complete."""
        self._work.cancel()
        with contextlib.suppress(asyncio.CancelledError, lmstudio.LMStudioError):
            await self._work

    async def _download(self, option: Any) -> None:
        def tell(update: Any) -> None:
            share = update.downloaded_bytes / update.total_bytes if update.total_bytes else None
            self._news.put_nowait(Progress("downloading", share))

        try:
            await option.download(
                tell, lambda: self._news.put_nowait(Progress("checking what came", 1.0))
            )
        finally:
            self._news.put_nowait(None)
