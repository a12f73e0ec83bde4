"""What an edit is: one change to one file, as somebody wrote it, before it meets the file."""

from __future__ import annotations

from dataclasses import dataclass

REGULAR = 0o100644
EXECUTABLE = 0o100755
LINK = 0o120000
FILE_MODES = frozenset({REGULAR, EXECUTABLE, LINK})


@dataclass(frozen=True, slots=True)
class BaseFile:
    """A file as the base commit has it. `mode` is git's: 0o100644, 0o100755 or 0o120000."""

    data: bytes
    mode: int = REGULAR


@dataclass(frozen=True, slots=True)
class WholeFile:
    """The file's whole new content. `data` is UTF-8 with line feeds, as the reply had it."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SearchReplace:
    """Lines to find and the lines to put there. Both end with a line feed unless empty."""

    path: str
    search: str
    replace: str


@dataclass(frozen=True, slots=True)
class SymbolEdit:
    """One function, method or class, named by its dotted path.

    `path` None means that the module is found from the name. `action` is `replace`,
    `insert-after` (of the named symbol) or `delete`; a deletion has no `source`.
    """

    path: str | None
    symbol: str
    source: str
    action: str = "replace"


@dataclass(frozen=True, slots=True)
class HunkLine:
    """One line of a hunk. `kind` is ` `, `-` or `+`; `data` has its line feed, if it has one."""

    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of changed lines with its context.

    `old_start` and `old_count` are what the header claims, line numbers from 1; None where it
    claims nothing. `line` is the header's line in the patch, for messages. `has_end_marker`: it
    said "No newline at end of file" of one side or both.
    """

    old_start: int | None
    old_count: int | None
    lines: tuple[HunkLine, ...]
    line: int = 0
    has_end_marker: bool = False

    @property
    def old(self) -> list[bytes]:
        """The lines that the base must have."""
        return [line.data for line in self.lines if line.kind != "+"]


@dataclass(frozen=True, slots=True)
class BinaryPatch:
    """What git wrote for a binary file, decoded.

    `data` is the new content where `is_delta` is false, else git's delta against the old content.
    The ids are the blobs' full object ids, empty where the patch has only abbreviations.
    """

    data: bytes
    is_delta: bool
    old_id: str = ""
    new_id: str = ""


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What a diff says about one file.

    `status` is `modified`, `added`, `deleted`, `renamed` or `copied`. A side without a file has
    neither path nor mode. A mode is None too where the diff does not change or state it.
    """

    old_path: str | None
    new_path: str | None
    status: str
    old_mode: int | None = None
    new_mode: int | None = None
    hunks: tuple[Hunk, ...] = ()
    binary: BinaryPatch | None = None

    @property
    def path(self) -> str:
        """The path a message should name."""
        return self.new_path or self.old_path or ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines to find and what to put there, without line ends or numbers.

    `anchors` are lines that stand before it, the outermost first. `line` is where it began, for
    messages. `starts_over`: it may stand before the chunk before it; `is_at_end`: at the file's
    end.
    """

    anchors: tuple[str, ...]
    old: tuple[str, ...]
    new: tuple[str, ...]
    line: int
    starts_over: bool = False
    is_at_end: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Chunks of one file, in its order; `new_path` where it moves there, over what is there."""

    path: str
    new_path: str | None
    chunks: tuple[Chunk, ...]


Edit = WholeFile | SearchReplace | SymbolEdit | FileDiff | Update
