"""How busy this machine is: CPU, memory and, where NVIDIA's driver answers, GPUs."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil
import pynvml

from mai.settings import Settings

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Sample:
    """The load at one instant. What a machine does not have, or does not tell, is None.

    `at_s` is monotonic seconds; percents are from 0 to 100 over all cores, and the mean over all
    GPUs; `vram_*` are sums over all GPUs.
    """

    at_s: float
    cpu_percent: float
    cpu_cores: float
    memory_used_bytes: int
    memory_total_bytes: int
    gpu_percent: float | None = None
    vram_used_bytes: int | None = None
    vram_total_bytes: int | None = None


class Meter:
    """Takes samples. Holds NVIDIA's library open between them; `close` or `with` lets it go.

    CPU_CORES_AVAILABLE and GPU_VRAM_AVAILABLE replace what is measured.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._cores = settings.cpu_cores_available if settings else None
        vram = settings.gpu_vram_available if settings else None
        self._vram_bytes = None if vram is None else round(vram * GIB)
        self._lock = threading.Lock()
        self._has_nvml = _starts_nvml()
        self._before = psutil.cpu_times()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of NVIDIA's library. Later samples have no GPU."""
        with self._lock:
            if self._has_nvml:
                self._has_nvml = False
                with contextlib.suppress(pynvml.NVMLError):
                    pynvml.nvmlShutdown()

    def sample(self) -> Sample:
        """Return the load now. `cpu_percent` is over the time since the last sample."""
        with self._lock:
            cpu_percent = self._cpu_percent()
            gpu_percent, used, total = _gpus() if self._has_nvml else (None, None, None)
        memory = psutil.virtual_memory()
        return Sample(
            at_s=time.monotonic(),
            cpu_percent=cpu_percent,
            cpu_cores=self._cores or _cores(),
            memory_used_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            gpu_percent=gpu_percent,
            vram_used_bytes=used,
            vram_total_bytes=total if self._vram_bytes is None else self._vram_bytes,
        )

    def _cpu_percent(self) -> float:
        # Not psutil.cpu_percent: it remembers the last call per process, so two meters would
        # shorten each other's interval.
        now = psutil.cpu_times()
        spent = [after - before for after, before in zip(now, self._before, strict=True)]
        fields = dict(zip(now._fields, spent, strict=True))
        # Linux counts a guest's time within `user` and `nice` already.
        total = sum(spent) - fields.get("guest", 0.0) - fields.get("guest_nice", 0.0)
        idle = fields["idle"] + fields.get("iowait", 0.0)
        self._before = now
        return min(100.0, max(0.0, 100.0 * (1.0 - idle / total))) if total > 0 else 0.0


def sample(settings: Settings | None = None, *, interval_s: float = 0.1) -> Sample:
    """Return one sample, its `cpu_percent` taken over `interval_s` seconds."""
    with Meter(settings) as meter:
        time.sleep(interval_s)
        return meter.sample()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _starts_nvml() -> bool:
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError, OSError):  # no driver is the usual case, not a fault
        return False
    return True


def _gpus() -> tuple[float | None, int | None, int | None]:
    """Return mean load in percent, used and total bytes. What the driver does not say is None."""
    percents: list[float] = []
    used = total = 0
    try:
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
    except pynvml.NVMLError:
        return None, None, None
    for handle in handles:
        # Each by itself: a GPU split into instances has no load, one with unified memory no VRAM.
        with contextlib.suppress(pynvml.NVMLError):
            percents.append(float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu))
        with contextlib.suppress(pynvml.NVMLError):
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            used, total = used + int(memory.used), total + int(memory.total)
    percent = sum(percents) / len(percents) if percents else None
    return (percent, used, total) if total else (percent, None, None)


_COLUMNS = (
    "at_s",
    "cpu_percent",
    "memory_used_bytes",
    "gpu_percent",
    "vram_used_bytes",
)


class History:
    """The last `minutes` of samples, in memory of a fixed size: 8 bytes a number, all at once."""

    def __init__(self, minutes: float = 30, interval_s: float = 1.0) -> None:
        self.capacity = max(1, math.ceil(minutes * 60 / interval_s))
        self._columns = {name: array("d", bytes(8 * self.capacity)) for name in _COLUMNS}
        self._written = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return min(self._written, self.capacity)

    def add(self, sample: Sample) -> None:
        """Keep `sample`, and forget the oldest where there is no room."""
        with self._lock:
            position = self._written % self.capacity
            for name, column in self._columns.items():
                value = getattr(sample, name)
                column[position] = math.nan if value is None else value
            self._written += 1

    def series(self, name: str) -> list[float | None]:
        """Return one field of the samples kept, the oldest first, such as `cpu_percent`."""
        with self._lock:
            return [None if math.isnan(value) else value for value in self._ordered(name)]

    def _ordered(self, name: str) -> Iterator[float]:
        column = self._columns[name]
        for number in range(max(0, self._written - self.capacity), self._written):
            yield column[number % self.capacity]
