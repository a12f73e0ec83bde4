from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.console import Desktop

pytestmark = pytest.mark.host


async def test_a_screen_becomes_a_picture(desktop: Desktop, tmp_path: Path) -> None:
    from tests.tui.picture import picture  # noqa: PLC0415 - it needs libraries of the system's

    desktop.pending()
    async with desktop.console() as console:
        picture(console.app, tmp_path / "console.png")
    data = (tmp_path / "console.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20]) > 1000
