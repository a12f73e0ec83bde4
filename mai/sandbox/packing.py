"""A tree on its way into a container: checked, counted, and laid out for the harness to read.

Each file is mode, length of path, length of data, path, data; `sandbox/tree.py` reads it. Half the
time and a tenth of the parser of a tar.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO

from mai.errors import UnfitTree
from mai.jobs import TreeFile
from mai.text import one_line, path_line

_ENTRY = struct.Struct(">IHQ")
_IN_MEMORY_BYTES = 64 << 20
_PIECES = 3 * 256
_LARGE_BYTES = 8 << 20
_BLOCK = 4096
_MODES = frozenset({0o100644, 0o100755, 0o120000})
_LINK = 0o120000
#: As many links in one path as Linux follows.
_MOST_HOPS = 40
#: Linux takes 4,096 bytes with the `/repo/` in front and a zero behind, and 255 for a name.
_LONGEST_PATH = 4089
_LONGEST_NAME = 255
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Packed:
    """A tree laid out. `disk_bytes` is what it takes once unpacked, `inodes` files and folders.

    `checksum` is the CRC-32 of all `size` bytes of `file`. `left_out` names the links of the tree
    that lead out of it, which are not in there.
    """

    file: IO[bytes]
    size: int
    checksum: int
    files: int
    inodes: int
    disk_bytes: int
    left_out: tuple[str, ...] = ()

    def close(self) -> None:
        """Forget the content."""
        self.file.close()


def pack(files: Iterable[TreeFile]) -> Packed:
    """Lay out `files`. Past 64 MiB the content waits in a temporary file, not in memory.

    Links that lead out of the tree are left out: what they lead to is not the repo's, and not in
    the container.

    Raises:
        UnfitTree: a path leaves the tree, is there twice, or has an unknown mode.
    """
    # Closed by whoever gets the Packed, or here when something is refused.
    spool = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115
    try:
        return _pack(files, spool)
    except BaseException:
        spool.close()
        raise


def say_left_out(links: Sequence[str]) -> str:
    """Return the sentence for the links that are not in the container, "" where none is missing."""
    if not links:
        return ""
    names = ", ".join(path_line(link) for link in links[:_MOST_NAMED])
    more = f" and {len(links) - _MOST_NAMED} more" if len(links) > _MOST_NAMED else ""
    what = "links that lead" if len(links) > 1 else "a link that leads"
    return f"Left out: {names}{more}, {what} out of the tree."


def _pack(files: Iterable[TreeFile], spool: IO[bytes]) -> Packed:
    seen: set[str] = set()
    folders: set[str] = set()
    links: dict[str, TreeFile] = {}
    pieces: list[bytes] = []
    count = disk = checksum = 0
    for file in files:
        _check(file)
        if file.path in seen:
            raise UnfitTree(f"The tree has {one_line(file.path)} twice.")
        seen.add(file.path)
        _add_folders(file.path, folders)
        if file.mode == _LINK:
            links[file.path] = file
            continue
        pieces += _entry(file)
        if len(pieces) >= _PIECES or len(file.data) > _LARGE_BYTES:
            checksum = _write(spool, pieces, checksum)
        count += 1
        disk += -(-len(file.data) // _BLOCK) * _BLOCK
    through = folders & seen
    if through:
        what = "link" if min(through) in links else "file"
        raise UnfitTree(f"The tree has files below the {what} {one_line(min(through))}.")
    kept = [found for link in links.values() if (found := _inside(link, links)) is not None]
    for link in kept:
        pieces += _entry(link)
    checksum = _write(spool, pieces, checksum)
    left_out = tuple(sorted(links.keys() - {link.path for link in kept}))
    count += len(kept)
    disk += len(kept) * _BLOCK
    size = spool.tell()
    spool.seek(0)
    return Packed(spool, size, checksum, count, count + len(folders), disk, left_out)


def _entry(file: TreeFile) -> tuple[bytes, bytes, bytes]:
    path = os.fsencode(file.path)
    return _ENTRY.pack(file.mode, len(path), len(file.data)), path, file.data


def _inside(link: TreeFile, links: Mapping[str, TreeFile]) -> TreeFile | None:
    """Return `link` with a target that cannot lead out of the tree, None where its own does.

    A target that stays inside whatever it leads through is kept. Any other is followed through the
    tree's own links, where a name that is not there counts as a folder.
    """
    target = os.fsdecode(link.data)
    folder = link.path.split("/")[:-1]
    if stays_inside(target, len(folder)):
        return link
    place, ahead, hops = list(folder), _names(target), 0
    while ahead:
        name = ahead.pop()
        if not name or (name == ".." and not place):
            return None
        if name == "..":
            place.pop()
        elif (further := links.get("/".join((*place, name)))) is None:
            place.append(name)
        else:
            ahead += _names(os.fsdecode(further.data))
            hops += 1
            if hops > _MOST_HOPS:
                return None
    way = os.path.relpath(f"/{'/'.join(place)}", f"/{'/'.join(folder)}")
    return replace(link, data=os.fsencode(way))


def _names(target: str) -> list[str]:
    """Return a target's names from the last to the first, "" alone where it is none in here."""
    if not target or target.startswith("/") or "\0" in target or len(target) > _LONGEST_PATH:
        return [""]
    return [name for name in reversed(target.split("/")) if name not in {"", "."}]


def _write(spool: IO[bytes], pieces: list[bytes], checksum: int) -> int:
    """Write `pieces`, forget them, and return the checksum with them in it.

    Many small ones are put together; a large one is never copied in memory.
    """
    if sum(map(len, pieces)) > _LARGE_BYTES:
        spool.fileno()  # moves what is in memory into the file, before more comes
        blocks: Iterable[bytes] = pieces
    else:
        blocks = (b"".join(pieces),)
    for block in blocks:
        spool.write(block)
        checksum = zlib.crc32(block, checksum)
    pieces.clear()
    return checksum


def _add_folders(path: str, folders: set[str]) -> None:
    while "/" in path:
        path = path[: path.rindex("/")]
        if path in folders:
            return
        folders.add(path)


def _check(file: TreeFile) -> None:
    framed = f"/{file.path}/"
    if "\0" in framed or "//" in framed or "/./" in framed or "/../" in framed:
        raise UnfitTree(f"The path {one_line(file.path) or '(empty)'} leaves the tree.")
    # No character takes more than four bytes: nearly every path is short enough at a glance.
    if len(file.path) > _LONGEST_NAME // 4 and _is_too_long(os.fsencode(file.path)):
        raise UnfitTree(f"The path {one_line(file.path)} is too long.")
    if file.mode not in _MODES:
        raise UnfitTree(f"{one_line(file.path)} has the mode {file.mode:o}, which no file has.")


def _is_too_long(path: bytes) -> bool:
    return len(path) > _LONGEST_PATH or max(map(len, path.split(b"/"))) > _LONGEST_NAME


def stays_inside(target: str, depth: int) -> bool:
    """Whether a link `depth` folders below the root stays inside, whatever links it leads through.

    A `..` behind a name could climb out of the folder that another link leads to, so `..` is
    allowed only in front, and no more of them than there are folders.
    """
    if not target or target.startswith("/") or "\0" in target or len(target) > _LONGEST_PATH:
        return False
    parts = PurePosixPath(target).parts
    climbs = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return climbs <= depth and ".." not in parts[climbs:]
