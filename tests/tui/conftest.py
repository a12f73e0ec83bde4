from __future__ import annotations

from collections.abc import Iterator

import pytest

from mai.system.logs import reset
from tests.tui.console import Desktop
from tests.workspace import Workspace


@pytest.fixture
def desktop(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    """The sample repo `calc` on a machine without a model, and nothing of the real user's."""
    for name, value in {**workspace.environment, "MAI_PROVIDER": "reflex"}.items():
        monkeypatch.setenv(name, value)
    yield Desktop(workspace, monkeypatch)
    reset()
