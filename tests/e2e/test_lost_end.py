"""After an older copy took the database's place, every command says so and none acts on it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mai.proposal import Proposal
from tests.surfaces.serving import core_of, new_file, waiting
from tests.workspace import COMMENT, Workspace


@pytest.fixture
def lost(workspace: Workspace) -> tuple[Proposal, Proposal]:
    """Return what landed and what was rejected after the copy was made that lies there now."""
    database = Path(workspace.environment["MEMORY_DB_PATH"])
    with core_of(workspace) as core:
        landed, refused = (waiting(core, new_file(name)) for name in ("one.py", "two.py"))
        core.approve(landed.id, landed.digest, by="terminal:ana")
        backup = workspace.folder / "backup.db"
        with closing(sqlite3.connect(database)) as now, closing(sqlite3.connect(backup)) as then:
            now.backup(then)
        core.reject(refused.id, "no", by="terminal:ana")
    shutil.copyfile(backup, database)
    return landed, refused


def test_a_lost_end_is_said_everywhere_and_nothing_is_answered(
    workspace: Workspace, lost: tuple[Proposal, Proposal]
) -> None:
    landed, refused = lost
    head = workspace.repo.head()
    for arguments in (["pending"], ["history"], ["show", refused.id]):
        ran = workspace.mai(*arguments, "--json")
        assert ran.code == 0, ran.err
        assert "witness saw" in ran.err
        if arguments[0] != "show":
            assert ran.json["error"]["code"] == "ledger-lost"
            assert ran.json[{"pending": "proposals"}.get(arguments[0], "history")]
    for arguments in (
        ["approve", refused.id, "--digest", refused.digest],
        ["reject", refused.id],
        ["withdraw", refused.id],
        ["rollback", landed.id, "--yes"],
        ["submit", "-"],
        ["improve"],
        ["change", "Fix it", "--yes"],
    ):
        ran = workspace.mai(*arguments, "--json", data=COMMENT)
        assert ran.code == 1, (arguments, ran.out, ran.err)
        assert ran.json["error"]["code"] == "ledger-lost", arguments
    assert workspace.repo.head() == head
    with core_of(workspace) as core:
        before = core.verify().entries
        assert core.resume() == []
        assert core.accept_loss("terminal:ana").ok
        assert core.verify().entries == before + 1


def test_an_empty_file_does_not_say_that_nothing_waits(
    workspace: Workspace, lost: tuple[Proposal, Proposal]
) -> None:
    assert lost
    Path(workspace.environment["MEMORY_DB_PATH"]).write_bytes(b"")
    ran = workspace.mai("pending")
    assert "Nothing waits for you" not in ran.out
    assert "its end was cut off" in ran.err
