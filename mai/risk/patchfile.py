"""Reads a unified diff into files and hunks, for when there is nothing to apply it to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_FILE = re.compile(r'^diff --git ("(?:a/)?.+?"|(?:a/)?.+?) ("(?:b/)?.+"|(?:b/)?.+)$')
# How git writes a path that has other than printable ASCII in it (git-config(1), core.quotePath).
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPES = dict(zip(b"abtnvfr", b"\a\b\t\n\v\f\r", strict=True))
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_MODES = (
    ("new file mode ", "new_mode", "added"),
    ("deleted file mode ", "old_mode", "deleted"),
    ("old mode ", "old_mode", None),
    ("new mode ", "new_mode", None),
    ("rename from ", "old_path", "renamed"),
    ("rename to ", "path", None),
)


@dataclass(slots=True)
class PatchedFile:
    """One file of a diff. `before` and `after` hold the lines of each hunk's two sides."""

    path: str = ""
    old_path: str | None = None
    old_mode: str | None = None
    new_mode: str | None = None
    status: str = "modified"
    is_binary: bool = False
    before: list[list[str]] = field(default_factory=list)
    after: list[list[str]] = field(default_factory=list)


def read_patch(patch: str) -> Iterator[PatchedFile]:
    """Yield the files of a unified or git diff. What is no diff is passed over."""
    reader = _Reader()
    for line in patch.split("\n"):
        finished = reader.take(line)
        if finished is not None:
            yield finished
    if reader.file is not None and reader.file.path:
        yield reader.file


class _Reader:
    """Where in the diff the reading stands."""

    def __init__(self) -> None:
        self.file: PatchedFile | None = None
        self._before = 0
        self._after = 0

    def take(self, line: str) -> PatchedFile | None:
        """Read one line; return the file that it ends, if it ends one."""
        file = self.file
        if file is not None and (self._before > 0 or self._after > 0):
            self._take_content(file, line)
        elif match := _FILE.match(line):
            old, path = _bare(match[1], "a/"), _bare(match[2].rstrip("\r"), "b/")
            self.file = PatchedFile(path, old if old != path else None)
            return file if file and file.path else None
        elif line.startswith("--- "):
            return self._take_old_name(line)
        elif file is not None:
            self._take_header(file, line)
        return None

    def _take_content(self, file: PatchedFile, line: str) -> None:
        mark, rest = line[:1], line[1:]
        if mark == "\\":
            return
        if mark != "+":
            file.before[-1].append(rest)
            self._before -= 1
        if mark != "-":
            file.after[-1].append(rest)
            self._after -= 1

    def _take_old_name(self, line: str) -> PatchedFile | None:
        name, finished = _name(line), None
        if self.file is None or self.file.before:
            finished = self.file if self.file and self.file.path else None
            self.file = PatchedFile(name or "")
        if name is None:
            self.file.status = "added"
        return finished

    def _take_header(self, file: PatchedFile, line: str) -> None:
        if line.startswith("+++ "):
            name = _name(line)
            file.path, file.status = (file.path, "deleted") if name is None else (name, file.status)
        elif hunk := _HUNK.match(line):
            self._before, self._after = int(hunk[1] or 1), int(hunk[3] or 1)
            file.before.append([])
            file.after.append([])
        elif line.startswith(("GIT binary patch", "Binary files ")):
            file.is_binary = True
        else:
            for start, attribute, status in _MODES:
                if line.startswith(start):
                    setattr(file, attribute, line.removeprefix(start).strip())
                    file.status = status or file.status


def _name(line: str) -> str | None:
    name = line[4:].partition("\t")[0].strip()
    if name == "/dev/null":
        return None
    return _bare(name, "a/", "b/")


def _bare(name: str, *prefixes: str) -> str:
    """Return a path as it is in the tree, without git's quotes and one of `prefixes`."""
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        raw = name[1:-1].encode("utf-8", "surrogateescape")
        name = _ESCAPE.sub(_byte, raw).decode("utf-8", "surrogateescape")
    return name[2:] if name.startswith(prefixes) else name


def _byte(escape: re.Match[bytes]) -> bytes:
    text = escape[1]
    code = int(text, 8) & 0xFF if len(text) > 1 else _ESCAPES.get(text[0], text[0])
    return bytes([code])
