"""git's index file: what it says about a path, and a new one with only some entries changed.

git itself makes the change, on a copy; what it cannot do there is to say when the files were last
looked at, so those numbers are put in afterwards. The layout is gitformat-index(5).
"""

from __future__ import annotations

import hashlib
import os
import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from mai.errors import GitError
from mai.repo.diffs import PathChange
from mai.repo.objects import TreeEntry
from mai.repo.private import Private

_HEADER = struct.Struct(">4sLL")
_STATS = struct.Struct(">10L")
_ASSUME_VALID, _EXTENDED, _STAGE, _NAME_LENGTH = 0x8000, 0x4000, 0x3000, 0x0FFF
_SKIP_WORKTREE, _INTENT_TO_ADD = 0x4000, 0x2000
_VERSION_WITH_PREFIXES = 4
_SHA1_BYTES = 20
_DAMAGED = "The repository's index is damaged; `git fsck` says more."


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One path of the index. `is_plain`: no conflict, and no flag that hides it from git."""

    mode: int
    oid: str
    is_plain: bool
    offset: int

    def is_same(self, entry: TreeEntry | None) -> bool:
        """Whether it says of the path what `entry` does, and nothing more."""
        return (
            entry is not None
            and self.is_plain
            and (self.mode, self.oid)
            == (
                entry.mode,
                entry.oid,
            )
        )


class Index:
    """An index file's content, read.

    Raises:
        GitError: it is damaged.
    """

    def __init__(self, data: bytes, oid_bytes: int) -> None:
        self.data = data
        self.oid_bytes = oid_bytes
        self.entries: dict[str, IndexEntry] = {}
        self.extensions: set[bytes] = set()
        try:
            self._read()
        except (struct.error, IndexError, ValueError) as error:
            raise GitError(_DAMAGED) from error

    @classmethod
    def empty(cls, oid_bytes: int) -> Self:
        """Return the index of a work tree that has none."""
        return cls(b"DIRC" + bytes([0, 0, 0, 2, 0, 0, 0, 0]) + bytes(oid_bytes), oid_bytes)

    def get(self, path: str) -> IndexEntry | None:
        """Return what the index has at `path`."""
        return self.entries.get(path)

    def below(self, path: str) -> list[str]:
        """Return the paths inside the folder `path`."""
        prefix = path + "/"
        first = bisect_left(self._sorted, prefix)
        # "0" is the character after "/".
        return self._sorted[first : bisect_left(self._sorted, path + "0")]

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.entries)

    @property
    def is_partial(self) -> bool:
        """Whether parts of it lie elsewhere or stand for whole folders: split or sparse."""
        return bool(self.extensions & {b"link", b"sdir"})

    def _read(self) -> None:
        signature, version, count = _HEADER.unpack_from(self.data)
        if signature != b"DIRC" or version not in {2, 3, _VERSION_WITH_PREFIXES}:
            raise ValueError
        position = _HEADER.size
        previous = b""
        for _ in range(count):
            start = position
            position = start + _STATS.size
            oid = self.data[position : position + self.oid_bytes].hex()
            position += self.oid_bytes
            (flags,) = struct.unpack_from(">H", self.data, position)
            position += 2
            hidden = bool(flags & (_STAGE | _ASSUME_VALID))
            if flags & _EXTENDED:
                (more,) = struct.unpack_from(">H", self.data, position)
                position += 2
                hidden |= bool(more & (_SKIP_WORKTREE | _INTENT_TO_ADD))
            if version == _VERSION_WITH_PREFIXES:
                dropped, position = self._varint(position)
                end = self.data.index(b"\0", position)
                name = previous[: len(previous) - dropped] + self.data[position:end]
                position = end + 1
            else:
                end = self.data.index(b"\0", position + min(flags & _NAME_LENGTH, _NAME_LENGTH - 1))
                name = self.data[position:end]
                position = start + ((end - start) // 8 + 1) * 8  # 1 to 8 NULs fill it up
            previous = name
            (mode,) = struct.unpack_from(">L", self.data, start + 24)
            path = name.decode("utf-8", "surrogateescape")
            self.entries[path] = IndexEntry(mode, oid, not hidden, start)
        self._read_extensions(position)

    def _varint(self, position: int) -> tuple[int, int]:
        byte = self.data[position]
        value = byte & 0x7F
        while byte & 0x80:
            position += 1
            byte = self.data[position]
            value = ((value + 1) << 7) | (byte & 0x7F)
        return value, position + 1

    def _read_extensions(self, position: int) -> None:
        end = len(self.data) - self.oid_bytes
        while position + 8 <= end:
            signature, length = struct.unpack_from(">4sL", self.data, position)
            self.extensions.add(signature)
            position += 8 + length
        if position != end:
            raise ValueError

    def with_stats(self, stats: Mapping[str, os.stat_result]) -> bytes:
        """Return the content with entries that say their files were last seen like `stats`."""
        content = bytearray(self.data[: len(self.data) - self.oid_bytes])
        for path, status in stats.items():
            entry = self.entries[path]
            numbers = (
                *divmod(status.st_ctime_ns, 1_000_000_000),
                *divmod(status.st_mtime_ns, 1_000_000_000),
                status.st_dev,
                status.st_ino,
                entry.mode,
                status.st_uid,
                status.st_gid,
                status.st_size,
            )
            _STATS.pack_into(content, entry.offset, *(number & 0xFFFFFFFF for number in numbers))
        name = "sha1" if self.oid_bytes == _SHA1_BYTES else "sha256"
        return bytes(content) + hashlib.new(name, content, usedforsecurity=False).digest()


def changed(private: Private, index: Index, changes: Iterable[PathChange]) -> Index:
    """Return `index` with what `changes` make of their paths; all other entries stay the same."""
    lines: list[str] = []
    for change in changes:
        if change.new is None and change.old is not None:
            lines.insert(0, f"0 {'0' * len(change.old.oid)}\t{change.path}\0")
        elif change.new is not None:
            lines.append(f"{change.new.mode:o} {change.new.oid}\t{change.path}\0")
    with private.scratch() as folder:
        copy = folder / "index"
        copy.write_bytes(index.data)
        private.git.run(
            "update-index",
            "-z",
            "--index-info",
            data="".join(lines).encode("utf-8", "surrogateescape"),
            environment={"GIT_INDEX_FILE": str(copy)},
        )
        return Index(copy.read_bytes(), index.oid_bytes)
