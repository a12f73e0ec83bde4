from __future__ import annotations

import threading

from mai.settings import Settings
from mai.system.resources import Sample
from mai.system.watch import HISTORY_MINUTES, INTERVAL_S, Watch


def test_samples_reach_the_listener_and_the_history() -> None:
    seen: list[Sample] = []
    enough = threading.Event()

    def listen(sample: Sample) -> None:
        seen.append(sample)
        if len(seen) >= 3:
            enough.set()

    with Watch(Settings.model_validate({}), listen, interval_s=0.01) as watch:
        assert enough.wait(30)
    assert len(watch.history) == len(seen)
    assert watch.history.series("memory_used_bytes")[0] == seen[0].memory_used_bytes
    assert seen[0].at_s < seen[1].at_s


def test_half_an_hour_is_kept() -> None:
    with Watch(Settings.model_validate({}), lambda _sample: None) as watch:
        assert watch.history.capacity * INTERVAL_S >= HISTORY_MINUTES * 60 == 1_800


def test_a_listener_may_close_the_watch() -> None:
    closed = threading.Event()
    holder: list[Watch] = []
    ready = threading.Event()

    def listen(_sample: Sample) -> None:
        ready.wait(30)
        holder[0].close()
        closed.set()

    holder.append(Watch(Settings.model_validate({}), listen, interval_s=0.01))
    ready.set()
    assert closed.wait(30)
