"""Locks between Mai's processes. The kernel drops them when their process dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from mai.errors import GitError, RepoBusy
from mai.text import one_line

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_RETRY_S = 0.02


def _try(path: Path) -> int | None:
    """Lock the file at `path`; return its descriptor, or None where somebody else has it."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            msg = f"The lock {one_line(str(path))} cannot be made: {one_line(str(error))}."
            raise GitError(msg) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            msg = f"The lock {one_line(str(path))} cannot be taken: {one_line(str(error))}."
            raise GitError(msg) from error
        # Its last holder removes the file: what was locked may be no longer what others open.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


@contextlib.contextmanager
def claim(folder: Path, name: str) -> Iterator[None]:
    """Hold `name` alone among all processes, without waiting.

    Raises:
        RepoBusy: another live process, or another thread, holds it.
    """
    if not _NAME.fullmatch(name):
        raise GitError(f"{one_line(name)} cannot be the name of a claim.")
    path = folder / f"{name}.lock"
    descriptor = _try(path)
    if descriptor is None:
        raise RepoBusy(f"Another Mai is at work on {name}.")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


class WaitingLock:
    """A lock that waits its turn, and that the thread which holds it may take again."""

    def __init__(self, path: Path, what: str, patience_s: float = 60.0) -> None:
        self._path = path
        self._what = what
        self._patience_s = patience_s
        self._thread_lock = threading.RLock()
        self._depth = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock.

        Raises:
            RepoBusy: it did not come free within the patience.
        """
        deadline = time.monotonic() + self._patience_s
        if not self._thread_lock.acquire(timeout=self._patience_s):
            raise RepoBusy(f"Another Mai is still {self._what}; try again when it is done.")
        try:
            if self._depth:
                yield
                return
            while (descriptor := _try(self._path)) is None:
                if time.monotonic() > deadline:
                    msg = f"Another Mai is still {self._what}; try again when it is done."
                    raise RepoBusy(msg)
                time.sleep(_RETRY_S)
            self._depth = 1
            try:
                yield
            finally:
                self._depth = 0
                os.close(descriptor)
        finally:
            self._thread_lock.release()
