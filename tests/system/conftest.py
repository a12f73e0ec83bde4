from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _nobody_elses_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("MAI_", "DISCORD_", "OLLAMA_", "LMSTUDIO_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MAI_CONFIG_DIR", str(tmp_path / "config"))
    # Loading looks for an ignored `.env` in Mai's own checkout, and a developer may have one.
    monkeypatch.setattr("mai.settings_sources._CHECKOUT", tmp_path / "checkout")
