"""Starts the processes that run code under test, and makes sure that none of them stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_HOME = str(Path(__file__).parent.parent)

#: What the repo needs, where its image has it; only processes under test look there.
DEPENDENCIES = "/opt/deps"

_HOME_FOLDER = "/tmp/home"  # noqa: S108 - the container's own, private tmpfs

#: All that code under test finds in its environment, besides PYTHONPATH.
ENVIRONMENT = {
    "HOME": _HOME_FOLDER,
    "USER": "nobody",
    "LOGNAME": "nobody",
    "SHELL": "/bin/sh",
    "TERM": "xterm-256color",
    "TMPDIR": "/tmp",  # noqa: S108 - likewise
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "MAI_IN_SANDBOX": "1",
}


class Child:
    """A process with pytest imported that waits for its job. Descriptors are ours to close."""

    def __init__(self, *, is_first: bool = True) -> None:
        Path(_HOME_FOLDER).mkdir(mode=0o700, exist_ok=True)
        self.report_fd, report_end = os.pipe()
        control_end, self.control_fd = os.pipe()
        self.output_fd, output_end = os.pipe()
        self.errors_fd, errors_end = os.pipe()
        theirs = (report_end, control_end, output_end, errors_end)
        words = (str(report_end), str(control_end), "first" if is_first else "again")
        path = os.environ.get("PATH", os.defpath)
        environment = {"PATH": path, **ENVIRONMENT}
        if Path(DEPENDENCIES).is_dir():
            environment["PATH"] = f"{path}:{DEPENDENCIES}/bin"
            environment["PYTHONPATH"] = DEPENDENCIES
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-m", "sandbox.child", *words],
            stdin=subprocess.PIPE,
            stdout=output_end,
            stderr=errors_end,
            pass_fds=(report_end, control_end),
            env=environment,
            cwd=_HOME,
            start_new_session=True,
        )
        for descriptor in theirs:
            os.close(descriptor)
        self.pid = self._process.pid
        self.exit_code: int | None = None

    def wait_ready(self) -> None:
        """Return once the child has imported pytest; one that cannot shows it by its report."""
        with suppress(OSError):
            os.read(self.report_fd, len(b"ready\n"))

    def send(self, job: dict[str, Any]) -> None:
        """Hand over the job; a child that is gone already shows that by its exit."""
        stdin = self._process.stdin
        if stdin is None:
            raise AssertionError
        with suppress(BrokenPipeError):
            stdin.write(json.dumps(job).encode() + b"\n")
            stdin.close()

    def interrupt(self, sequence: int) -> None:
        """Ask for test number `sequence` to be stopped from within."""
        with suppress(OSError):
            os.write(self.control_fd, f"{sequence}\n".encode())
            os.kill(self.pid, signal.SIGXCPU)

    def reap(self) -> bool:
        """Collect every process that has ended; return whether the child itself has."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == self.pid:
                    self.exit_code = os.waitstatus_to_exitcode(status)
                    self._process.returncode = self.exit_code
        return self.exit_code is not None

    def kill_everything(self) -> None:
        """Kill every process of the container but this one, whatever session it fled to."""
        with suppress(ChildProcessError, ProcessLookupError):
            while True:
                os.kill(-1, signal.SIGKILL)
                pid, status = os.waitpid(-1, 0)
                if pid == self.pid:
                    self.exit_code = os.waitstatus_to_exitcode(status)
                    self._process.returncode = self.exit_code
        self._process.returncode = self._process.returncode or 0

    def close(self) -> None:
        """Close our ends of the pipes."""
        for descriptor in (self.report_fd, self.control_fd, self.output_fd, self.errors_fd):
            os.close(descriptor)
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
