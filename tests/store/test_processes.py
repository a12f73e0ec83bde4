"""Several Mai processes on one database, and processes that die."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mai.proposal import State
from tests.store import workers
from tests.store.stories import JUDGED, Store, id_of, tell


def let_go(*started: subprocess.Popen[str]) -> None:
    """Start them all at the same moment."""
    for worker in started:
        assert workers.line(worker) == "ready"
    for worker in started:
        assert worker.stdin
        worker.stdin.write("\n")
        worker.stdin.flush()


def witnessed(folder: Path) -> int:
    return int((folder / "repo.witness").read_text().split()[0])


def test_processes_that_append_at_once_never_fork_the_chain(store: Store, folder: Path) -> None:
    started = [workers.start("append", folder, 50, name) for name in "abc"]
    let_go(*started)
    seen = 0
    for _ in range(50):
        store.ledger.append("noted", "", {"by": "test"})
        assert witnessed(folder) >= seen
        seen = witnessed(folder)
    told = [[int(number) for number in workers.finish(worker)] for worker in started]
    entries = list(store.ledger.entries())
    assert len(entries) == 200
    for name, numbers in zip("abc", told, strict=True):
        mine = [entry for entry in entries if entry.data["by"] == name]
        assert [entry.number for entry in mine] == numbers
        assert [entry.data["index"] for entry in mine] == list(range(50))
    verification = store.ledger.verify()
    assert verification.ok
    assert verification.witnessed == 200


def test_every_contested_yes_has_exactly_one_winner(store: Store, folder: Path) -> None:
    with store.database.transaction():
        for number in range(200):
            tell(store.inbox, id_of(number), *JUDGED)
    names = ["terminal:ana", "discord:1", "http:2"]
    started = [workers.start("approve", folder, 200, name) for name in names]
    let_go(*started)
    won = {
        (int(number), name)
        for name, worker in zip(names, started, strict=True)
        for number in workers.finish(worker)
    }
    assert sorted(number for number, _ in won) == list(range(200))
    for number, name in won:
        approval = store.inbox.get(id_of(number)).approval
        assert approval
        assert approval.by == name
    assert {proposal.state for proposal in store.inbox.all()} == {State.APPROVED}
    assert sum(entry.kind == "approved" for entry in store.ledger.entries()) == 200
    assert store.ledger.verify().ok


@pytest.mark.host
def test_a_writer_killed_at_any_instant_loses_nothing_it_said(store: Store, folder: Path) -> None:
    told = 0
    for round_number in range(8):
        writer = workers.start("append", folder, 10_000, f"round {round_number}")
        let_go(writer)
        for _ in range(round_number * 3 + 1):
            told = int(workers.line(writer))
        writer.kill()
        assert writer.stdout
        rest = writer.stdout.read()  # `communicate` would pass over what was buffered for `line`
        writer.communicate()
        told = max([told, *(int(number) for number in rest.split("\n")[:-1])])
        verification = store.ledger.verify()
        assert verification.problems == ()
        # One more may be committed than was said: it was killed before it could say so.
        assert told <= verification.entries <= told + 1
        store.ledger.append("noted", "", {"by": "test"})
    assert store.ledger.verify().ok


def test_a_crash_between_commit_and_witness_is_no_tampering(store: Store, folder: Path) -> None:
    store.ledger.append("noted", "", {})
    for count in (2, 3):
        writer = workers.start("append", folder, 1, "a", MAI_CRASH_AT="ledger:committed")
        let_go(writer)
        writer.communicate(timeout=60)
        assert writer.returncode == -9
        verification = store.ledger.verify({"commit": store.ledger.head()})
        assert verification.problems == ()
        assert (verification.entries, verification.witnessed) == (count, 1)
    assert witnessed(folder) == 1
    store.ledger.append("noted", "", {})
    assert witnessed(folder) == 4


def test_a_crash_at_the_very_first_entry_is_no_tampering(folder: Path) -> None:
    writer = workers.start("append", folder, 1, "a", MAI_CRASH_AT="ledger:committed")
    let_go(writer)
    writer.communicate(timeout=60)
    store = Store.open(folder)
    assert store.ledger.verify().problems == ()
    assert store.ledger.verify().entries == 1
    store.database.close()
