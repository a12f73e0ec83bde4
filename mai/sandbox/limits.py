"""Three profiles of what a run may use, chosen by how risky the change is."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace

import psutil

from mai.errors import SettingsError
from mai.jobs import Limits
from mai.proposal import Level
from mai.settings import Settings

_MIB = 1 << 20

#: The wall ceiling is four times the CPU time: a busy machine makes a run late, not wrong.
#: The disk is memory too (a tmpfs), so that it stays well below the memory.
PROFILES = {
    "trusted": Limits("trusted", 2, 1024 * _MIB, 120, 480, 100, 256 * _MIB, 16 * _MIB, 5),
    "untrusted": Limits("untrusted", 1, 512 * _MIB, 30, 120, 50, 128 * _MIB, 8 * _MIB, 5),
    "unknown": Limits("unknown", 1, 256 * _MIB, 15, 60, 25, 64 * _MIB, 4 * _MIB, 2.5),
}
#: Where a repo's own tests need more than a profile has; what is set for it never goes below.
_MOST = Limits("", 2, 4096 * _MIB, 1800, 7200, 400, 1024 * _MIB, 64 * _MIB, 30)
_PROFILE_OF = {Level.LOW: "trusted", Level.MEDIUM: "untrusted"}
#: As the settings name them: the field, and how many of its unit one of the setting's makes.
_NAMES: dict[str, tuple[str, int]] = {
    "cpus": ("cpus", 1),
    "memory_mb": ("memory_bytes", _MIB),
    "cpu_s": ("cpu_s", 1),
    "wall_s": ("wall_s", 1),
    "pids": ("pids", 1),
    "disk_mb": ("disk_bytes", _MIB),
    "output_mb": ("output_bytes", _MIB),
    "test_s": ("test_s", 1),
}
#: Below these no Python starts, and a limit would only look like one.
_LEAST = {"cpus": 0.05, "memory_mb": 64, "pids": 8, "cpu_s": 1, "wall_s": 1, "disk_mb": 1}
_WHOLE = frozenset({"memory_bytes", "pids", "disk_bytes", "output_bytes"})


def limits_for(level: Level, settings: Settings) -> Limits:
    """Return the limits for a change of this level.

    The user's settings replace a profile's values; nothing exceeds what the machine has.

    Raises:
        SettingsError: a limit has no such name or no such value.
    """
    profile = _PROFILE_OF.get(level, "unknown")
    unknown = settings.limits.keys() - PROFILES.keys()
    if unknown:
        names = ", ".join(PROFILES)
        raise SettingsError(f"The setting limits has no profile {min(unknown)}; there are {names}.")
    limits = _with(PROFILES[profile], settings.limits.get(profile, {}))
    return limits.tightened(_of_machine(limits))


def limits_at_most(level: Level, settings: Settings) -> Limits:
    """Return how far Mai may raise the limits of this level for a repo whose own tests need more.

    What the user set for a profile stays as it is, and a run gets half of the memory at most.

    Raises:
        SettingsError: a limit has no such name or no such value.
    """
    limits = limits_for(level, settings)
    most = _with(replace(_MOST, profile=limits.profile, cpus=limits.cpus), settings.limits_at_most)
    memory = min(most.memory_bytes, psutil.virtual_memory().total // 2)
    most = replace(most, memory_bytes=max(memory, limits.memory_bytes))
    return _with(most, settings.limits.get(limits.profile, {}))


def tightened(limits: Limits, values: Mapping[str, float]) -> Limits:
    """Return `limits` lowered to `values`, named as in a repo's `mai.toml`; none is ever raised.

    Raises:
        SettingsError: a limit has no such name or no such value.
    """
    return limits.tightened(_with(limits, values))


def _with(limits: Limits, values: Mapping[str, float]) -> Limits:
    found: dict[str, float] = {}
    for name, value in values.items():
        if name not in _NAMES:
            raise SettingsError(f"There is no limit {name}; there are {', '.join(_NAMES)}.")
        if not math.isfinite(value) or value <= 0 or value < _LEAST.get(name, 0):
            raise SettingsError(f"The limit {name} cannot be {value:g}.")
        field, unit = _NAMES[name]
        found[field] = int(value * unit) if field in _WHOLE else value * unit
    return replace(limits, **found)  # type: ignore[arg-type]  # whole numbers where whole is asked


def _of_machine(limits: Limits) -> Limits:
    memory = psutil.virtual_memory().total
    return replace(limits, cpus=float(os.cpu_count() or 1), memory_bytes=min(memory, 1 << 62))
