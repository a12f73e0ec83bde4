"""Reads the job and the files of the tree from the container's standard input.

The format is `mai/sandbox/packing.py`'s: a length, the same with its bits turned, a checksum and a
JSON header, then each file as mode, length of path, length of data, path, data. The header holds
the size and checksum of all files: a tree that was damaged on its way is not the tree to judge. The
host has checked every path; it is checked again here, because a tree that could write outside its
folder could replace what reports on it.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

_HEADER = struct.Struct(">III")
_TURNED = 0xFFFFFFFF
_ENTRY = struct.Struct(">IHQ")
_CACHE = "/__pycache__/"
_PIECE_BYTES = 1 << 20
_LONGEST_TARGET = 4089
_LINK, _EXECUTABLE = 0o120000, 0o100755


class BadInputError(Exception):
    """The input is cut short or names a place outside the tree."""


def read_job(stream: BinaryIO) -> dict[str, Any]:
    """Return the job's header.

    Raises:
        EOFError: nobody sent one.
        BadInputError: it was cut or damaged on its way.
    """
    first = stream.read(_HEADER.size)
    if len(first) < _HEADER.size:
        raise EOFError
    length, turned, checksum = _HEADER.unpack(first)
    text = _exactly(stream, length) if length ^ turned == _TURNED else b""
    if not text or zlib.crc32(text) != checksum:
        raise BadInputError("The job was damaged on its way.")
    job: dict[str, Any] = json.loads(text)
    return job


class _Checked:
    """Reads what belongs to the tree and no more, and keeps its checksum."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._read, self.left, self.checksum = stream.read, size, 0

    def read(self, size: int) -> bytes:
        if size > self.left:
            raise BadInputError("The tree was damaged on its way.")
        data = self._read(size)
        self.left -= size
        self.checksum = zlib.crc32(data, self.checksum)
        return data


def unpack(stream: BinaryIO, root: str, job: dict[str, Any]) -> list[str]:
    """Write the job's files below `root`, links last so that nothing is written through one.

    Compiled Python below `__pycache__` is left out: it would run in place of the source beside it,
    which is what people were shown.

    Returns:
        The paths written.

    Raises:
        BadInputError: a path or a link leaves the tree, or the tree was damaged on its way.
    """
    checked = _Checked(stream, job["size"])
    paths = _unpack(checked, root, job["files"])
    if checked.left or checked.checksum != job["checksum"]:
        raise BadInputError("The tree was damaged on its way.")
    return paths


def _unpack(stream: _Checked, root: str, count: int) -> list[str]:
    paths: list[str] = []
    links: list[tuple[str, str]] = []
    made = {root}
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    # Ten thousand files are to take a tenth of a second: nothing in here that is not needed.
    for _ in range(count):
        mode, path_length, size = _ENTRY.unpack(_exactly(stream, _ENTRY.size))
        path = os.fsdecode(_exactly(stream, path_length))
        if not _is_inside(path):
            raise BadInputError(f"The path {path!r} leaves the tree.")
        if _CACHE in f"/{path}":
            _skip(stream, size)
            continue
        paths.append(path)
        place = f"{root}/{path}"
        _make_folders(place, made)
        if mode == _LINK:
            links.append((place, os.fsdecode(_exactly(stream, size))))
            continue
        descriptor = os.open(place, flags, 0o755 if mode == _EXECUTABLE else 0o644)
        try:
            while size:
                data = _exactly(stream, min(size, _PIECE_BYTES))
                size -= len(data)
                _write(descriptor, data)
        finally:
            os.close(descriptor)
    for place, target in links:
        depth = place[len(root) + 1 :].count("/")
        if not _stays_inside(target, depth):
            raise BadInputError(f"The link {place!r} leaves the tree.")
        Path(place).symlink_to(target)
    return paths


def _make_folders(place: str, made: set[str]) -> None:
    """Make the folders above `place` that are not `made`, however many: `os.makedirs` recurses."""
    missing = []
    folder = place[: place.rindex("/")]
    while folder not in made:
        missing.append(folder)
        folder = folder[: folder.rindex("/")]
    for folder in reversed(missing):
        os.mkdir(folder)  # noqa: PTH102 - a Path costs more than the call
        made.add(folder)


def _is_inside(path: str) -> bool:
    framed = f"/{path}/"
    return (
        "//" not in framed and "/./" not in framed and "/../" not in framed and "\0" not in framed
    )


def _stays_inside(target: str, depth: int) -> bool:
    """Whether a link `depth` folders below the root stays inside, whatever other links it meets.

    A `..` after a name could climb out of the folder that another link leads to, so `..` is only
    allowed in front.
    """
    if not target or target.startswith("/") or "\0" in target or len(target) > _LONGEST_TARGET:
        return False
    parts = PurePosixPath(target).parts
    climbs = next((n for n, part in enumerate(parts) if part != ".."), len(parts))
    return climbs <= depth and ".." not in parts[climbs:]


def _skip(stream: _Checked, size: int) -> None:
    while size:
        size -= len(_exactly(stream, min(size, _PIECE_BYTES)))


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):  # a tmpfs writes all at once, unless it is about to be full
        data = data[written:]
        written = os.write(descriptor, data)


def _exactly(stream: BinaryIO | _Checked, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise BadInputError("The input ended early.")
    return data
