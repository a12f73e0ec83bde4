"""What comes out of a container, read as it comes: the engine's frames, and in them our records.

Two layers. The engine wraps what the container writes into frames of stream, length and data. What
the harness writes to standard output is records: 16 secret bytes that only it was told, a kind, a
length, a seal and a payload. A seal is a hash over this record and, by its seal, every one before
it. Anything else on standard output means that something else wrote there or that it was damaged
on the way, and then nothing of it is believed.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from mai.sandbox.container import Stream

READY = b"ready\n"
TOKEN_BYTES = 16
_FRAME = struct.Struct(">BxxxI")
_RECORD = struct.Struct(">cI")
_SEAL_BYTES = 16
_CPU = struct.Struct(">d")
_STDERR = 2
_CHUNK = 1 << 16
_HEAD_BYTES, _TAIL_BYTES = 16 << 10, 48 << 10
#: The most a result or a JUnit report may take; output is limited by the run's own limit as well.
_MOST_BYTES = {b"R": 64 << 20, b"J": 8 << 20, b"O": _CHUNK, b"E": _CHUNK, b"H": _CPU.size}


class DamageError(Exception):
    """Standard output carried something that the harness did not write."""


@dataclass(slots=True)
class Excerpt:
    """The beginning and the end of a long text, in bounded memory."""

    _head: bytearray = field(default_factory=bytearray)
    _tail: bytearray = field(default_factory=bytearray)
    _left_out: int = 0

    def add(self, data: bytes) -> None:
        """Append `data`."""
        room = _HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room > 0 else data
        if len(self._tail) > 2 * _TAIL_BYTES:
            self._left_out += len(self._tail) - _TAIL_BYTES
            del self._tail[:-_TAIL_BYTES]

    def text(self) -> str:
        """Return what was kept, decoded; a line says how much was left out."""
        excess = max(0, len(self._tail) - _TAIL_BYTES)
        left_out = self._left_out + excess
        between = f"\n[… {left_out} bytes left out …]\n".encode() if left_out else b""
        kept = bytes(self._head) + between + bytes(self._tail[excess:])
        return kept.decode("utf-8", "replace")


@dataclass(slots=True)
class Received:
    """What a container sent. `result` and `junit` are None where none came.

    `problem` says in a sentence why nothing of it may be believed, and is empty where it may.
    """

    output: Excerpt = field(default_factory=Excerpt)
    trouble: Excerpt = field(default_factory=Excerpt)
    result: bytes | None = None
    junit: bytes | None = None
    problem: str = ""


#: Is given each piece of output as it comes, and whether it is an error stream's.
Listener = Callable[[bool, bytes], None]
#: Is told of every sign of life: the CPU seconds used so far, or None where something was printed.
Pulse = Callable[[float | None], None]


def seal(token: bytes, before: bytes, kind: bytes, payload: bytes) -> bytes:
    """Return the seal of a record that follows one with the seal `before`."""
    sealed = hashlib.blake2b(before, key=token, digest_size=_SEAL_BYTES)
    sealed.update(kind)
    sealed.update(payload)
    return sealed.digest()


def receive(
    stream: Stream,
    token: bytes,
    listener: Listener | None = None,
    *,
    is_ready: bool = False,
    pulse: Pulse = lambda _: None,
) -> Received:
    """Read until the container closes its output or has sent its result. Memory stays bounded.

    Args:
        stream: the attached stream.
        token: what records must begin with.
        listener: is given each piece of output as it comes, and whether it is an error stream's.
        is_ready: whether the harness's first words have been read already.
        pulse: is told of every sign of life.
    """
    received = Received()
    parser = _Parser(token, is_ready=is_ready)
    # A connection that breaks off is a container that ended; what is missing shows by itself.
    with suppress(OSError):
        for is_error, data in _frames(stream):
            if is_error:
                received.trouble.add(data)
                continue
            try:
                for kind, payload in parser.feed(data):
                    _take(received, kind, payload, listener, pulse)
            except DamageError as error:
                received.problem = str(error)
                break
            if received.result is not None:
                break
    return received


def _take(
    received: Received, kind: bytes, payload: bytes, listener: Listener | None, pulse: Pulse
) -> None:
    if kind == b"H":
        pulse(float(_CPU.unpack(payload)[0]) if len(payload) == _CPU.size else None)
    elif kind == b"R":
        received.result = payload
    elif kind == b"J":
        received.junit = payload
    else:
        received.output.add(payload)
        pulse(None)
        if listener is not None:
            listener(kind == b"E", payload)


def _frames(stream: Stream) -> Iterator[tuple[bool, bytes]]:
    buffer = bytearray()
    while data := stream.recv(_CHUNK):
        buffer += data
        while len(buffer) >= _FRAME.size:
            kind, length = _FRAME.unpack_from(buffer)
            # Passed on in pieces, so that no length the engine claims has to fit into memory.
            while length:
                if len(buffer) == _FRAME.size:
                    more = stream.recv(_CHUNK)
                    if not more:
                        return
                    buffer += more
                piece = bytes(buffer[_FRAME.size : _FRAME.size + length])
                del buffer[_FRAME.size : _FRAME.size + len(piece)]
                length -= len(piece)
                yield kind == _STDERR, piece
            del buffer[: _FRAME.size]


class _Parser:
    def __init__(self, token: bytes, *, is_ready: bool) -> None:
        self._token = token
        self._seal = b""
        self._buffer = bytearray()
        self._is_ready = is_ready

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        buffer = self._buffer
        buffer += data
        if not self._is_ready:
            if len(buffer) < len(READY):
                return
            if not buffer.startswith(READY):
                raise DamageError("the container did not begin with its harness")
            del buffer[: len(READY)]
            self._is_ready = True
        head = TOKEN_BYTES + _RECORD.size
        start = head + _SEAL_BYTES
        while len(buffer) >= head:
            kind, length = _RECORD.unpack_from(buffer, TOKEN_BYTES)
            if buffer[:TOKEN_BYTES] != self._token or length > _MOST_BYTES.get(kind, -1):
                raise DamageError("what the container sent is not its harness's, or was damaged")
            if len(buffer) < start + length:
                return
            sealed, payload = bytes(buffer[head:start]), bytes(buffer[start : start + length])
            self._seal = seal(self._token, self._seal, kind, payload)
            if sealed != self._seal:
                raise DamageError("what the container sent was damaged on the way")
            del buffer[: start + length]
            yield kind, payload
