"""Edits meet files: all of them apply, in memory, or none does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mai.edits.binary import patched
from mai.edits.chunks import chunked
from mai.edits.nouns import (
    LINK,
    REGULAR,
    BaseFile,
    Edit,
    FileDiff,
    SearchReplace,
    SymbolEdit,
    Update,
    WholeFile,
)
from mai.edits.paths import checked_path
from mai.edits.place import patched_text
from mai.edits.resolve import module_path
from mai.edits.symbols import with_symbols
from mai.edits.texts import searched, whole
from mai.errors import EditError
from mai.jobs import NewFile
from mai.text import one_line

Read = Callable[[str], BaseFile | None]
MAX_MADE_BYTES = 200_000_000
_SYMBOLS_TIMEOUT_S = 30.0


def apply(
    edits: Iterable[Edit],
    read: Read,
    *,
    max_bytes: int = MAX_MADE_BYTES,
    timeout_s: float = _SYMBOLS_TIMEOUT_S,
) -> dict[str, NewFile | None]:
    """Return what `edits` make of the files that `read` knows.

    Every edit is against the base, whatever its order, so no edit sees what another one made.

    Args:
        edits: as `parse` returns them.
        read: gives a file of the base commit by its path, None where it has none.
        max_bytes: how much all the files made may hold together.
        timeout_s: wall time for the symbol edits of one file, which run in a child process.

    Returns:
        Per path the new file, or None where it goes away; only paths that really differ.

    Raises:
        EditError: an edit does not fit its file, two edits are in each other's way, or nothing
            would change. The sentence names the path and, where it helps, the nearest lines.
    """
    work = _Work(read, max_bytes)
    by_path: dict[str, list[WholeFile | SearchReplace | SymbolEdit]] = {}
    for edit in edits:
        if isinstance(edit, FileDiff):
            work.diff(edit)
        elif isinstance(edit, Update):
            work.update(edit)
        else:
            by_path.setdefault(_path(edit, work), []).append(edit)
    for path, group in by_path.items():
        work.write(path, _made(path, group, work.base(path), timeout_s))
    return work.result()


def _path(edit: WholeFile | SearchReplace | SymbolEdit, work: _Work) -> str:
    if isinstance(edit, SymbolEdit) and edit.path is None:
        return module_path(edit.symbol, lambda path: work.base(path) is not None)
    return edit.path or ""


def _made(
    path: str,
    group: list[WholeFile | SearchReplace | SymbolEdit],
    base: BaseFile | None,
    timeout_s: float,
) -> NewFile:
    """Return what the blocks for one path make of it."""
    shown = one_line(path)
    if base and base.mode == LINK:
        raise EditError(f"{shown} is a symbolic link; an edit block cannot change it.")
    data = base.data if base else None
    mode = base.mode if base else REGULAR
    wholes = [edit for edit in group if isinstance(edit, WholeFile)]
    searches = [edit for edit in group if isinstance(edit, SearchReplace)]
    symbols = [edit for edit in group if isinstance(edit, SymbolEdit)]
    if len([kind for kind in (wholes, searches, symbols) if kind]) > 1 or len(wholes) > 1:
        raise EditError(f"{shown} has several whole files or kinds of edit; use one kind a file.")
    if wholes:
        return NewFile(whole(wholes[0], data), mode)
    if searches:
        return NewFile(searched(searches, data), mode)
    if data is None:
        raise EditError(f"{shown} does not exist, so no symbol in it can be edited.")
    return NewFile(with_symbols(path, data, symbols, timeout_s), mode)


@dataclass(slots=True)
class _Work:
    """What the edits seen so far make of the base."""

    read: Read
    left_bytes: int
    written: dict[str, NewFile] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)
    created: dict[str, None] = field(default_factory=dict)

    def base(self, path: str) -> BaseFile | None:
        return self.read(checked_path(path))

    def diff(self, edit: FileDiff) -> None:
        """Add what one file's diff makes of it."""
        old = edit.old_path
        base = None if old is None else self.base(old)
        if old is not None and base is None:
            raise EditError(f"{one_line(old)} does not exist, so the diff cannot change it.")
        data = _content(edit, base, self.left_bytes)
        if edit.status in {"deleted", "renamed"} and old is not None:
            if old in self.removed:
                raise EditError(f"{one_line(old)} is deleted or renamed twice.")
            self.removed[old] = None
        if edit.new_path is None:
            if data:
                raise EditError(f"The diff deletes {one_line(edit.path)} but not all its lines.")
            return
        if edit.status != "modified":
            self.created[edit.new_path] = None
        self.write(edit.new_path, NewFile(data, _mode(edit, base)))

    def update(self, edit: Update) -> None:
        """Add what the chunks of an envelope make of a file, and where it moves."""
        base = self.base(edit.path)
        if base is None:
            raise EditError(f"{one_line(edit.path)} does not exist, so it cannot be updated.")
        if base.mode == LINK:
            raise EditError(f"{one_line(edit.path)} is a symbolic link; a patch cannot change it.")
        if edit.new_path not in {None, edit.path}:
            if edit.path in self.removed:
                raise EditError(f"{one_line(edit.path)} is deleted or renamed twice.")
            self.removed[edit.path] = None
        self.write(edit.new_path or edit.path, NewFile(chunked(edit, base.data), base.mode))

    def write(self, path: str, file: NewFile) -> None:
        """Add the new content of a path."""
        if path in self.written:
            raise EditError(f"{one_line(path)} is changed twice; put its changes into one.")
        self.left_bytes -= len(file.data)
        if self.left_bytes < 0:
            raise EditError("The change makes more bytes of files than is allowed.")
        self.written[path] = file

    def result(self) -> dict[str, NewFile | None]:
        """Return the paths that differ from the base, sorted."""
        self._check_places()
        made: dict[str, NewFile | None] = dict(self.written)
        made.update((path, None) for path in self.removed if path not in self.written)
        changed = {path: made[path] for path in sorted(made) if self._differs(path, made[path])}
        if not changed:
            raise EditError("The change changes nothing.")
        return changed

    def _check_places(self) -> None:
        for path in self.written:
            is_new = path in self.created
            exists = self.base(path) is not None
            if is_new and exists and path not in self.removed:
                raise EditError(f"{one_line(path)} exists already; the diff says it is new.")
            if not is_new and path in self.removed:
                raise EditError(f"{one_line(path)} is both changed and deleted or renamed.")
            if not exists:
                self._check_folders(path)

    def _check_folders(self, path: str) -> None:
        """Raise where a folder that a new file needs is a file."""
        parts = path.split("/")
        for count in range(1, len(parts)):
            folder = "/".join(parts[:count])
            is_file = self.base(folder) is not None and folder not in self.removed
            if folder in self.written or is_file:
                raise EditError(f"{one_line(path)} would lie in {one_line(folder)}, a file.")

    def _differs(self, path: str, new: NewFile | None) -> bool:
        base = self.base(path)
        if base is None or new is None:
            return (base is None) != (new is None)
        return (base.data, base.mode) != (new.data, new.mode)


def _content(edit: FileDiff, base: BaseFile | None, limit: int) -> bytes:
    """Return what a file's diff makes of its content."""
    data = base.data if base else b""
    path = one_line(edit.path)
    if edit.binary:
        return patched(edit.binary, base.data if base else None, limit, path)
    if edit.hunks:
        if base is None and any(hunk.old for hunk in edit.hunks):
            raise EditError(f"The diff says that {path} is new but shows lines it had.")
        return patched_text(data, edit.hunks, path)
    # Git can leave the lines of a deleted file out; the header alone says it clearly enough.
    return b"" if edit.status == "deleted" else data


def _mode(edit: FileDiff, base: BaseFile | None) -> int:
    if base and edit.old_mode is not None and edit.old_mode != base.mode:
        raise EditError(
            f"{one_line(edit.path)} has the mode {base.mode:o}, not {edit.old_mode:o} as the diff "
            "says."
        )
    if edit.new_mode is not None:
        return edit.new_mode
    return base.mode if base else REGULAR
