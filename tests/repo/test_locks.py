from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mai.errors import GitError, RepoBusy
from mai.repo import Repo
from mai.repo.locks import WaitingLock
from tests.gitrepo import GitRepo

HOLDER = """
import sys
from pathlib import Path
from mai.repo import Repo
root, private_root, method, *arguments = sys.argv[1:]
with Repo.open(Path(root), Path(private_root)) as repo:
    with getattr(repo, method)(*arguments):
        print("held", flush=True)
        sys.stdin.read()
"""


def hold(theirs: GitRepo, private_root: Path, *what: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(theirs.root), str(private_root), *what],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_claim_is_held_alone_until_its_process_dies(
    theirs: GitRepo, private_root: Path, repo: Repo
) -> None:
    with hold(theirs, private_root, "claim", "abcd") as process:
        with pytest.raises(RepoBusy, match="abcd"), repo.claim("abcd"):
            pass
        with repo.claim("ef01"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with repo.claim("abcd"):
        pass
    assert list((repo.private / "claims").iterdir()) == []


def test_a_claim_is_refused_to_the_same_process_too(repo: Repo) -> None:
    with repo.claim("abcd"), pytest.raises(RepoBusy), repo.claim("abcd"):
        pass
    with repo.claim("abcd"):
        pass


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 65, "a\nb"])
def test_a_claim_needs_a_name(repo: Repo, name: str) -> None:
    with pytest.raises(GitError), repo.claim(name):
        pass


def test_the_landing_lock_waits_its_turn(theirs: GitRepo, private_root: Path, repo: Repo) -> None:
    got_it = threading.Event()

    def wait() -> None:
        with repo.landing_lock(), repo.landing_lock():  # the thread that has it may take it again
            got_it.set()

    with hold(theirs, private_root, "landing_lock") as process:
        waiter = threading.Thread(target=wait)
        waiter.start()
        impatient = WaitingLock(repo.private / "landing.lock", "landing", patience_s=0.05)
        with pytest.raises(RepoBusy, match="still landing"), impatient.held():
            pass
        assert not got_it.is_set()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert got_it.wait(60)
    waiter.join()


def test_many_claimants_never_share(repo: Repo) -> None:
    holders: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        for _ in range(300):
            try:
                with repo.claim("abcd"):
                    holders.append(number)
                    for _ in range(5):
                        os.sched_yield()  # the others' turn, between opening and locking as well
                        most.append(len(holders))
                    holders.remove(number)
            except RepoBusy:
                continue

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(most) == {1}
