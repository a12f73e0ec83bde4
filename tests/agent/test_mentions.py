from __future__ import annotations

import pytest

from mai.agent.mentions import is_secret, mentioned
from tests.snapshots import MemorySnapshot

SNAPSHOT = MemorySnapshot(
    {
        "calc/core.py": b"x = 1\n",
        "calc/util.py": b"y = 1\n",
        "docs/util.py": b"z = 1\n",
        "docs/two words.md": b"hello\n",
        ".env": b"TOKEN=1\n",
        "deploy/prod.env": b"TOKEN=1\n",
        ".env.example": b"TOKEN=\n",
        "keys/id_rsa": b"secret\n",
        "server.pem": b"secret\n",
        "logo.bin": b"\0\1",
        "huge.txt": b"x" * 100_000,
    }
)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("look at @calc/core.py.", ["calc/core.py"]),
        ("(@core.py) and @./calc/core.py", ["calc/core.py"]),
        ("@util.py is two files", []),
        ("@calc/util.py, then @core.py", ["calc/util.py", "calc/core.py"]),
        ('@"docs/two words.md" please', ["docs/two words.md"]),
        ("mail me@core.py", []),
        ("@/etc/passwd @../secret @calc/../calc/core.py @~/x", []),
        ("@.env @prod.env @id_rsa @server.pem", []),
        ("@.env.example", [".env.example"]),
        ("@logo.bin @huge.txt @nonesuch", []),
    ],
)
def test_mentions_are_tracked_text_and_never_secrets(text: str, paths: list[str]) -> None:
    assert [path for path, _ in mentioned(text, SNAPSHOT)] == paths


@pytest.mark.parametrize("name", [".env", ".ENV", ".env.local", "a/.envrc", "x.env", "id_ed25519"])
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert is_secret(name)
