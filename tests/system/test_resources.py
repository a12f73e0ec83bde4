from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import psutil
from hypothesis import given
from hypothesis import strategies as st

from mai.settings import load
from mai.system.resources import GIB, History, Meter, Sample, sample


def test_a_sample_says_what_this_machine_has() -> None:
    now = sample(interval_s=0.05)
    assert 0 <= now.cpu_percent <= 100
    assert 1 <= now.cpu_cores <= (psutil.cpu_count() or 1)
    assert 0 < now.memory_used_bytes < now.memory_total_bytes == psutil.virtual_memory().total


def test_a_machine_without_a_driver_has_no_gpu_and_no_error() -> None:
    # An empty LD_LIBRARY_PATH does not hide a driver; a process that may open no library does.
    script = (
        "import ctypes\n"
        "def none(name, *_, **__): raise OSError(name)\n"
        "ctypes.CDLL = none\n"
        "from mai.system.resources import sample\n"
        "now = sample(interval_s=0)\n"
        "assert (now.gpu_percent, now.vram_used_bytes, now.vram_total_bytes) == (None,) * 3, now\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_settings_override_what_is_measured() -> None:
    now = sample(load(cpu_cores_available=3.5, gpu_vram_available=8), interval_s=0)
    assert now.cpu_cores == 3.5
    assert now.vram_total_bytes == 8 * GIB


def test_no_vram_at_all_can_be_said() -> None:
    assert sample(load(gpu_vram_available=0), interval_s=0).vram_total_bytes == 0


def test_work_between_two_samples_shows() -> None:
    with Meter() as meter:
        meter.sample()
        until = psutil.Process().cpu_times().user + 0.3
        while psutil.Process().cpu_times().user < until:
            math.factorial(2000)
        assert meter.sample().cpu_percent > 5


def test_a_meter_can_be_closed_twice_and_still_samples() -> None:
    meter = Meter()
    meter.close()
    meter.close()
    assert meter.sample().gpu_percent is None


SAMPLE = Sample(0.0, 1.0, 2, 3, 4)


def test_history_keeps_the_last_minutes_and_its_size() -> None:
    history = History(minutes=1, interval_s=1)
    assert history.capacity == 60
    for number in range(150):
        history.add(replace(SAMPLE, at_s=number, gpu_percent=None if number % 2 else number))
    assert len(history) == 60
    assert history.series("at_s") == [float(number) for number in range(90, 150)]
    assert history.series("gpu_percent")[:3] == [90.0, None, 92.0]


@given(st.lists(st.floats(0, 100)), st.integers(1, 10))
def test_a_series_is_the_end_of_what_was_added(values: list[float], capacity: int) -> None:
    history = History(minutes=capacity, interval_s=60)
    for value in values:
        history.add(replace(SAMPLE, cpu_percent=value))
    assert history.series("cpu_percent") == values[-capacity:]
