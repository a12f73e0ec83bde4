"""What the container has used so far, read from its own cgroup, version 1 or 2.

A cgroup counts every process, the reaped and the daemonised too, which is what a limit must count.
Where none can be read (some runtimes hide it), CPU time is summed over `/proc` and the rest is 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Meter:
    """Reads counters that only ever grow. Seconds and bytes."""

    def __init__(self) -> None:
        # In version 2 the files with limits exist everywhere but at the machine's own root.
        self._is_v2 = (_ROOT / "memory.max").exists()

    def cpu_s(self) -> float:
        """Return the CPU time of everything in the container, in seconds."""
        if self._is_v2:
            microseconds = _keyed(_ROOT / "cpu.stat").get("usage_usec")
            if microseconds is not None:
                return microseconds / 1e6
        nanoseconds = _number(_ROOT / "cpuacct" / "cpuacct.usage")
        return nanoseconds / 1e9 if nanoseconds is not None else _cpu_s_of_processes()

    def oom_kills(self) -> int:
        """Return how many processes the kernel killed because memory ran out."""
        path = _ROOT / "memory.events" if self._is_v2 else _ROOT / "memory" / "memory.oom_control"
        return _keyed(path).get("oom_kill", 0)

    def forks_refused(self) -> int:
        """Return how often a process or thread was refused because there were too many."""
        return _keyed(_ROOT / ("" if self._is_v2 else "pids") / "pids.events").get("max", 0)

    def peak_memory_bytes(self) -> int:
        """Return the most memory the container has had, in bytes."""
        v2, v1 = _ROOT / "memory.peak", _ROOT / "memory" / "memory.max_usage_in_bytes"
        return _number(v2 if self._is_v2 else v1) or 0


def is_anything_runnable() -> bool:
    """Whether a process here would use a processor if it got one: a busy machine is no idleness."""
    own = os.getpid()
    return any(fields[0] == "R" for pid, fields in _processes() if pid != own)


def _cpu_s_of_processes() -> float:
    # utime, stime, and those of reaped children (proc_pid_stat(5), fields 14 to 17).
    return sum(sum(map(int, fields[11:15])) for _, fields in _processes()) / _TICKS_PER_S


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Yield each process with the fields of its `stat` that follow its name."""
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                text = (path / "stat").read_text("utf-8", "replace")
            except OSError:
                continue  # it ended meanwhile
            yield int(path.name), text[text.rindex(")") + 1 :].split()


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None


def _keyed(path: Path) -> dict[str, int]:
    try:
        pairs = (line.split() for line in path.read_text("ascii").splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs}
    except (OSError, ValueError, IndexError):
        return {}
