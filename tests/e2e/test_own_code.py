"""Mai changes Mai: a person must look, and the box is as large as what the change gains allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace import Workspace

pytestmark = pytest.mark.docker

FILES = {
    "pyproject.toml": '[project]\nname = "mai-agent"\nversion = "1"\n',
    "mai/__init__.py": "",
    "mai/agent/__init__.py": "",
    "mai/agent/turn.py": "def turns():\n    return 2\n",
    "tests/test_turn.py": (
        "from mai.agent.turn import turns\n\n\ndef test_turns():\n    assert turns() > 1\n"
    ),
}


def changed_to(*lines: str) -> str:
    added = "".join(f"+{line}\n" for line in lines)
    return (
        "--- a/mai/agent/turn.py\n+++ b/mai/agent/turn.py\n"
        f"@@ -1,2 +1,{len(lines) + 1} @@\n def turns():\n-    return 2\n{added}"
    )


@pytest.mark.parametrize(
    ("lines", "profile"),
    [
        (["    return 3"], "trusted"),
        (["    import os", '    os.system("true")', "    return 3"], "unknown"),
    ],
)
def test_its_own_code_is_high_and_is_tried_like_any_other(
    tmp_path: Path, lines: list[str], profile: str
) -> None:
    ran = Workspace.make(tmp_path, FILES).submit(changed_to(*lines))
    assert ran.code == 0, ran.err
    assert ran.json["risk"]["level"] == "HIGH"
    assert "path.own-code" in {found["rule"] for found in ran.json["risk"]["findings"]}
    assert (ran.json["trial"]["verdict"], ran.json["trial"]["profile"]) == ("pass", profile)
