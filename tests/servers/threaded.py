"""A server on loopback in a thread of its own, so that sync and async code can talk to it alike."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Self

from aiohttp import web

_PATIENCE_S = 10


class ThreadedServer:
    """Starts and stops as a context manager; a child says in `routes` what it serves."""

    def __init__(self) -> None:
        self.port = 0
        #: Set once a client has gone away, or asked to stop, in the middle of an answer.
        self.hung_up = threading.Event()
        #: Set once an answer that stalls has sent its text.
        self.stalled = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=type(self).__name__)

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where the server is, without credentials."""
        return f"http://{self.host}"

    def routes(self) -> list[web.RouteDef]:
        """Return what is served."""
        raise NotImplementedError

    def application(self) -> web.Application:
        """Return the application to serve the routes with."""
        return web.Application()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_PATIENCE_S):
            raise RuntimeError("the server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away, as a server that is shut down; harmless the second time."""
        if self._thread.is_alive() and self._loop is not None and self._done is not None:
            self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(_PATIENCE_S)

    def _serve(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        app = self.application()
        app.add_routes(self.routes())
        # A client that hangs up cancels its handler: that is how stopping a model shows.
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            await web.SockSite(runner, listening).start()
            self._ready.set()
            await self._done.wait()
            await runner.cleanup()
