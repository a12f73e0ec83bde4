"""The headers of one file in a git diff, and what they say together.

The names are those of git-diff(1), "Generating patch text with -p".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mai.edits.headers import (
    common_name,
    git_names,
    is_side_of,
    path_of,
    plain_names,
    shown,
    unquoted,
)
from mai.edits.nouns import EXECUTABLE, LINK, REGULAR, BinaryPatch, FileDiff, Hunk
from mai.errors import EditError

Sides = tuple[bytes | None, bytes | None]

_INDEX = re.compile(rb"index ([0-9a-f]+)\.\.([0-9a-f]+)(?: ([0-7]{6}))?")
_MODE = re.compile(rb"(old mode|new mode|deleted file mode|new file mode) ([0-7]{6})")
_NAME = re.compile(rb"(rename from|rename to|copy from|copy to) (.+)", re.DOTALL)
_IGNORED = re.compile(rb"(?:dis)?similarity index \d+%")
_SUBMODULE = 0o160000
_FILE_TYPE = 0o170000
_OWNER_MAY_RUN = 0o100


@dataclass(slots=True)
class GitHeader:
    """What the lines between `diff --git` and the first hunk said.

    `name` is the one that `diff --git` gives both sides, None where they differ; `written` are the
    two names with their prefixes, where they can be told apart; `ids` are the blobs' ids,
    abbreviated or not.
    """

    name: bytes | None
    written: tuple[bytes, bytes] | None = None
    modes: dict[bytes, int] = field(default_factory=dict)
    names: dict[bytes, bytes] = field(default_factory=dict)
    ids: tuple[str, str] = ("", "")

    @property
    def old_mode(self) -> int | None:
        """The mode the file had, where a header says it."""
        return self.modes.get(b"old mode", self.modes.get(b"deleted file mode"))

    @property
    def new_mode(self) -> int | None:
        """The mode the file gets, where a header says it."""
        return self.modes.get(b"new mode", self.modes.get(b"new file mode"))

    def add(self, line: bytes) -> bool:
        """Take one line in; return whether it was a header at all.

        Raises:
            EditError: it stands there twice, or has a mode that no file has.
        """
        if mode := _MODE.fullmatch(line):
            _refuse_second(mode[1] in self.modes)
            self.modes[mode[1]] = _mode(mode[2])
        elif name := _NAME.fullmatch(line):
            _refuse_second(name[1] in self.names)
            self.names[name[1]] = name[2]
        elif index := _INDEX.fullmatch(line):
            self.ids = (index[1].decode(), index[2].decode())
            if index[3]:
                _mode(index[3])
        else:
            return bool(_IGNORED.fullmatch(line))
        return True


def read_header(lines: Sequence[bytes], at: int) -> tuple[GitHeader, int]:
    """Read the headers whose `diff --git` is `lines[at]`; return them and the index after them.

    Raises:
        EditError: one is not understood or contradicts another.
    """
    written = git_names(lines[at][len(b"diff --git ") :])
    header = GitHeader(written and common_name(*written), written)
    at += 1
    while at < len(lines) and header.add(lines[at]):
        at += 1
    return header, at


def _refuse_second(was_there: bool) -> None:
    if was_there:
        raise EditError("a header of this diff stands there twice.")


def _mode(text: bytes) -> int:
    mode = int(text, 8)
    if mode == _SUBMODULE:
        raise EditError("the diff changes a submodule, which Mai does not.")
    if mode & _FILE_TYPE == REGULAR & _FILE_TYPE:
        # Git keeps one bit of a file's mode; old patches show the others too.
        return EXECUTABLE if mode & _OWNER_MAY_RUN else REGULAR
    if mode != LINK:
        raise EditError(f"{shown(text)} is no mode of a file.")
    return mode


def file_diff(
    header: GitHeader,
    sides: Sides | None,
    hunks: tuple[Hunk, ...],
    binary: BinaryPatch | None,
) -> FileDiff:
    """Return what headers, the names on `---` and `+++`, and the content say together.

    Raises:
        EditError: they contradict each other, or say nothing.
    """
    if header.name is None and sides:
        header.name = _name_from(sides)
    if header.written is None and sides and sides[0] is not None and sides[1] is not None:
        header.written = (sides[0], sides[1])
    old, new, status = _names_and_status(header, sides)
    if sides:
        _refuse_contradiction(header, sides, (old, new))
    change = FileDiff(
        None if old is None else path_of(old),
        None if new is None else path_of(new),
        status,
        header.old_mode if old is not None else None,
        header.new_mode if new is not None else None,
        hunks,
        binary,
    )
    if status == "modified" and not (hunks or binary or change.new_mode is not None):
        raise EditError(f"the diff of {change.path} changes nothing in it.")
    return change


def _refuse_contradiction(header: GitHeader, sides: Sides, names: Sides) -> None:
    for line_name, name, written in zip(sides, names, header.written or (None, None), strict=True):
        if line_name is None or name is None:
            is_same = line_name is name
        else:
            # A prefix of another kind than `a/` must be that of the line `diff --git`.
            is_same = is_side_of(line_name, name) or (
                line_name == written and line_name.partition(b"/")[2] == name
            )
        if not is_same:
            raise EditError("the headers of this diff contradict each other.")


def _names_and_status(
    header: GitHeader, sides: Sides | None
) -> tuple[bytes | None, bytes | None, str]:
    verbs = {name.split()[0] for name in header.names}
    is_new = b"new file mode" in header.modes or (sides is not None and sides[0] is None)
    is_gone = b"deleted file mode" in header.modes or (sides is not None and sides[1] is None)
    if len(verbs) + is_new + is_gone > 1:
        raise EditError("the headers of this diff contradict each other.")
    if verbs:
        verb = verbs.pop()
        old, new = header.names.get(verb + b" from"), header.names.get(verb + b" to")
        if old is None or new is None:
            raise EditError("the diff says only half of a rename or copy.")
        old, new = unquoted(old), unquoted(new)
        if header.written and not all(
            is_side_of(line_name, name) or line_name.partition(b"/")[2] == name
            for line_name, name in zip(header.written, (old, new), strict=True)
        ):
            raise EditError("the headers of this diff contradict each other.")
        return old, new, "renamed" if verb == b"rename" else "copied"
    if header.name is None:
        raise EditError("the diff names two files but does not say that one was renamed.")
    if is_new:
        return None, header.name, "added"
    return header.name, (None if is_gone else header.name), "deleted" if is_gone else "modified"


def _name_from(sides: Sides) -> bytes | None:
    old, new = sides
    if old is not None and new is not None:
        return common_name(old, new)
    return next(name for name in plain_names(old, new) if name is not None)
