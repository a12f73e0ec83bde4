"""A tree on its way into a container: checked, counted, and laid out for the harness to read.

Each file is mode, length of path, length of data, path, data; `sandbox/tree.py` reads it. Half the
time and a tenth of the parser of a tar.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from mai.errors import SandboxError
from mai.jobs import TreeFile
from mai.text import one_line

_ENTRY = struct.Struct(">IHQ")
_IN_MEMORY_BYTES = 64 << 20
_PIECES = 3 * 256
_BLOCK = 4096
_MODES = frozenset({0o100644, 0o100755, 0o120000})
_LINK = 0o120000
#: Linux takes 4,096 bytes with the `/repo/` in front and a zero behind, and 255 for a name.
_LONGEST_PATH = 4089
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Packed:
    """A tree laid out. `disk_bytes` is what it takes once unpacked, `inodes` files and folders.

    `checksum` is the CRC-32 of all `size` bytes of `file`.
    """

    file: IO[bytes]
    size: int
    checksum: int
    files: int
    inodes: int
    disk_bytes: int

    def close(self) -> None:
        """Forget the content."""
        self.file.close()


def pack(files: Iterable[TreeFile]) -> Packed:
    """Lay out `files`. Past 64 MiB the content waits in a temporary file, not in memory.

    Raises:
        SandboxError: a path or link leaves the tree, is there twice, or has an unknown mode.
    """
    # Closed by whoever gets the Packed, or here when something is refused.
    spool = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115
    try:
        return _pack(files, spool)
    except BaseException:
        spool.close()
        raise


def _pack(files: Iterable[TreeFile], spool: IO[bytes]) -> Packed:
    seen: set[str] = set()
    folders: set[str] = set()
    links: set[str] = set()
    pieces: list[bytes] = []
    count = disk = checksum = 0
    for file in files:
        _check(file)
        if file.path in seen:
            raise SandboxError(f"The tree has {one_line(file.path)} twice.")
        seen.add(file.path)
        if file.mode == _LINK:
            links.add(file.path)
        _add_folders(file.path, folders)
        path = os.fsencode(file.path)
        pieces += (_ENTRY.pack(file.mode, len(path), len(file.data)), path, file.data)
        if len(pieces) >= _PIECES:
            checksum = _write(spool, pieces, checksum)
        count += 1
        disk += -(-len(file.data) // _BLOCK) * _BLOCK
    checksum = _write(spool, pieces, checksum)
    through = folders & seen
    if through:
        what = "link" if min(through) in links else "file"
        raise SandboxError(f"The tree has files below the {what} {one_line(min(through))}.")
    size = spool.tell()
    spool.seek(0)
    return Packed(spool, size, checksum, count, count + len(folders), disk)


def _write(spool: IO[bytes], pieces: list[bytes], checksum: int) -> int:
    """Write and forget `pieces`; return the checksum with them in it."""
    data = b"".join(pieces)
    pieces.clear()
    spool.write(data)
    return zlib.crc32(data, checksum)


def _add_folders(path: str, folders: set[str]) -> None:
    while "/" in path:
        path = path[: path.rindex("/")]
        if path in folders:
            return
        folders.add(path)


def _check(file: TreeFile) -> None:
    framed = f"/{file.path}/"
    if "\0" in framed or "//" in framed or "/./" in framed or "/../" in framed:
        raise SandboxError(f"The path {one_line(file.path) or '(empty)'} leaves the tree.")
    # No character takes more than four bytes: nearly every path is short enough at a glance.
    if len(file.path) > _LONGEST_NAME // 4 and _is_too_long(os.fsencode(file.path)):
        raise SandboxError(f"The path {one_line(file.path)} is too long.")
    if file.mode not in _MODES:
        raise SandboxError(f"{one_line(file.path)} has the mode {file.mode:o}, which no file has.")
    if file.mode == _LINK and not stays_inside(os.fsdecode(file.data), file.path.count("/")):
        raise SandboxError(f"The link {one_line(file.path)} leaves the tree, so nothing is run.")


def _is_too_long(path: bytes) -> bool:
    return len(path) > _LONGEST_PATH or max(map(len, path.split(b"/"))) > _LONGEST_NAME


def stays_inside(target: str, depth: int) -> bool:
    """Whether a link `depth` folders below the root stays inside, whatever links it leads through.

    A `..` behind a name could climb out of the folder that another link leads to, so `..` is
    allowed only in front, and no more of them than there are folders.
    """
    if not target or target.startswith("/") or "\0" in target:
        return False
    parts = PurePosixPath(target).parts
    climbs = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return climbs <= depth and ".." not in parts[climbs:]
