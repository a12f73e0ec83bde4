"""A connection that breaks: passes bytes on to a server and hangs up after so many of its answer.

    with Chopper(server.port, after_bytes=100) as chopper:
        ...  # talk to chopper.url

Counted over all connections in the order that bytes arrive, so every byte of an exchange can be
the last one.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

_CHUNK_BYTES = 65_536
_PATIENCE_S = 10


class Chopper:
    """One listening socket; `after_bytes` None never breaks and only counts into `passed`."""

    def __init__(self, port: int, after_bytes: int | None = None) -> None:
        self._target = port
        self._left = after_bytes
        self.passed = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, name="chopper")

    @property
    def url(self) -> str:
        """Where to talk to."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would leave `accept` waiting.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join(_PATIENCE_S)
        self._listening.close()
        self._break()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [near, far]
            for source, sink, is_answer in ((near, far, False), (far, near, True)):
                thread = threading.Thread(target=self._pump, args=(source, sink, is_answer))
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                allowed = self._allowed(len(data)) if is_answer else len(data)
                sink.sendall(data[:allowed])
                if allowed < len(data):
                    self._break()
                    return
            sink.shutdown(socket.SHUT_WR)

    def _allowed(self, count: int) -> int:
        with self._lock:
            self.passed += count
            if self._left is None:
                return count
            allowed = min(count, self._left)
            self._left -= allowed
            return allowed

    def _break(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                # A reset rather than a goodbye, as when a process dies.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)
            one.close()
