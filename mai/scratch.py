"""Temporary folders that end with their owner, and also where that is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "mai-scratch-"
_YOUNG_S = 60


@contextmanager
def folder(what: str) -> Iterator[Path]:
    """Give a folder for this user alone that is removed afterwards, by the next Mai if need be.

    Args:
        what: a word for whoever finds it.

    Raises:
        OSError: there is no room for it.
    """
    prefix = f"{_PREFIX}{os.getpid()}-{what}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        held = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with suppress(OSError):  # where nothing can be locked, nothing is taken for left behind
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(name)
        finally:
            os.close(held)


def reap() -> int:
    """Remove the folders of processes that are gone; return how many there were.

    A lock ends with the process that holds it, however that ended, and tells the dead from the
    living even where a number was given out again.
    """
    removed = 0
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*-*"):
        with suppress(OSError, ValueError):
            owner = int(path.name.removeprefix(_PREFIX).partition("-")[0])
            if _is_left(path, owner):
                shutil.rmtree(path, ignore_errors=True)
                removed += 1
    return removed


def _is_left(path: Path, owner: int) -> bool:
    """Whether nobody has the folder any more. Raises BlockingIOError, an OSError, where one has."""
    seen = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        about = os.fstat(seen)
        if about.st_uid != os.getuid():
            return False
        fcntl.flock(seen, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its owner may be about to lock it.
        return not _exists(owner) or about.st_mtime < time.time() - _YOUNG_S
    finally:
        os.close(seen)


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
