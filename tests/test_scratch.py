"""Temporary folders: gone with their owner, however it ends, and with nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mai import scratch
from mai.core import Core
from tests.workspace import Workspace

_OWNER = """
import sys, time
from mai import scratch
with scratch.folder("test") as folder:
    (folder / "data").write_text("x")
    print(folder, flush=True)
    time.sleep(1000)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep others' folders out of it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@contextmanager
def owner() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that has a folder."""
    command = [sys.executable, "-c", _OWNER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_it_is_this_users_alone_and_goes_afterwards(place: Path) -> None:
    with scratch.folder("test") as folder:
        (folder / "deep").mkdir()
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(place.iterdir()) == []


def test_a_killed_owners_folder_goes_at_once_and_a_living_ones_stays() -> None:
    with scratch.folder("test") as own, owner() as (killed, left), owner() as (_, others):
        killed.kill()
        killed.wait()
        assert scratch.reap() == 1
        assert not left.exists()
        assert own.is_dir()
        assert (others / "data").read_text() == "x"


def test_the_next_start_of_mai_removes_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in workspace.environment.items():
        if name != "TMPDIR":
            monkeypatch.setenv(name, value)
    with owner() as (killed, left):
        killed.kill()
        killed.wait()
        with Core.open(workspace.repo.root):
            assert not left.exists()


def test_a_number_that_was_given_out_again_does_not_keep_it(place: Path) -> None:
    left = place / f"mai-scratch-{os.getpid()}-test-x"
    left.mkdir()
    assert scratch.reap() == 0  # its owner may be about to lock it
    long_ago = time.time() - 100
    os.utime(left, (long_ago, long_ago))
    assert scratch.reap() == 1
    assert list(place.iterdir()) == []


def test_what_is_not_ours_is_left_alone(place: Path) -> None:
    (place / "kept").mkdir()
    (place / "mai-scratch-999999999-link-x").symlink_to(place / "kept")
    (place / "mai-scratch-999999999-file-x").touch()
    (place / "mai-scratch-word-x").mkdir()
    (place / "mai-scratch-word-more-x").mkdir()
    assert scratch.reap() == 0
    assert len(list(place.iterdir())) == 5
