"""Private files: made for the owner alone, locked between processes, replaced in one step."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mai.errors import StoreBusy, StoreError
from mai.text import one_line

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_POLL_S = 0.01


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` raised inside into a `StoreError` about `path`."""
    try:
        yield
    except OSError as error:
        reason = one_line(error.strerror or str(error))
        raise StoreError(f"The file {path} cannot be used: {reason}.") from error


def make_folder(folder: Path) -> None:
    """Make `folder` and what is missing above it, each for the owner alone.

    A folder that is there already keeps its mode: it may be somebody's home, or `/tmp`.
    """
    with os_errors(folder):
        for missing in reversed([part for part in (folder, *folder.parents) if not part.exists()]):
            missing.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        if not folder.is_dir():
            raise StoreError(f"The path {folder} is not a folder.")


def make_private(path: Path) -> None:
    """Make `path`, if it is missing, as an empty file; take everybody else's rights away from it.

    An existing file is never opened here: closing it would drop the locks that SQLite in this
    process holds on it (https://sqlite.org/howtocorrupt.html, section 2.2).
    """
    with os_errors(path):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
        except FileExistsError:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                path.chmod(PRIVATE_FILE)


@contextmanager
def locked(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, among threads and processes alike.

    The kernel lets go of it when the process dies, however it dies.

    Raises:
        StoreBusy: somebody else held it for `timeout_s` seconds.
    """
    with _opened(path) as handle:
        deadline = time.monotonic() + timeout_s
        while not _taken(handle, path):
            if time.monotonic() >= deadline:
                raise StoreBusy(f"Another process holds {path}; nothing was changed, try again.")
            time.sleep(_POLL_S)
        yield


def opening_lock(database: Path) -> Path:
    """Return the lock that whoever opens, migrates or restores `database` holds meanwhile."""
    return database.with_name(database.name + ".lock")


def presence_lock(database: Path) -> Path:
    """Return the lock that every process shares which has `database` open."""
    return database.with_name(database.name + ".open")


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a lock on the file `path` that others may share, so that `alone` is refused."""
    with _opened(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock on the file `path` that nobody shares.

    Raises:
        StoreBusy: somebody does; the sentence names a process that does, where that is known.
    """
    with _opened(path) as handle:
        if not _taken(handle, path):
            holder = _holder(os.fstat(handle).st_ino)
            which = f" (process {holder})" if holder else ""
            raise StoreBusy(f"Another Mai is running{which}; end it first, nothing was changed.")
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    with os_errors(path):
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        yield handle
    finally:
        os.close(handle)


def _holder(inode: int) -> int | None:
    """Return a process that holds a lock on the file with that inode, as Linux lists them."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text("ascii").splitlines():
            fields = line.split()
            # `1: FLOCK  ADVISORY  READ 3861 fd:01:129 0 EOF`; one that waits has `->` after `1:`.
            if fields[1] == "FLOCK" and int(fields[5].rpartition(":")[2]) == inode:
                return int(fields[4])
    return None


def _taken(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        reason = one_line(error.strerror or str(error))
        raise StoreError(f"The file {path} cannot be locked: {reason}.") from error
    return True


def sync(path: Path) -> None:
    """Wait until the file or folder `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, for the owner alone: a reader sees the old or the new.

    The caller holds a lock that keeps other writers of `path` away.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
