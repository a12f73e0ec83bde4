"""A repository with a bit of everything in it, and Mai's view of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mai.repo import Repo
from tests.gitrepo import GitRepo, make_repo

FILES: dict[str, str | bytes | Path | None] = {
    "README.md": "# Thing\n",
    "src/a.py": "def a():\n    return 1\n",
    "src/b.py": "def b():\n    return 2\n",
    "src/deep/er/c.txt": "c\n",
    "data.bin": bytes(range(256)),
    "link": Path("README.md"),
    "naïve name.txt": "ü\n",
}


@pytest.fixture
def private_root(tmp_path: Path) -> Path:
    return tmp_path / "private"


@pytest.fixture
def theirs(tmp_path: Path) -> GitRepo:
    """Return the user's repository; `run.sh` in it is executable."""
    repo = make_repo(tmp_path / "their repo")
    repo.write({"run.sh": "#!/bin/sh\n"}, executable=True)
    repo.commit(FILES, "Start")
    return repo


@pytest.fixture
def repo(theirs: GitRepo, private_root: Path) -> Iterator[Repo]:
    with Repo.open(theirs.root, private_root) as opened:
        yield opened
