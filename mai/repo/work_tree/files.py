"""Looking at and writing files of the work tree without ever following a link out of it.

Every path is walked from the root folder by folder with descriptors (openat(2), O_NOFOLLOW), so a
folder that somebody swaps for a link meanwhile stops the walk instead of leading it elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mai.repo.objects import LINK, TreeEntry
from mai.repo.work_tree.journal import TEMPORARY

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_EXECUTABLE = 0o100755
_HIDDEN_TEMPORARY = "." + TEMPORARY


@dataclass(frozen=True, slots=True)
class Found:
    """What is at a path. `mode` is as git would call it, None for what git does not track.

    `data` is a file's content or a link's target, None where it is larger than was asked for.
    """

    mode: int | None
    data: bytes | None
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, and no link to one."""
        return stat.S_ISDIR(self.status.st_mode)

    def is_same(self, entry: TreeEntry | None, content: bytes | None, *, has_modes: bool) -> bool:
        """Whether it is exactly `entry` with `content`; without `has_modes` x bits say nothing."""
        if entry is None or self.mode is None or self.data != content:
            return False
        return self.mode == entry.mode or (not has_modes and LINK not in {self.mode, entry.mode})


class WorkTree:
    """The files below `root`. `git_dir` holds temporary files where it is on the same device.

    Methods raise OSError; NotADirectoryError means that a link or a file is where a folder of the
    path should be.
    """

    def __init__(self, root: Path, git_dir: Path) -> None:
        self._root = root
        self._git_dir = git_dir

    def look(self, path: str, limit_bytes: int) -> Found | None:
        """Return what is at `path`, with its content up to `limit_bytes`; None for nothing."""
        try:
            with self._parent(path) as (folder, name):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    return Found(LINK, os.fsencode(os.readlink(name, dir_fd=folder)), status)
                if not stat.S_ISREG(status.st_mode):
                    return Found(None, None, status)
                return _read(folder, name, limit_bytes)
        except FileNotFoundError:
            return None

    def is_in_nested_repository(self, path: str) -> bool:
        """Whether a folder on the way to `path` is another repository's."""
        parts = path.split("/")
        return any(
            os.path.lexists(self._root.joinpath(*parts[:depth], ".git"))
            for depth in range(1, len(parts))
        )

    def listing(self, path: str) -> Iterator[str]:
        """Yield the path of every file, link and empty folder below the folder `path`."""
        with self._parent(path) as (parent, name):
            folder = os.open(name, _FOLDER, dir_fd=parent)
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - of a descriptor; Path cannot
            kinds = {n: os.stat(n, dir_fd=folder, follow_symlinks=False).st_mode for n in names}
        finally:
            os.close(folder)
        if not names:
            yield path
        for name in names:
            below = f"{path}/{name}"
            if stat.S_ISDIR(kinds[name]):
                yield from self.listing(below)
            else:
                yield below

    def put(self, path: str, entry: TreeEntry, content: bytes) -> os.stat_result | None:
        """Put a file or a link at `path` in one step, making folders as needed.

        Returns:
            The file's status, or None where somebody changed it in the same instant.
        """
        with self._parent(path, is_made=True) as (folder, name):
            self._make_room(folder, name)
            with self._temporary(folder) as (there, temporary):
                if entry.mode == LINK:
                    os.symlink(content, os.fsencode(temporary), dir_fd=there)
                else:
                    # As git does: the umask decides, an old file's other bits are not kept.
                    mode = 0o777 if entry.mode == _EXECUTABLE else 0o666
                    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
                    descriptor = os.open(temporary, flags, mode, dir_fd=there)
                    with os.fdopen(descriptor, "wb") as file:
                        file.write(content)
                before = os.stat(temporary, dir_fd=there, follow_symlinks=False)
                os.rename(temporary, name, src_dir_fd=there, dst_dir_fd=folder)
            after = os.stat(name, dir_fd=folder, follow_symlinks=False)
        is_ours = (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
        return after if is_ours else None

    def remove(self, path: str) -> None:
        """Remove the file or link at `path`; its folder stays."""
        with self._parent(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def prune(self, path: str) -> None:
        """Remove the folders on the way to `path` that are empty, innermost first."""
        parts = path.split("/")[:-1]
        while parts:
            try:
                with self._parent("/".join(parts)) as (folder, name):
                    os.rmdir(name, dir_fd=folder)
            except FileNotFoundError:
                pass  # pruned before, with another path
            except OSError:
                return  # not empty, or no folder any more: it stays, and so does what it is in
            parts.pop()

    @contextlib.contextmanager
    def _parent(self, path: str, *, is_made: bool = False) -> Iterator[tuple[int, str]]:
        *folders, name = path.split("/")
        descriptor = os.open(self._root, _FOLDER)
        try:
            for folder in folders:
                if is_made:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(folder, 0o777, dir_fd=descriptor)
                below = os.open(folder, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor, name
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _temporary(self, folder: int) -> Iterator[tuple[int, str]]:
        """Give the folder and the name of a file that can be renamed into `folder`."""
        git_dir = os.open(self._git_dir, _FOLDER)
        try:
            is_near = os.fstat(git_dir).st_dev == os.fstat(folder).st_dev
            there, name = (git_dir, TEMPORARY) if is_near else (folder, _HIDDEN_TEMPORARY)
            _unlink_if_there(there, name)
            yield there, name
            _unlink_if_there(there, name)
        finally:
            os.close(git_dir)

    @staticmethod
    def _make_room(folder: int, name: str) -> None:
        """Remove the empty folders that deletions left where a file goes."""
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(status.st_mode):
            inner = os.open(name, _FOLDER, dir_fd=folder)
            try:
                for below in os.listdir(inner):  # noqa: PTH208 - likewise
                    WorkTree._make_room(inner, below)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=folder)


def _read(folder: int, name: str, limit_bytes: int) -> Found:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
        # Looked at before it is read: whoever writes to it after this changes these numbers.
        status = os.fstat(file.fileno())
        data = file.read(limit_bytes + 1) if stat.S_ISREG(status.st_mode) else b""
    is_executable = bool(status.st_mode & stat.S_IXUSR)
    mode = _EXECUTABLE if is_executable else 0o100644
    return Found(mode, data if len(data) <= limit_bytes else None, status)


def _unlink_if_there(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
