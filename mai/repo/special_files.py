"""Refuses a git directory that holds links leading out of it, FIFOs, sockets or devices.

Git follows a link in its own folder. A reflog that is a link to `~/.bashrc` gets a line at the next
landing, and `refs` that is a link moves another repository's branches. Reading a FIFO hangs. So the
whole folder is looked at before anything in it is read or written; names alone are listed, which
costs about a microsecond a file.
"""

from __future__ import annotations

import os
from pathlib import Path

from mai.errors import UnsuitableRepo
from mai.text import one_line

#: Folders that neither Mai nor a git that Mai starts reads or writes. Links to hooks kept
#: elsewhere are common; `lfs` and `annex` may hold a million files.
_NEVER_USED = frozenset({"hooks", "modules", "lfs", "annex"})


def refuse_special_files(*git_dirs: Path) -> None:
    """Raise UnsuitableRepo where a file in one of `git_dirs` leads out of it or is no plain file.

    `git_dirs` are absolute and without links. A link that stays inside its folder is allowed: old
    versions of git make HEAD one.
    """
    seen: list[Path] = []
    for git_dir in git_dirs:
        if not any(git_dir.is_relative_to(folder) for folder in seen):
            _check_folder(git_dir)
            seen.append(git_dir)


def _check_folder(top: Path) -> None:
    waiting = [top]
    while waiting:
        current = waiting.pop()
        with os.scandir(current) as entries:
            for entry in entries:
                if current == top and entry.name in _NEVER_USED:
                    continue
                if entry.is_symlink():
                    _check_link(top, Path(entry.path))
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False) and _is_there(entry):
                    msg = (
                        f"{one_line(entry.path)} is a FIFO, a socket or a device; a git folder "
                        "has only files and folders. Remove it and try again."
                    )
                    raise UnsuitableRepo(msg)


def _is_there(entry: os.DirEntry[str]) -> bool:
    """Return whether the entry still exists: git removes its lock files at any moment.

    A socket is allowed where git's own file system monitor listens.
    """
    return os.path.lexists(entry.path) and entry.name != "fsmonitor--daemon.ipc"


def _check_link(top: Path, link: Path) -> None:
    try:
        target = link.resolve(strict=False)
    except (OSError, RuntimeError):  # a circle of links
        target = None
    if target is None or not target.is_relative_to(top):
        msg = (
            f"{one_line(str(link))} is a link that leads out of the git folder, which Mai does "
            "not follow. Put a file or a folder in its place and try again."
        )
        raise UnsuitableRepo(msg)
