"""Unified and git diffs, as bytes: new, deleted, renamed, copied, mode changes, binary.

The grammar is that of git-diff(1), "Generating patch text with -p", and of POSIX `diff -u`. Mail
headers and prose around them are skipped, unless they are shaped like a part of some patch.
Everything else must be understood.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mai.edits.binary import unpacked
from mai.edits.fences import is_fence
from mai.edits.git_header import GitHeader, Sides, file_diff, read_header
from mai.edits.headers import (
    path_of,
    plain_names,
    shown,
    side,
)
from mai.edits.hunks import HunkReader, starts_file
from mai.edits.labels import label
from mai.edits.markers import is_search
from mai.edits.nouns import BinaryPatch, FileDiff, Hunk
from mai.edits.strays import after_announcements, is_announcement, shape_at, stray
from mai.errors import EditError

_PACKED = re.compile(rb"(literal|delta) (\d{1,12})")
# Where a mail or a commit of a series begins, prose is expected again.
_SERIES = re.compile(rb"(?:From|commit) [0-9a-f]{40}")
_FULL_ID_DIGITS = frozenset({40, 64})


def starts_diff(lines: Sequence[bytes], at: int) -> bool:
    """Whether a diff of a file starts at `lines[at]`; false past the end."""
    return starts_file(lines, at) or (at < len(lines) and lines[at].startswith(_COMBINED))


_COMBINED = (b"diff --cc ", b"diff --combined ")


@dataclass(slots=True)
class Budget:
    """How many more bytes the binary patches of one text may unpack to."""

    left_bytes: int

    def take(self, size: int, what: str) -> None:
        """Use `size` of it.

        Raises:
            EditError: there is less left.
        """
        if size > self.left_bytes:
            raise EditError(f"The binary patch of {what} unpacks to more than is allowed.")
        self.left_bytes -= size


def parse_diffs(
    lines: Sequence[bytes], first_line: int, budget: Budget, *, is_fenced: bool
) -> tuple[FileDiff, ...]:
    """Read every file's diff in `lines`, which are without line feeds.

    Raises:
        EditError: there is none, or one of them cannot be read for certain.
    """
    # A patch whose headers end in CR went through something that rewrote every line's end. A file
    # that has CRLF itself has it in the hunks alone.
    if any(
        line.endswith(b"\r") and _has_rewritten_ends(lines, at) for at, line in enumerate(lines)
    ):
        lines = [line.removesuffix(b"\r") for line in lines]
    return _Parser(lines, first_line, budget, is_fenced=is_fenced).parse()


def _has_rewritten_ends(lines: Sequence[bytes], at: int) -> bool:
    if lines[at].startswith(b"diff --git "):
        return True
    # Three lines, because a removed and an added line of a hunk may look like the first two.
    return starts_diff(lines, at) and all(line.endswith(b"\r") for line in lines[at : at + 3])


class _Parser:
    def __init__(
        self, lines: Sequence[bytes], first_line: int, budget: Budget, *, is_fenced: bool
    ) -> None:
        self._lines = lines
        self._reader = HunkReader(lines, first_line, is_fenced=is_fenced)
        self._budget = budget
        self._at = 0

    def parse(self) -> tuple[FileDiff, ...]:
        found: list[FileDiff] = []
        is_prose = True
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.startswith(_COMBINED):
                raise self._error("a combined diff of a merge cannot be applied.")
            if line.startswith(b"diff --git "):
                found.append(self._git())
                is_prose = False
            elif starts_file(self._lines, self._at):
                found.append(self._plain())
                is_prose = False
            else:
                is_prose = self._skip(line, is_prose=is_prose)
        if not found:
            raise EditError("There is no diff of any file in the text.")
        return tuple(found)

    def _skip(self, line: bytes, *, is_prose: bool) -> bool:
        """Pass over a line outside any file's diff; return whether prose is expected now."""
        if _SERIES.match(line) or self._reader.is_signature(self._at):
            is_prose = True
        elif is_announcement(line):
            self._skip_announcements()
            return False
        elif what := shape_at(self._lines, self._at):
            raise stray(self._reader.number(self._at), what)
        elif not is_prose:
            if self._reader.is_stray(self._at):
                raise self._error("this is not part of any hunk and not a header either.")
            if self._starts_block():
                raise self._error("an edit block after a diff outside any fence; send one kind.")
        self._at += 1
        return is_prose

    def _skip_announcements(self) -> None:
        """Pass over the lines that say which file the diff right after them is of."""
        after, names = after_announcements(self._lines, self._at)
        if not starts_diff(self._lines, after):
            raise self._error("this names a file, and no diff of it follows.")
        header = b"\n".join(self._lines[after : after + 2])
        if any(name not in header for name in names):
            raise self._error("this names another file than the diff right after it.")
        self._at = after

    def _starts_block(self) -> bool:
        line, before = (
            self._lines[at].decode("utf-8", "replace").rstrip() for at in (self._at, self._at - 1)
        )
        return is_search(line) or (is_fence(line) and label(before) is not None)

    def _error(self, message: str) -> EditError:
        return EditError(f"Line {self._reader.number(self._at)}: {message}")

    def _plain(self) -> FileDiff:
        old, new = plain_names(side(self._lines[self._at]), side(self._lines[self._at + 1]))
        hunks, self._at = self._reader.read_all(self._at + 2, is_git=False)
        status = "added" if old is None else "deleted" if new is None else "modified"
        return FileDiff(
            None if old is None else path_of(old),
            None if new is None else path_of(new),
            status,
            hunks=hunks,
        )

    def _git(self) -> FileDiff:
        start = self._at
        try:
            header, self._at = read_header(self._lines, start)
            sides, hunks, binary = self._content(header)
            return file_diff(header, sides, hunks, binary)
        except EditError as error:
            text = str(error)
            place = "" if text.startswith("Line ") else f"Line {self._reader.number(start)}: "
            raise EditError(place + text) from error

    def _content(
        self, header: GitHeader
    ) -> tuple[Sides | None, tuple[Hunk, ...], BinaryPatch | None]:
        line = self._lines[self._at] if self._at < len(self._lines) else b""
        following = self._lines[self._at + 1] if self._at + 1 < len(self._lines) else b""
        if line == b"GIT binary patch":
            self._at += 1
            return None, (), self._binary(header)
        if line.startswith(b"Binary files ") and line.endswith(b" differ"):
            raise self._error("the diff says that a binary file differs but not how.")
        if not (line.startswith(b"--- ") and following.startswith(b"+++ ")):
            return None, (), None
        self._at += 2
        hunks, self._at = self._reader.read_all(self._at, is_git=True)
        if not hunks:
            raise self._error("the diff names a file but has no hunk for it.")
        return (side(line), side(following)), hunks, None

    def _binary(self, header: GitHeader) -> BinaryPatch:
        what = shown(header.name or header.names.get(b"rename to", b"a file"))
        kind, data = self._packed(what)
        # The second half undoes the first; it is of no use here but must not be left lying.
        if self._at < len(self._lines) and _PACKED.fullmatch(self._lines[self._at]):
            self._packed(what)
        old_id, new_id = (one if len(one) in _FULL_ID_DIGITS else "" for one in header.ids)
        return BinaryPatch(data, kind == b"delta", old_id, new_id)

    def _packed(self, what: str) -> tuple[bytes, bytes]:
        match = _PACKED.fullmatch(self._lines[self._at]) if self._at < len(self._lines) else None
        if not match:
            raise self._error(f"the binary patch of {what} is damaged.")
        end = self._at + 1
        while end < len(self._lines) and self._lines[end]:
            end += 1
        size = int(match[2])
        self._budget.take(size, what)
        data = unpacked(self._lines[self._at + 1 : end], size, what)
        self._at = min(end + 1, len(self._lines))
        return match[1], data
