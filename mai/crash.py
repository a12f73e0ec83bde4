"""Named points at which a test may kill this process for real.

`MAI_CRASH_AT=<name>` makes the process send itself SIGKILL when it reaches the point: no handler,
no clean-up, exactly what a power cut or the kernel's OOM killer does. `<name>#3` means the third
time. Unset, a point costs one dictionary look-up.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_reached: Counter[str] = Counter()


def point(name: str) -> None:
    """Die here if the environment asks for it."""
    asked = os.environ.get("MAI_CRASH_AT")
    if asked is None:
        return
    _reached[name] += 1
    if asked in {name, f"{name}#{_reached[name]}"}:
        os.kill(os.getpid(), signal.SIGKILL)
