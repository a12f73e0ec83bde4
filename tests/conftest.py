from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A user's machine with the sample repo `calc`: one test fails, one passes."""
    return Workspace.make(tmp_path)
