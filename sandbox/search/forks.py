"""Runs a piece of work in a forked process with a deadline, and reads what it answers."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

_MOST_BYTES = 4 << 20
#: Waiting for a processor is not the work's fault, so the wall ceiling is far above the CPU time.
_WALL_FACTOR, _WALL_GRACE_S, _MOST_WAITS = 10, 1.0, 20

Answer = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """What a fork answered and how it ended: `is_late` where its deadline killed it."""

    data: bytes
    is_late: bool
    exit_code: int


def run_forked(
    work: Callable[[Answer], None], cpu_s: float, further_s: float = 0.0, *, lines: int = 1
) -> Ended:
    """Run `work` in a fork that may use `cpu_s` of CPU time; it gets a function to answer with.

    `further_s` is what it may allow itself on top; `lines` is how many answers are read, and the
    wall ceiling holds for each.

    The kernel's own timer ends the fork: no handler that code under test could catch.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nowhere, descriptor)
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            work(lambda data: _write(write_end, data))
        finally:
            os._exit(0)
    os.close(write_end)
    try:
        data, is_late = _read(
            pid, read_end, _WALL_FACTOR * (cpu_s + further_s) + _WALL_GRACE_S, lines
        )
    finally:
        os.close(read_end)
        for kill in (os.killpg, os.kill):  # the group may not be there yet
            with suppress(ProcessLookupError, PermissionError):
                kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    exit_code = os.waitstatus_to_exitcode(status)
    return Ended(data, is_late or exit_code == -signal.SIGPROF, exit_code)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _read(pid: int, descriptor: int, wall_s: float, lines: int) -> tuple[bytes, bool]:
    """Read so many lines, or up to the end; return them and whether the time ran out before."""
    ends_at, waits = time.monotonic() + wall_s, 0
    pieces = bytearray()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    while len(pieces) < _MOST_BYTES:
        left_s = ends_at - time.monotonic()
        if left_s <= 0 or not poll.poll(1000 * left_s):
            if waits < _MOST_WAITS and _is_runnable(pid):
                waits += 1  # it has not had its CPU time yet, which the kernel's timer measures
                ends_at = time.monotonic() + wall_s
                continue
            return bytes(pieces), True
        data = os.read(descriptor, 1 << 16)
        pieces += data
        if not data or (data.endswith(b"\n") and (lines == 1 or pieces.count(b"\n") >= lines)):
            break
        ends_at = time.monotonic() + wall_s if lines > 1 else ends_at
    return bytes(pieces), False


def _is_runnable(pid: int) -> bool:
    """Whether a process would use a processor if it got one: it does not sleep."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - often called
            text = file.read()
    except OSError:
        return False
    return text[text.rindex(")") + 2 :].startswith("R")
