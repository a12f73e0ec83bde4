"""The two halves of a message between Mai and its worker: a JSON header and a body of bytes."""

from __future__ import annotations

import json
import struct
from typing import IO, Any

_LENGTHS = struct.Struct(">II")
MAX_FRAME_BYTES = 256_000_000


class BrokenFrameError(Exception):
    """The other side went away, or what came is no frame."""


def write_frame(stream: IO[bytes] | None, header: dict[str, Any], body: bytes = b"") -> None:
    """Write one frame: both lengths as 32-bit big-endian numbers, the header, the body.

    Raises:
        BrokenFrameError: there is no stream.
    """
    if stream is None:
        raise BrokenFrameError
    text = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def read_frame(stream: IO[bytes] | None) -> tuple[dict[str, Any], bytes]:
    """Read one frame.

    Raises:
        BrokenFrameError: the stream ended, or it holds no frame.
    """
    if stream is None:
        raise BrokenFrameError
    header_size, body_size = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    if max(header_size, body_size) > MAX_FRAME_BYTES:
        raise BrokenFrameError
    text, body = _exactly(stream, header_size), _exactly(stream, body_size)
    try:
        header = json.loads(text)
    except ValueError as error:
        raise BrokenFrameError from error
    if not isinstance(header, dict):
        raise BrokenFrameError
    return header, body


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise BrokenFrameError
    return data
