"""Git's binary patches: base85 over zlib, whole (`literal`) or against the old content (`delta`).

The form is that of git's `diff.c` (`emit_binary_diff_body`) and `patch-delta.c`. What a patch
claims is bounded before anything is unpacked: a few hundred bytes can claim gigabytes.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Sequence

from mai.edits.nouns import BinaryPatch
from mai.errors import EditError

_LONGEST_LINE_BYTES = 52  # one letter counts them: A to Z are 1 to 26, a to z are 27 to 52
_DEFAULT_COPY_BYTES = 0x10000  # what a copy of length nought means in git's delta
_COPY = 0x80
_VARINT_MORE = 0x80
_LONGEST_VARINT_BITS = 63


def unpacked(lines: Sequence[bytes], size: int, what: str) -> bytes:
    """Return the `size` bytes that the base85 `lines` of a binary patch hold.

    Raises:
        EditError: a line is not git's base85, or the content is not `size` bytes. `what` names
            the file in the sentence.
    """
    packed = b"".join(_line(line, what) for line in lines)
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, size + 1)
    except zlib.error as error:
        raise EditError(f"The binary patch of {what} is damaged: not zlib data.") from error
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise EditError(f"The binary patch of {what} is damaged: not {size} bytes as it says.")
    return data


def _line(line: bytes, what: str) -> bytes:
    letter, text = line[:1], line[1:]
    if b"A" <= letter <= b"Z":
        size = letter[0] - ord("A") + 1
    elif b"a" <= letter <= b"z":
        size = letter[0] - ord("a") + 27
    else:
        raise EditError(f"The binary patch of {what} is damaged: a line without its length.")
    if size > _LONGEST_LINE_BYTES or len(text) != (size + 3) // 4 * 5:
        raise EditError(f"The binary patch of {what} is damaged: a line of the wrong length.")
    try:
        return base64.b85decode(text)[:size]
    except ValueError as error:
        raise EditError(f"The binary patch of {what} is damaged: not base85.") from error


def patched(patch: BinaryPatch, base: bytes | None, limit: int, what: str) -> bytes:
    """Return the content that `patch` makes of `base`, None where there was no file.

    Raises:
        EditError: it was made against another content, or is damaged, or makes more than `limit`
            bytes.
    """
    if patch.old_id and _id(base, patch.old_id) != patch.old_id:
        raise EditError(f"The binary patch of {what} was made against another version of it.")
    data = _applied(patch.data, base or b"", limit, what) if patch.is_delta else patch.data
    # A deletion's new id is all noughts, which is no blob's.
    is_gone = not data and not patch.new_id.strip("0")
    if patch.new_id and _id(None if is_gone else data, patch.new_id) != patch.new_id:
        raise EditError(f"The binary patch of {what} is damaged: its checksum differs.")
    return data


def _id(data: bytes | None, like: str) -> str:
    """Return the object id of the blob `data`, in the hash that the id `like` is in."""
    if data is None:
        return "0" * len(like)
    name = "sha1" if len(like) == 40 else "sha256"  # noqa: PLR2004 - hexadecimal digits of SHA-1
    digest = hashlib.new(name, b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


class _Reader:
    """The bytes of a delta, taken one after another."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._data)

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise EditError(f"The binary patch of {self._what} is damaged: it ends too early.")
        self._at += count
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def size(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & ~_VARINT_MORE) << shift
            shift += 7
            if not byte & _VARINT_MORE:
                return value
            if shift > _LONGEST_VARINT_BITS:
                raise EditError(f"The binary patch of {self._what} is damaged: a wild size.")

    def number(self, flags: int, byte_count: int) -> int:
        """Take the bytes of a little-endian number that `flags` says are there."""
        return sum(self.byte() << 8 * i for i in range(byte_count) if flags >> i & 1)


def _applied(delta: bytes, base: bytes, limit: int, what: str) -> bytes:
    reader = _Reader(delta, what)
    if reader.size() != len(base):
        raise EditError(f"The binary patch of {what} was made against another version of it.")
    size = reader.size()
    if size > limit:
        raise EditError(f"The binary patch of {what} unpacks to more than {limit} bytes.")
    made = bytearray()
    while not reader.is_done:
        operation = reader.byte()
        if operation & _COPY:
            start = reader.number(operation, 4)
            count = reader.number(operation >> 4 & 0b111, 3) or _DEFAULT_COPY_BYTES
            piece = base[start : start + count]
            is_sound = len(piece) == count
        else:
            piece = reader.take(operation)
            is_sound = operation != 0  # nought is reserved
        if not is_sound or len(made) + len(piece) > size:
            raise EditError(f"The binary patch of {what} is damaged: it copies out of bounds.")
        made += piece
    if len(made) != size:
        raise EditError(f"The binary patch of {what} is damaged: not {size} bytes as it says.")
    return bytes(made)
