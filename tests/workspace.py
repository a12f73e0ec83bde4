"""A user's machine in a folder: a git repo, Mai's data and settings, and the real `mai` command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.gitrepo import Content, GitRepo, make_repo

CALC = {
    "calc/__init__.py": "",
    "calc/core.py": (
        "def mean(xs):\n    return sum(xs) / (len(xs) - 1)\n\n\ndef double(x):\n    return 2 * x\n"
    ),
    "tests/test_core.py": (
        "from calc.core import double, mean\n"
        "\n\n"
        "def test_mean():\n"
        "    assert mean([1, 2, 3]) == 2\n"
        "\n\n"
        "def test_double():\n"
        "    assert double(4) == 8\n"
    ),
    "README.md": "# calc\n",
}

FIX = (
    "diff --git a/calc/core.py b/calc/core.py\n"
    "--- a/calc/core.py\n"
    "+++ b/calc/core.py\n"
    "@@ -1,2 +1,2 @@\n"
    " def mean(xs):\n"
    "-    return sum(xs) / (len(xs) - 1)\n"
    "+    return sum(xs) / len(xs)\n"
)
"""Mends the failing test."""

BREAK = (
    "--- a/calc/core.py\n"
    "+++ b/calc/core.py\n"
    "@@ -5,2 +5,2 @@\n"
    " def double(x):\n"
    "-    return 2 * x\n"
    "+    return 3 * x\n"
)
"""Breaks the passing test."""

COMMENT = "--- a/README.md\n+++ b/README.md\n@@ -1 +1,2 @@\n # calc\n+Means and doubles.\n"
"""Harms nothing."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A repo and the environment that `mai` runs in; nothing of the real user's is visible."""

    folder: Path
    repo: GitRepo
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, files: Mapping[str, Content] | None = None) -> Workspace:
        """Make one in `folder`, with the sample repo `calc` unless other files are given."""
        repo = make_repo(folder / "repo", CALC if files is None else files)
        home = folder / "home"
        home.mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "MAI_CONFIG_DIR": str(folder / "config"),
            "MEMORY_DB_PATH": str(folder / "data" / "mai.db"),
            "MAI_LOG_DIR": str(folder / "logs"),
            "OLLAMA_ENDPOINT": "http://127.0.0.1:9",
            "MAI_HEADLESS_APPROVAL": "1",
        }
        if "DOCKER_HOST" in os.environ:
            environment["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
        return cls(folder, repo, environment)

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start `mai` with pipes."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("mai")), *arguments],
            cwd=cwd or self.repo.root,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def mai(
        self,
        *arguments: str,
        data: str | bytes = b"",
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Ran:
        """Run `mai` to its end; `data` goes to its standard input."""
        process = self.start(*arguments, environment=environment, cwd=cwd)
        given = data.encode() if isinstance(data, str) else data
        out, err = process.communicate(given, timeout=240)
        return Ran(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def submit(self, patch: str | bytes, *arguments: str, **more: Any) -> Ran:
        """Submit a patch and ask for JSON."""
        return self.mai("submit", "-", "--json", *arguments, data=patch, **more)

    def approve(self, proposal: Mapping[str, Any], **more: Any) -> Ran:
        """Approve what a submit returned, by its digest."""
        identity, digest = proposal["id"], proposal["digest"]
        return self.mai("approve", identity, "--digest", digest, "--json", **more)

    def git(self, *arguments: str) -> str:
        """Run plain git in the repo."""
        return self.repo.git(*arguments)
