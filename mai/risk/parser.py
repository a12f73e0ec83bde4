"""The parent's side of the parser's process: one worker for many files, replaced when it dies."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from mai.errors import Cancelled
from mai.events import Cancel
from mai.risk.facts import Facts
from mai.risk.worker import HEADER, LENGTH
from mai.suite import Suite, unknown

_PACKAGE_PARENT = str(Path(__file__).resolve().parent.parent.parent)
# Appended, not put first: the standard library wins over anything that lies beside Mai.
_BOOT = "import sys; sys.path.append(sys.argv[1]); from mai.risk.worker import main; main()"
_MAXIMUM_ANSWER_BYTES = 64 * 2**20
# A pipe that is ready takes this much at once without blocking (POSIX's PIPE_BUF, at least 512).
_PIPE_BYTES = select.PIPE_BUF
_LOOK_UP_S = 0.2


class Parser:
    """Parses files in a process of their own. Use it as a context manager; not thread-safe.

    Args:
        timeout_s: wall-clock seconds that one file may take.
        cancel: a request to stop, looked at while waiting.
        suite: says which files are tests; without it none is known to be one.
    """

    def __init__(
        self,
        timeout_s: float = 30.0,
        cancel: Cancel | None = None,
        suite: Suite | None = None,
    ) -> None:
        self.suite = suite or unknown()
        self._timeout_s = timeout_s
        self._cancel = cancel
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def facts(
        self,
        path: str,
        source: bytes,
        *,
        in_full: bool,
        renamed: Mapping[str, str] | None = None,
    ) -> Facts:
        """Return the facts of one file; `problem` says so where it could not be parsed.

        Args:
            path: where it lies in the tree.
            source: its bytes.
            in_full: as for `analyse`.
            renamed: as for `analyse`.

        Raises:
            Cancelled: the request to stop came.
        """
        header = {
            "path": path,
            "in_full": in_full,
            "renamed": dict(renamed or {}),
            "is_test": self.suite.is_test(path),
            "is_held": self.suite.holds(path),
        }
        for is_last in (False, True):
            was_fresh = self._process is None
            try:
                return self._ask(json.dumps(header).encode(), source)
            except TimeoutError:
                self.close()
                return _hostile(f"Parsing it took longer than {self._timeout_s:g} seconds.")
            except (OSError, EOFError, ValueError):
                code = self._kill()
                # A worker that had read other files before may have died of those.
                if was_fresh or is_last:
                    return _hostile(_death(code))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the process. A later call starts a new one."""
        self._kill()

    def _kill(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        code = process.poll()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what it never read is lost with it
        return process.returncode if code is None else code

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOT, _PACKAGE_PARENT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": os.defpath},
                start_new_session=True,
                bufsize=0,
            )
        return self._process

    def _ask(self, header: bytes, source: bytes) -> Facts:
        process = self._started()
        assert process.stdin is not None  # noqa: S101 - both are pipes, as opened above
        assert process.stdout is not None  # noqa: S101 - likewise
        deadline = time.monotonic() + self._timeout_s
        request = HEADER.pack(len(header), len(source)) + header + source
        self._write(process.stdin.fileno(), request, deadline)
        (size,) = LENGTH.unpack(self._read(process.stdout.fileno(), LENGTH.size, deadline))
        if size > _MAXIMUM_ANSWER_BYTES:
            raise ValueError("an answer of impossible size")
        return Facts.from_json(json.loads(self._read(process.stdout.fileno(), size, deadline)))

    def _write(self, descriptor: int, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(deadline, writing=(descriptor,))
            view = view[os.write(descriptor, view[:_PIPE_BYTES]) :]

    def _read(self, descriptor: int, size: int, deadline: float) -> bytes:
        pieces: list[bytes] = []
        while size:
            self._wait(deadline, reading=(descriptor,))
            piece = os.read(descriptor, min(size, 2**20))
            if not piece:
                raise EOFError
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _wait(
        self, deadline: float, reading: tuple[int, ...] = (), writing: tuple[int, ...] = ()
    ) -> None:
        """Wait until a pipe is ready. Raises TimeoutError or Cancelled."""
        while True:
            remaining = deadline - time.monotonic()
            ready = select.select(reading, writing, (), max(min(remaining, _LOOK_UP_S), 0))
            if ready[0] or ready[1]:
                return
            if self._cancel is not None and self._cancel.is_set:
                self.close()
                raise Cancelled(stage="assess")
            if remaining <= 0:
                raise TimeoutError


def _hostile(message: str) -> Facts:
    return Facts(problem=("text.hostile", message, 0))


def _death(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "Parsing it took more CPU time than a file of its size may take."
    if code < 0:
        return f"The parser's process died of signal {-code} on it."
    return f"The parser's process ended on it with exit code {code}."
