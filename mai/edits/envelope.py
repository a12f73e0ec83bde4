"""The envelope `*** Begin Patch` … `*** End Patch`, which some models are trained to write.

    *** Add File: path            every line after it begins with +
    *** Delete File: path
    *** Update File: path         optionally followed by  *** Move to: path
    @@ a line before the change   optional; then lines that begin with a space, - or +
    *** End of File               optional; the lines before it are the file's last

It has no line numbers: a chunk goes where its lines stand, after the chunk before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mai.edits.fences import is_fence, is_open_after
from mai.edits.labels import label
from mai.edits.nouns import Chunk, Edit, FileDiff, Update, WholeFile
from mai.edits.paths import checked_path
from mai.errors import EditError
from mai.text import one_line

_BEGIN, _END, _END_OF_FILE = "*** Begin Patch", "*** End Patch", "*** End of File"
_HEADER = re.compile(r"\*\*\* (Add File|Delete File|Update File|Move to): *(.+)")
# What a unified diff has there says nothing that could be found in a file.
_NUMBERS = re.compile(r"-\d+(?:,\d+)? \+\d+(?:,\d+)? ?(?:@@)?")
_HEREDOC = re.compile(r".*<<-? *['\"]?\w+['\"]?\s*")


def envelope_start(lines: Sequence[str]) -> int | None:
    """Return where an envelope begins that is meant as one, None where there is none.

    It stands outside every fence, or right at the beginning of one that names no file.
    """
    start = next((at for at, line in enumerate(lines) if line.strip() == _BEGIN), None)
    if start is None or not is_open_after(lines[:start]):
        return start
    at = start - 1
    while at >= 0 and (not lines[at].strip() or _HEREDOC.fullmatch(lines[at])):
        at -= 1
    names_file = at > 0 and label(lines[at - 1]) is not None
    return start if at >= 0 and is_fence(lines[at]) and not names_file else None


def parse_envelopes(
    lines: Sequence[str], start: int
) -> tuple[tuple[Edit, ...], list[tuple[int, int]]]:
    """Return the edits of the envelope at `lines[start]` and of all after it, and where they are.

    Raises:
        EditError: a line is not of the form, or an envelope has no end.
    """
    updates: dict[str, Update] = {}
    edits: list[Edit] = []
    spans: list[tuple[int, int]] = []
    at = start
    while at < len(lines):
        if lines[at].strip() != _BEGIN:
            at += 1
            continue
        for edit in _Reader(lines, at + 1).read():
            before = updates.get(edit.path or "") if isinstance(edit, Update) else None
            if isinstance(edit, Update) and before and not (before.new_path or edit.new_path):
                edits.remove(before)
                edit = Update(edit.path, None, (*before.chunks, *edit.chunks))  # noqa: PLW2901
            if isinstance(edit, Update):
                updates[edit.path] = edit
            edits.append(edit)
        end = next(one for one in range(at, len(lines)) if lines[one].strip() == _END)
        spans.append((at, end))
        at = end + 1
    if not edits:
        raise EditError(f"Line {start + 1}: the patch changes no file.")
    return tuple(edits), spans


class _Reader:
    """Reads one envelope. `at` is the line after its beginning."""

    def __init__(self, lines: Sequence[str], at: int) -> None:
        self._lines = lines
        self._at = at

    def read(self) -> list[Edit]:
        edits: list[Edit] = []
        while (line := self._line().strip()) != _END:
            header = _HEADER.fullmatch(line)
            if header is None or header[1] == "Move to":
                if line:
                    raise self._error("this is none of Add File, Delete File, Update File")
                self._at += 1
                continue
            self._at += 1
            path = self._path(header[2])
            if header[1] == "Delete File":
                edits.append(FileDiff(path, None, "deleted"))
            elif header[1] == "Add File":
                edits.append(WholeFile(path, self._added().encode()))
            else:
                edits.append(self._update(path))
        return edits

    def _line(self) -> str:
        if self._at >= len(self._lines):
            raise EditError(f"The patch has no line `{_END}`; the reply may have been cut off.")
        return self._lines[self._at]

    def _error(self, message: str) -> EditError:
        return EditError(f"Line {self._at + 1}: {message}: {one_line(self._lines[self._at], 60)}")

    def _path(self, written: str) -> str:
        return checked_path(written.strip().strip("`\"'").removeprefix("./"))

    def _is_header(self) -> bool:
        line = self._line().strip()
        return line == _END or _HEADER.fullmatch(line) is not None

    def _added(self) -> str:
        lines: list[str] = []
        while not self._is_header():
            line = self._line()
            if line.strip() and not line.startswith("+"):
                raise self._error("a line of a new file must begin with +")
            lines.append(line[1:])
            self._at += 1
        while lines and not lines[-1].strip() and self._lines[self._at - 1][:1] != "+":
            lines.pop()  # empty lines before the next header are no content
        return "".join(f"{line}\n" for line in lines)

    def _update(self, path: str) -> Update:
        new_path = None
        moved = _HEADER.fullmatch(self._line().strip())
        if moved and moved[1] == "Move to":
            new_path = self._path(moved[2])
            self._at += 1
        chunks: list[Chunk] = []
        while not self._is_header():
            if self._line().strip():
                chunks.append(self._chunk(is_first=not chunks))
            else:
                self._at += 1
        if not chunks and new_path is None:
            raise EditError(f"Line {self._at}: the patch of {one_line(path)} changes nothing.")
        return Update(path, new_path, tuple(chunks))

    def _chunk(self, *, is_first: bool) -> Chunk:
        number = self._at + 1
        anchors: list[str] = []
        while self._line().startswith("@@"):
            anchor = self._line()[2:].strip().removesuffix("@@").strip()
            anchors += [anchor] if anchor and not _NUMBERS.match(anchor) else []
            self._at += 1
        if number == self._at + 1 and not is_first:
            raise self._error("a chunk must begin with @@")
        old: list[str] = []
        new: list[str] = []
        while not (self._is_header() or self._line().startswith("@@") or self._is_end_of_file()):
            line = self._line()
            kind = line[:1] or " "
            if kind not in " +-":
                raise self._error("a line of a patch must begin with a space, + or -")
            old += [line[1:]] if kind != "+" else []
            new += [line[1:]] if kind != "-" else []
            self._at += 1
        # An empty line before the next header belongs to nothing.
        while old and new and not old[-1] and not new[-1] and not self._lines[self._at - 1]:
            old.pop()
            new.pop()
            self._at -= 1
        while not self._line():
            self._at += 1
        is_at_end = self._is_end_of_file()
        self._at += is_at_end
        if old == new:
            raise EditError(f"Line {number}: this chunk of the patch changes nothing.")
        return Chunk(tuple(anchors), tuple(old), tuple(new), number, is_first, is_at_end)

    def _is_end_of_file(self) -> bool:
        return self._line().strip() == _END_OF_FILE
