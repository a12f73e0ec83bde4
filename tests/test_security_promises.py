"""`SECURITY.md` names a test for each promise; they had better be there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text("utf-8"))


def test_each_promise_names_a_test_that_is_there() -> None:
    assert len(NAMED) > 20
    for path, name in NAMED:
        place = ROOT / path
        assert place.exists(), path
        if name:
            assert f"def {name}(" in place.read_text("utf-8"), f"{path}::{name}"
