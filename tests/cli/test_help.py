"""The help is plain text, and says of each command what it does without breaking off."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("group", ["", "audit", "memory", "models", "sandbox"])
def test_no_summary_is_cut(group: str) -> None:
    command = [sys.executable, "-m", "mai", *group.split(), "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    _, _, commands = shown.partition("Commands:\n")
    assert commands.strip()
    assert "..." not in commands
    assert shown.isascii()
