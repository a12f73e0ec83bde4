from __future__ import annotations

from pathlib import Path

from tests.tui.console import Desktop
from tests.tui.picture import picture


async def test_a_screen_becomes_a_picture(desktop: Desktop, tmp_path: Path) -> None:
    desktop.pending()
    async with desktop.console() as console:
        picture(console.app, tmp_path / "console.png")
    data = (tmp_path / "console.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20]) > 1000
