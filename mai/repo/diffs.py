"""What differs between two commits or trees: as a patch, as a list of files, path by path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mai.errors import GitError
from mai.proposal import FileChange
from mai.repo.git import Git
from mai.repo.objects import TreeEntry

_NO_FILE = "000000"
_STATUS = {"A": "added", "M": "modified", "T": "modified", "D": "deleted", "R": "renamed"}
# Whatever is not said here has git's own default, as Mai's repository configures nothing.
_STABLE = (
    "diff-tree",
    "-r",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--full-index",
    "--diff-algorithm=myers",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


def diff(git: Git, before: str, after: str, context: int) -> str:
    r"""Return the patch from `before` to `after`, in git's format, binary files included.

    It is the same text for the same two trees. Bytes that are not UTF-8 are shown as `\xff`;
    the full object ids in it still bind their exact content.
    """
    answer = git.run(*_STABLE, "-M", "--binary", f"--unified={int(context)}", before, after, "--")
    return answer.output.decode("utf-8", "backslashreplace")


def changes(git: Git, before: str, after: str) -> tuple[FileChange, ...]:
    """Return what each file went through, in git's order, with renames found."""
    answer = git.run(*_STABLE, "-M", "-z", "--raw", "--numstat", before, after, "--")
    fields = iter(answer.output.decode("utf-8", "surrogateescape").split("\0"))
    found: dict[str, tuple[str, str, str, str | None]] = {}
    counts: dict[str, tuple[str, str]] = {}
    for item in fields:
        if item.startswith(":"):
            old_mode, new_mode, _, _, status = item[1:].split(" ")
            first = next(fields)
            path, old_path = (next(fields), first) if status[0] == "R" else (first, None)
            found[path] = (status[0], old_mode, new_mode, old_path)
        elif item:
            added, removed, path = item.split("\t", 2)
            if not path:  # a rename: both names follow
                next(fields)
                path = next(fields)
            counts[path] = (added, removed)
    return tuple(_change(path, what, counts.get(path)) for path, what in found.items())


def _change(
    path: str, what: tuple[str, str, str, str | None], count: tuple[str, str] | None
) -> FileChange:
    letter, old_mode, new_mode, old_path = what
    if letter not in _STATUS:
        raise GitError(f"git reports a change of kind {letter}, which Mai does not know.")
    added, removed = count or ("0", "0")
    is_binary = added == "-"
    return FileChange(
        path,
        _STATUS[letter],
        0 if is_binary else int(added),
        0 if is_binary else int(removed),
        old_path,
        None if old_mode == _NO_FILE else old_mode,
        None if new_mode == _NO_FILE else new_mode,
        is_binary,
    )


@dataclass(frozen=True, slots=True)
class PathChange:
    """What one path was and becomes; None where there is nothing."""

    path: str
    old: TreeEntry | None
    new: TreeEntry | None


def path_changes(git: Git, before: str, after: str) -> Iterator[PathChange]:
    """Yield every path whose mode or content differs; a rename is a deletion and an addition."""
    answer = git.run(*_STABLE, "--no-renames", "-z", "--raw", before, after, "--")
    fields = iter(answer.output.decode("utf-8", "surrogateescape").split("\0"))
    for item in fields:
        if not item:
            continue
        old_mode, new_mode, old_oid, new_oid, _ = item[1:].split(" ")
        path = next(fields)
        old = None if old_mode == _NO_FILE else TreeEntry(path, int(old_mode, 8), old_oid)
        new = None if new_mode == _NO_FILE else TreeEntry(path, int(new_mode, 8), new_oid)
        yield PathChange(path, old, new)
