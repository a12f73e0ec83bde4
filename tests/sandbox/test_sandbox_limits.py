"""Profiles: which change gets which, and who may change what."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise

import pytest

from mai.errors import SettingsError
from mai.proposal import Level
from mai.sandbox.limits import PROFILES, limits_for, tightened
from mai.settings import load


def test_a_riskier_change_gets_less() -> None:
    settings = load()
    profiles = [limits_for(level, settings).profile for level in Level]
    assert profiles == ["trusted", "untrusted", "unknown", "unknown"]
    ordered = [PROFILES[name] for name in ("trusted", "untrusted", "unknown")]
    for more, less in pairwise(ordered):
        assert less.tightened(more) == less
    assert [limits.memory_bytes >> 20 for limits in ordered] == [1024, 512, 256]
    assert [limits.pids for limits in ordered] == [100, 50, 25]
    assert [limits.cpu_s for limits in ordered] == [120, 30, 15]
    assert all(2 * limits.disk_bytes < limits.memory_bytes for limits in ordered)


def test_the_users_settings_replace_a_profiles_values() -> None:
    settings = load(limits={"untrusted": {"memory_mb": 2048, "pids": 200, "wall_s": 9.5}})
    limits = limits_for(Level.MEDIUM, settings)
    assert (limits.memory_bytes, limits.pids, limits.wall_s) == (2 << 30, 200, 9.5)
    assert limits.cpu_s == PROFILES["untrusted"].cpu_s
    assert limits_for(Level.LOW, settings) == limits_for(Level.LOW, load())


def test_nothing_exceeds_the_machine() -> None:
    settings = load(limits={"trusted": {"cpus": 10_000, "memory_mb": 1 << 40}})
    limits = limits_for(Level.LOW, settings)
    assert limits.cpus == os.cpu_count()
    assert limits.memory_bytes < 1 << 50


def test_a_repo_only_lowers() -> None:
    limits = PROFILES["untrusted"]
    lowered = tightened(limits, {"memory_mb": 128, "pids": 999, "test_s": 1})
    assert lowered == replace(limits, memory_bytes=128 << 20, test_s=1)
    assert tightened(limits, {}) == limits


@pytest.mark.parametrize(
    "limits",
    [
        {"unknwon": {"pids": 30}},
        {"trusted": {"memory": 30}},
        {"trusted": {"pids": 0}},
        {"trusted": {"cpu_s": -1}},
        {"trusted": {"memory_mb": 1}},
        {"trusted": {"wall_s": float("nan")}},
        {"trusted": {"pids": float("inf")}},
    ],
)
def test_a_limit_that_cannot_be_is_refused_in_one_sentence(
    limits: dict[str, dict[str, float]],
) -> None:
    with pytest.raises(SettingsError):
        limits_for(Level.LOW, load(limits=limits))
