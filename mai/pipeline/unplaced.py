"""What edits say of their files by themselves, for when those files are not there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from mai.edits.nouns import Edit, FileDiff, HunkLine, SearchReplace, SymbolEdit, Update, WholeFile
from mai.errors import CannotJudge
from mai.risk.hunks import PatchedFile
from mai.risk.kinds import is_python
from mai.text import one_line

_HERE = "; judge it in the repository that it is made for."


def needed_paths(edits: Iterable[Edit]) -> set[str]:
    """Return the paths of the files that must be there for `edits` to apply."""
    needed = set()
    for edit in edits:
        if isinstance(edit, FileDiff):
            needed.add(edit.old_path)
        elif isinstance(edit, (Update, SymbolEdit)) or (
            isinstance(edit, SearchReplace) and edit.search.strip()
        ):
            needed.add(edit.path)
    return {path for path in needed if path is not None}


def patched_files(edits: Iterable[Edit]) -> list[PatchedFile]:
    """Return each file's old and new lines as far as `edits` show them.

    Raises:
        CannotJudge: what an edit does depends on lines that it does not show.
    """
    files: dict[str, PatchedFile] = {}
    for edit in edits:
        made = _file(edit)
        before = files.get(made.path)
        files[made.path] = made if before is None else before.joined(made)
    return list(files.values())


def _file(edit: Edit) -> PatchedFile:
    if isinstance(edit, FileDiff):
        return _of_diff(edit)
    if isinstance(edit, Update):
        _refuse_unseen_move(edit.path, edit.new_path)
        is_moved = edit.new_path not in {None, edit.path}
        return PatchedFile(
            edit.new_path or edit.path,
            "renamed" if is_moved else "modified",
            old_path=edit.path if is_moved else None,
            before=[list(chunk.old) for chunk in edit.chunks],
            after=[list(chunk.new) for chunk in edit.chunks],
        )
    if isinstance(edit, SearchReplace):
        status = "modified" if edit.search.strip() else "added"
        return PatchedFile(
            edit.path, status, before=[_lines(edit.search)], after=[_lines(edit.replace)]
        )
    if isinstance(edit, WholeFile):
        raise CannotJudge(f"What {one_line(edit.path)} replaces is not shown{_HERE}")
    what = one_line(edit.symbol if isinstance(edit, SymbolEdit) else "")
    raise CannotJudge(f"What {what} was before is not shown{_HERE}")


def _of_diff(edit: FileDiff) -> PatchedFile:
    path = one_line(edit.path)
    if edit.status in {"renamed", "copied"}:
        _refuse_unseen_move(edit.old_path or "", edit.new_path)
    shows_nothing = not edit.hunks and edit.binary is None
    if edit.status == "deleted" and shows_nothing and is_python(edit.path, None):
        raise CannotJudge(f"What is deleted with {path} is not shown{_HERE}")
    if edit.binary and edit.binary.is_delta:
        raise CannotJudge(f"The binary patch of {path} is against a file that is not here{_HERE}")
    hunks = [([*_of(hunk.lines, "+")], [*_of(hunk.lines, "-")]) for hunk in edit.hunks]
    if edit.binary and edit.status != "deleted":
        hunks = [([], _lines(edit.binary.data.decode("utf-8", "surrogateescape")))]
    return PatchedFile(
        edit.path,
        "added" if edit.status == "copied" else edit.status,
        old_path=edit.old_path if edit.status == "renamed" else None,
        old_mode=None if edit.old_mode is None else f"{edit.old_mode:06o}",
        new_mode=None if edit.new_mode is None else f"{edit.new_mode:06o}",
        is_binary=edit.binary is not None,
        before=[old for old, _ in hunks],
        after=[new for _, new in hunks],
    )


def _of(lines: Sequence[HunkLine], but: str) -> Iterable[str]:
    for line in lines:
        if line.kind != but:
            yield line.data.removesuffix(b"\n").decode("utf-8", "surrogateescape")


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if not lines[-1] else lines


def _refuse_unseen_move(old: str, new: str | None) -> None:
    """Raise where a file becomes one of another kind and its lines are not all there."""
    if new is not None and PurePosixPath(old).suffix != PurePosixPath(new).suffix:
        raise CannotJudge(
            f"What {one_line(old)} holds is not shown, and it becomes {one_line(new)}{_HERE}"
        )
