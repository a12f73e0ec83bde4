"""Named points at which a test may kill this process for real.

`MAI_CRASH_AT=<name>` makes the process send itself SIGKILL when it reaches the point: no handler,
no clean-up, exactly what a power cut or the kernel's OOM killer does. Unset, a point costs one
dictionary look-up.
"""

from __future__ import annotations

import os
import signal


def point(name: str) -> None:
    """Die here if the environment asks for it."""
    if os.environ.get("MAI_CRASH_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
