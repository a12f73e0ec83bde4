"""A log file of bounded size that several processes may write at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from pathlib import Path


class LogFile:
    """Appends whole lines to `path`; at `max_bytes` the file becomes `path.1`, that one `path.2` ….

    At most `files_kept` files and about `max_bytes` each stay. Every line is one `write` to a
    file opened for appending, which the kernel does not mix with another process's. Only turning
    the files over takes a lock, and who finds the file turned over by somebody else opens anew.
    """

    def __init__(self, path: Path, max_bytes: int = 5_000_000, files_kept: int = 5) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._files_kept = files_kept
        self._descriptor: int | None = None
        self._lock = threading.Lock()

    def write(self, line: str) -> bool:
        """Append `line` and a line feed; return whether it is in the file.

        Never raises: a full disk must not stop the work that is being logged.
        """
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        try:
            with self._lock:
                return os.write(self._ready(len(data)), data) == len(data)
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the file. Writing again opens it again."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _ready(self, size: int) -> int:
        """Return a descriptor of the file that is `path` now, with room for `size` bytes."""
        if self._descriptor is None or not self._is_current(self._descriptor):
            self._open()
        if self._is_full(size):
            with self._turning():
                self._open()
                if self._is_full(size):  # else another process has turned them over meanwhile
                    self._turn_over()
                    self._open()
        assert self._descriptor is not None  # noqa: S101 - _open sets it or raises
        return self._descriptor

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def _is_full(self, size: int) -> bool:
        held = os.fstat(self._descriptor).st_size if self._descriptor is not None else 0
        return held > 0 and held + size > self._max_bytes

    def _open(self) -> None:
        self._drop()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What Mai is told and does is its person's business alone.
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _turning(self) -> contextlib.ExitStack:
        stack = contextlib.ExitStack()
        lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        stack.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return stack

    def _turn_over(self) -> None:
        files = [self.path] + [
            self.path.with_name(f"{self.path.name}.{number}")
            for number in range(1, self._files_kept)
        ]
        for older, newer in zip(reversed(files[1:]), reversed(files[:-1]), strict=True):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
        if len(files) == 1:
            self.path.unlink()
