"""`mai restore`: a backup in place, what landed since read back, the rest accepted by a person."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mai.errors import LedgerLost
from mai.pipeline.rollback import take_back
from mai.proposal import State
from mai.store import contents
from tests.e2e.test_terminal import at_terminal
from tests.surfaces.serving import core_of, new_file, taking_back, waiting
from tests.workspace import Workspace


def database_of(workspace: Workspace) -> Path:
    return Path(workspace.environment["MEMORY_DB_PATH"])


def backups_of(workspace: Workspace) -> list[Path]:
    return sorted((database_of(workspace).parent / "backups").glob("*.db"))


@pytest.fixture
def ids(workspace: Workspace) -> dict[str, str]:
    """What a backup has (`early`, `waits`, `answered`) and what happened after it."""
    made = {}
    with core_of(workspace) as core:
        early = waiting(core, new_file("early.py"))
        core.approve(early.id, early.digest, by="terminal:ana")
        later = waiting(core, new_file("waits.py"))
        answered = waiting(core, new_file("answered.py"))
        refused = waiting(core, new_file("refused.py"))
        core._database.backup()
        core.reject(refused.id, "no", by="terminal:ana")
        core.approve(answered.id, answered.digest, by="terminal:ana")
        new = waiting(core, new_file("new.py"), "Add what is new")
        core.approve(new.id, new.digest, by="terminal:ana")
        (workspace.repo.root / "kept.py").write_text("mine = 1\n")
        beside = waiting(core, new_file("kept.py"))
        assert core.approve(beside.id, beside.digest, by="terminal:ana").landed
        (workspace.repo.root / "kept.py").unlink()
        reverse = taking_back(core, core.get(early.id))
        core.approve(reverse.id, reverse.digest, by="terminal:ana")
        lost = waiting(core, new_file("lost.py"))
        for name, one in (
            ("early", early),
            ("waits", later),
            ("answered", answered),
            ("refused", refused),
            ("new", new),
            ("beside", beside),
            ("reverse", reverse),
            ("lost", lost),
        ):
            made[name] = one.id
    return made


def test_what_landed_since_is_read_back_and_the_rest_is_accepted_by_a_person(
    workspace: Workspace, ids: dict[str, str]
) -> None:
    head = workspace.repo.head()
    entries = contents.read(database_of(workspace)).rows
    (backup,) = [one for one in backups_of(workspace) if contents.read(one).rows < entries][:1]
    ran = workspace.mai("restore", str(backup), "--json")
    assert ran.code == 0, ran.err
    told = ran.json
    assert told["restored"]["rows"] < entries
    assert contents.read(Path(told["set_aside"])).rows == entries
    assert set(told["landed"]) == {ids[name] for name in ("answered", "new", "beside", "reverse")}
    assert told["problems"]
    refused = workspace.mai("approve", ids["waits"], "--digest", "a" * 12, "--json")
    assert refused.json["error"]["code"] == "ledger-lost"
    code, screen = at_terminal(workspace, "audit", "accept", keys="y\n")
    assert code == 0, screen
    assert ids["lost"] in screen  # of it only the commit is left, and that is said
    with core_of(workspace) as core:
        states = {name: core.get(ids[name]).state for name in ids if name != "lost"}
        assert states == {
            "early": State.ROLLED_BACK,
            "waits": State.PENDING,
            "answered": State.LANDED,
            "refused": State.PENDING,
            "new": State.LANDED,
            "beside": State.LANDED,
            "reverse": State.LANDED,
        }
        new = core.get(ids["new"])
        assert new.title == "Add what is new"
        assert new.landed is not None
        assert core.get(ids["beside"]).landed
        assert core.verify().ok
        assert core.recover() == []
        assert core.resume(follow_branch=False) == []
        assert take_back(new, core._services, "f" * 12).rolls_back == new.id
    assert workspace.repo.head() == head
    assert new.id in workspace.mai("history").out
    assert "read back from the branch" in workspace.mai("show", new.id, "--json").out


def test_without_a_backup_named_it_lists_and_changes_nothing(
    workspace: Workspace, ids: dict[str, str]
) -> None:
    with core_of(workspace) as core:
        core._database.backup()  # so that nothing is lost, and nothing asked about that
        total = core.verify().entries
    before = contents.read(database_of(workspace))
    told = workspace.mai("restore", "--json").json
    rows = [one["rows"] for one in told["backups"]]
    assert rows == sorted(rows, reverse=True)
    assert told["restored"] is None
    assert all(one["last_event"] for one in told["backups"])
    assert "rows of 1 repository, the last at" in workspace.mai("restore").out
    assert at_terminal(workspace, "restore", keys="n\n")[0] == 7
    assert contents.read(database_of(workspace)) == before
    best = told["backups"][0]["path"]
    code, screen = at_terminal(workspace, "restore", keys="y\n")
    assert code == 0, screen
    assert best in screen
    assert contents.read(database_of(workspace)).rows == total
    assert ids["lost"] in workspace.mai("pending").out


def test_a_damaged_database_is_mended_by_what_the_doctor_advises(workspace: Workspace) -> None:
    with core_of(workspace) as core:
        kept = waiting(core, new_file("kept.py"))
    database = database_of(workspace)
    assert len(backups_of(workspace)) == 1  # made as soon as there was something to lose
    data = bytearray(database.read_bytes())
    data[:4096] = b"\xff" * 4096
    database.write_bytes(data)
    ran = workspace.mai("pending")
    assert ran.code == 1
    assert "`mai restore`" in ran.err
    ran = workspace.mai("restore", "--yes")
    assert ran.code == 0, ran.err
    assert "nothing is lost" in ran.err
    (waits,) = workspace.mai("pending", "--json").json["proposals"]
    assert waits["id"] == kept.id
    (aside,) = (database.parent / "set-aside").glob("*.db")
    assert aside.read_bytes() == bytes(data)


def test_it_is_refused_while_another_mai_runs(workspace: Workspace, ids: dict[str, str]) -> None:
    assert ids
    before = contents.read(database_of(workspace))
    with core_of(workspace):
        ran = workspace.mai("restore", backups_of(workspace)[0].name, "--json")
    assert ran.code == 1
    error = json.loads(ran.out)["error"]
    assert error["code"] == "store-busy"
    assert f"process {os.getpid()}" in error["message"]
    assert contents.read(database_of(workspace)) == before


def test_a_ledger_that_is_lost_is_not_read_back_into_an_answer(
    workspace: Workspace, ids: dict[str, str]
) -> None:
    workspace.mai("restore", backups_of(workspace)[0].name)
    with core_of(workspace) as core, pytest.raises(LedgerLost):
        core.reject(ids["waits"], "", by="terminal:ana")
