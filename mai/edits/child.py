"""Mai's side of the worker: starts it, asks it, and ends it when it takes too long."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mai import scratch
from mai.edits.frames import BrokenFrameError, read_frame, write_frame
from mai.errors import MaiError

_MEMORY_BYTES = 2 * 2**30
_IDLE_S = 5.0
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
# Appended, never put first: the standard library and site-packages win over whatever lies there.
_START = (
    "import sys; sys.path += sys.argv[2:]; "
    "from mai.edits.worker import main; main(int(sys.argv[1]))"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the worker said. `fate` is empty, or `crash` or `timeout` where it died over it."""

    header: dict[str, Any]
    body: bytes = b""
    fate: str = ""


@contextlib.contextmanager
def worker(timeout_s: float) -> Iterator[Child]:
    """Give a worker that answers each request within `timeout_s` or ends.

    Starting one takes longer than most requests, so one that did well stays for a few seconds.

    Raises:
        MaiError: the machine has no room for its empty folder.
    """
    child = _idle.take() or Child()
    child.timeout_s = timeout_s
    try:
        yield child
    except BaseException:
        child.close()
        raise
    _idle.keep(child)


class Child:
    """A worker that is there when it is needed. Not for use from several threads at once.

    Raises:
        MaiError: the machine has no room for its empty folder.
    """

    def __init__(self) -> None:
        self.timeout_s = 0.0
        self.owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._things = contextlib.ExitStack()
        try:
            self._folder = self._things.enter_context(scratch.folder("worker"))
        except OSError as error:
            raise MaiError(f"No folder for the parser can be made: {error.strerror}.") from error

    @property
    def is_alive(self) -> bool:
        """Whether its process is there and has not ended."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End the process and remove its folder."""
        self._end()
        self._things.close()

    def ask(self, header: dict[str, Any], body: bytes) -> Answer:
        """Send one request and wait for its answer, `timeout_s` at most.

        A worker that dies over it is told by the answer's `fate`; the next call starts a new one.
        """
        try:
            process = self._process or self._start()
        except OSError:
            return Answer({}, fate="crash")
        has_timed_out = threading.Event()

        def stop() -> None:
            has_timed_out.set()
            process.kill()

        timer = threading.Timer(self.timeout_s, stop)
        timer.start()
        try:
            write_frame(process.stdin, {**header, "cpu_s": self.timeout_s}, body)
            answer, made = read_frame(process.stdout)
        except (BrokenFrameError, OSError):
            self._end()
            is_late = has_timed_out.is_set() or process.returncode == -signal.SIGXCPU
            return Answer({}, fate="timeout" if is_late else "crash")
        finally:
            timer.cancel()
        return Answer(answer, made)

    def _start(self) -> subprocess.Popen[bytes]:
        paths = [str(_PACKAGE_ROOT), *_folder_of("libcst")]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, str(_MEMORY_BYTES), *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            start_new_session=True,  # Ctrl-C in the terminal is for Mai, which then ends the worker
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            # What is left in the buffer has no reader any more.
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()
        process.wait()


class _Idle:
    """Keeps one idle worker for reuse within the next seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._timer: threading.Timer | None = None

    def take(self) -> Child | None:
        with self._lock:
            child, self._child = self._child, None
            if self._timer is not None:
                self._timer.cancel()
            if child is None or child.owner != os.getpid():
                return None  # after a fork it is the parent's
        if child.is_alive:
            return child
        child.close()
        return None

    def keep(self, child: Child) -> None:
        with self._lock:
            if child.is_alive and self._child is None:
                self._child = child
                self._timer = threading.Timer(_IDLE_S, self.close)
                self._timer.daemon = True
                self._timer.start()
                return
        child.close()

    def close(self) -> None:
        """End the worker that is kept, if there is one."""
        child = self.take()
        if child is not None:
            child.close()


_idle = _Idle()
atexit.register(_idle.close)


def _folder_of(package: str) -> list[str]:
    """Return where this process would import `package` from: isolated, a child may not find it."""
    spec = importlib.util.find_spec(package)
    return [str(Path(spec.origin).parents[1])] if spec and spec.origin else []
