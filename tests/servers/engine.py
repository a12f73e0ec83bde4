"""Between the Docker SDK and the real engine: passes bytes on, and can be told to go wrong.

    with Engine(folder / "engine.sock") as engine:
        engine.fault = Fault("create", answer=b"{}", status=500)
        ...  # with DOCKER_HOST set to engine.url

`path` of a fault is part of the requests it is meant for. It answers them itself, or passes the
connection on and cuts it, or turns a bit of it, at a byte counted over what comes back
(`is_answer`) or goes there.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_REAL = "/var/run/docker.sock"
_CHUNK = 1 << 16
_REQUEST = re.compile(rb"(?:GET|POST|DELETE|HEAD|PUT) (\S+) HTTP/1.1\r\n")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and with which requests; `passes` of them go well before."""

    path: str
    status: int = 0
    answer: bytes = b""
    cut_at: int | None = None
    flip_at: int | None = None
    is_answer: bool = True
    passes: int = 0


class Engine:
    """One listening socket in front of the engine's own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fault: Fault | None = None
        self.is_gone = False
        #: How often a fault came about.
        self.hits = 0
        self._seen = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        self._accepting = threading.Thread(target=self._accept)

    @property
    def url(self) -> str:
        """What to set DOCKER_HOST to."""
        return f"unix://{self._path}"

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join(_PATIENCE_S)
        self._listening.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(_PATIENCE_S)
        self._path.unlink()

    def hang_up(self) -> None:
        """End every connection, as an engine that goes away does."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def heal(self) -> None:
        """Go wrong no more."""
        self.fault, self.is_gone, self._seen = None, False, 0

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if self.is_gone:
                near.close()
                continue
            far = socket.socket(socket.AF_UNIX)
            far.connect(_REAL)
            with self._lock:
                self._sockets += [near, far]
            connection = _Connection(self, near, far)
            for pump in (connection.requests, connection.answers):
                thread = threading.Thread(target=pump)
                self._threads.append(thread)
                thread.start()

    def strikes(self, target: str) -> Fault | None:
        """Return the fault that a request for `target` meets."""
        fault = self.fault
        if fault is None or fault.path not in target:
            return None
        with self._lock:
            self._seen += 1
            return fault if self._seen > fault.passes else None


class _Connection:
    def __init__(self, engine: Engine, near: socket.socket, far: socket.socket) -> None:
        self._engine, self._near, self._far = engine, near, far
        self._fault: Fault | None = None
        self._passed = {True: 0, False: 0}

    def requests(self) -> None:
        """Pass on what the SDK sends."""
        with contextlib.suppress(OSError):
            while data := self._near.recv(_CHUNK):
                request = _REQUEST.match(data)
                if request:
                    self._fault = self._engine.strikes(request[1].decode())
                    self._passed = {True: 0, False: -len(data)}
                if request and self._fault and self._fault.status:
                    self._answer(data, self._fault)
                    break
                self._far.sendall(self._damaged(data, is_answer=False))
            self._far.shutdown(socket.SHUT_WR)

    def answers(self) -> None:
        """Pass on what the engine sends."""
        with contextlib.suppress(OSError):
            while data := self._far.recv(_CHUNK):
                self._near.sendall(self._damaged(data, is_answer=True))
            self._near.shutdown(socket.SHUT_WR)

    def _damaged(self, data: bytes, *, is_answer: bool) -> bytes:
        fault = self._fault
        start = self._passed[is_answer]
        self._passed[is_answer] = end = start + len(data)
        if fault is None or fault is not self._engine.fault or fault.is_answer is not is_answer:
            return data
        if fault.flip_at is not None and start <= fault.flip_at < end:
            self._engine.hits += 1
            turned = bytearray(data)
            turned[fault.flip_at - start] ^= 1
            return bytes(turned)
        if fault.cut_at is not None and end > fault.cut_at:
            self._engine.hits += 1
            with contextlib.suppress(OSError):
                self._near.sendall(data[: max(0, fault.cut_at - start)] if is_answer else b"")
            for one in (self._near, self._far):
                one.shutdown(socket.SHUT_RDWR)
            return b""
        return data

    def _answer(self, data: bytes, fault: Fault) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        left = (int(length[1]) if length else 0) - len(body)
        while left > 0 and (more := self._near.recv(_CHUNK)):
            left -= len(more)
        self._engine.hits += 1
        lines = f"HTTP/1.1 {fault.status} So\r\nContent-Type: application/json\r\n"
        lines += f"Content-Length: {len(fault.answer)}\r\nConnection: close\r\n\r\n"
        self._near.sendall(lines.encode() + fault.answer)
        self._near.shutdown(socket.SHUT_RDWR)
