"""After an older copy took the database's place, every command says so and none acts on it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mai.errors import LedgerLost
from mai.pipeline.recover import require_landed
from mai.proposal import Proposal, State
from tests.gitrepo import GitRepo
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


def test_the_branch_tells_where_the_witness_was_put_back_too(workspace: Workspace) -> None:
    """A copy of the whole folder came back: ledger and witness fit, and both are old."""
    data = Path(workspace.environment["MEMORY_DB_PATH"]).parent
    with core_of(workspace) as core:
        first, second = (waiting(core, new_file(name)) for name in ("one.py", "two.py"))
    shutil.copytree(data, workspace.folder / "copy", symlinks=True)
    with core_of(workspace) as core:
        core.approve(first.id, first.digest, by="terminal:ana")
        core.reject(second.id, "no", by="terminal:ana")
    shutil.rmtree(data)
    (workspace.folder / "copy").rename(data)
    head = workspace.repo.head()
    ran = workspace.mai("approve", second.id, "--digest", second.digest, "--json")
    assert ran.json["error"]["code"] == "ledger-lost"
    assert workspace.repo.head() == head
    with core_of(workspace) as core:
        with pytest.raises(LedgerLost, match="went on further"):
            core.rollback(first.id)
        assert core.accept_loss("terminal:ana").ok
        assert core.get(first.id).state is State.LANDED
        require_landed(core._services)


def test_what_another_mai_landed_elsewhere_stops_nobody(workspace: Workspace) -> None:
    message = (
        "Theirs\n\nMai-Proposal: 0123456789ab\nMai-Digest: sha256:" + "a" * 64 + "\n"
        "Mai-Ledger: " + "b" * 64 + "\nApproved-by: terminal:bob at 2026-01-01T00:00:00+00:00"
    )
    workspace.repo.commit({"theirs.py": "x = 1\n"}, message)
    with core_of(workspace) as core:
        mine = waiting(core, new_file("mine.py"))
        assert core.approve(mine.id, mine.digest, by="terminal:ana").state is State.LANDED
        assert core.recover() == []


def test_a_linked_work_tree_has_an_inbox_of_its_own(workspace: Workspace) -> None:
    """Its branch holds what was landed from the other one, whose refs it shares."""
    with core_of(workspace) as core:
        landed = waiting(core, new_file("one.py"))
        core.approve(landed.id, landed.digest, by="terminal:ana")
    linked = workspace.folder / "linked"
    workspace.git("worktree", "add", "--quiet", "-b", "feature", str(linked))
    other = Workspace(workspace.folder, GitRepo(linked), workspace.environment)
    with core_of(other) as core:
        mine = waiting(core, new_file("two.py"))
        assert core.approve(mine.id, mine.digest, by="terminal:ana").state is State.LANDED
        assert core.recover() == []
        assert [one.id for one in core.history()] == [mine.id]
