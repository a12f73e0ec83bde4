"""Killed at every point of a landing, finished by another process, with nothing lost or doubled."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mai.errors import RepoBusy
from mai.jobs import NewFile
from mai.repo import LandingPlan, Repo, execute
from tests.gitrepo import GitRepo
from tests.repo.landings import LINK, SCRIPT, has_no_leftovers, is_clean, plan_of

CHANGES: dict[str, NewFile | None] = {
    "src/a.py": NewFile(b"def a():\n    return 3\n"),
    "src/b.py": None,
    "src/deep/er/c.txt": None,
    "src/deep": NewFile(b"now a file\n"),
    "new/x.sh": NewFile(b"#!/bin/sh\n", SCRIPT),
    "link": NewFile(b"src/a.py", LINK),
}
WORKER = """
import json, sys
from pathlib import Path
from mai.errors import Conflict, RepoBusy
from mai.repo import LandingPlan, Repo, execute
root, private_root, plan = sys.argv[1:]
with Repo.open(Path(root), Path(private_root)) as repo:
    try:
        landing = execute(repo, LandingPlan.from_json(json.loads(plan)))
    except Conflict:
        print("conflict")
    else:
        print("beside" if landing.is_beside else "landed", landing.commit)
"""
POINTS = ["prepared", "index-locked", "ref-moved", "file-written", "files-written", "index-written"]


def start(
    theirs: GitRepo, private_root: Path, plan: LandingPlan, at: str = ""
) -> subprocess.Popen[str]:
    package = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": package, "MAI_CRASH_AT": at}
    arguments = [str(theirs.root), str(private_root), json.dumps(plan.as_json())]
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def crash(theirs: GitRepo, private_root: Path, plan: LandingPlan, at: str) -> None:
    process = start(theirs, private_root, plan, at)
    _, error = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, error


def finish(theirs: GitRepo, private_root: Path, plan: LandingPlan) -> str:
    process = start(theirs, private_root, plan)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    return output.strip()


@pytest.fixture
def plan(theirs: GitRepo, private_root: Path) -> Iterator[LandingPlan]:
    with Repo.open(theirs.root, private_root) as repo:
        yield plan_of(repo, CHANGES)


def files(theirs: GitRepo) -> set[str]:
    listed = theirs.root.rglob("*")
    paths = {str(path.relative_to(theirs.root)) for path in listed if not path.is_dir()}
    return {path for path in paths if not path.startswith(".git/")}


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_finished(
    theirs: GitRepo, private_root: Path, plan: LandingPlan, repo: Repo, point: str
) -> None:
    theirs.write({"README.md": "the user's own\n", "untracked": "u\n"})
    theirs.git("add", "README.md")
    before = theirs.git("status", "--porcelain")
    crash(theirs, private_root, plan, f"landing:{point}")
    assert finish(theirs, private_root, plan) == f"landed {plan.commit}"
    assert theirs.head() == plan.commit
    assert theirs.git("rev-list", "--count", "HEAD") == "2"
    assert theirs.git("status", "--porcelain") == before
    assert theirs.git("diff-files") == ""
    assert files(theirs) == set(theirs.git("ls-files", "-z").split("\0")[:-1]) | {"untracked"}
    for path, new in CHANGES.items():
        if new is not None and new.mode != LINK:
            assert (theirs.root / path).read_bytes() == new.data
    assert (theirs.root / "link").readlink() == Path("src/a.py")
    assert has_no_leftovers(theirs, repo)
    theirs.git("fsck", "--strict")
    assert finish(theirs, private_root, plan) == f"landed {plan.commit}"


@pytest.mark.parametrize(("first", "second"), list(itertools.product(POINTS, POINTS[2:])))
def test_killed_twice(
    theirs: GitRepo, private_root: Path, plan: LandingPlan, first: str, second: str
) -> None:
    crash(theirs, private_root, plan, f"landing:{first}")
    process = start(theirs, private_root, plan, f"landing:{second}")
    process.communicate(timeout=60)
    assert finish(theirs, private_root, plan) == f"landed {plan.commit}"
    assert is_clean(theirs)
    assert theirs.git("rev-list", "--count", "HEAD") == "2"


def test_killed_while_landing_beside(
    theirs: GitRepo, private_root: Path, plan: LandingPlan
) -> None:
    theirs.write({"src/a.py": "mine\n"})
    crash(theirs, private_root, plan, "landing:ref-moved")
    # The user tidies up meanwhile: it must not land a second time on the branch.
    theirs.git("checkout", "--quiet", "--", "src/a.py")
    assert finish(theirs, private_root, plan) == f"beside {plan.commit}"
    assert theirs.git("rev-parse", "main") == plan.old_tip


@pytest.mark.parametrize("point", POINTS[2:5])
def test_what_the_user_did_after_the_crash_stays(
    theirs: GitRepo, private_root: Path, plan: LandingPlan, point: str
) -> None:
    crash(theirs, private_root, plan, f"landing:{point}")
    (theirs.root / ".git/index.lock").unlink()  # what git tells people to do
    theirs.write({"src/a.py": "edited since\n"})
    assert finish(theirs, private_root, plan) == f"landed {plan.commit}"
    assert (theirs.root / "src/a.py").read_bytes() == b"edited since\n"
    assert theirs.git("status", "--porcelain") == " M src/a.py"


def test_a_commit_on_top_after_the_crash_is_not_undone(
    theirs: GitRepo, private_root: Path, plan: LandingPlan
) -> None:
    crash(theirs, private_root, plan, "landing:ref-moved")
    (theirs.root / ".git/index.lock").unlink()
    theirs.git("commit", "--quiet", "-m", "takes it back, as the index still had the old")
    tip = theirs.head()
    assert finish(theirs, private_root, plan) == f"landed {plan.commit}"
    assert theirs.head() == tip
    assert is_clean(theirs)
    assert (theirs.root / "src/b.py").exists()


def test_reset_away_after_the_crash(theirs: GitRepo, private_root: Path, plan: LandingPlan) -> None:
    crash(theirs, private_root, plan, "landing:file-written")
    (theirs.root / ".git/index.lock").unlink()
    theirs.git("reset", "--quiet", "--hard", plan.old_tip)
    theirs.git("clean", "--quiet", "-fd")
    assert finish(theirs, private_root, plan) == f"landed {plan.commit}"
    assert theirs.head() == plan.old_tip
    assert is_clean(theirs)


def test_on_another_branch_after_the_crash(
    theirs: GitRepo, private_root: Path, plan: LandingPlan
) -> None:
    crash(theirs, private_root, plan, "landing:ref-moved")
    (theirs.root / ".git/index.lock").unlink()
    theirs.git("branch", "other", plan.old_tip)
    theirs.git("symbolic-ref", "HEAD", "refs/heads/other")
    before = theirs.git("ls-files", "--stage")
    assert finish(theirs, private_root, plan) == f"landed {plan.commit}"
    assert theirs.git("ls-files", "--stage") == before
    assert (theirs.root / "src/b.py").exists()


def test_somebody_elses_lock_is_never_removed(
    theirs: GitRepo, private_root: Path, plan: LandingPlan, repo: Repo
) -> None:
    crash(theirs, private_root, plan, "landing:index-locked")
    lock = theirs.root / ".git/index.lock"
    content = lock.read_bytes()
    lock.unlink()
    lock.write_bytes(b"")
    with pytest.raises(RepoBusy):
        execute(repo, plan)
    assert lock.read_bytes() == b""
    # Not even one that says what ours said: it is another file.
    keep = lock.with_name("keep-the-inode-taken")
    lock.rename(keep)
    lock.write_bytes(content)
    with pytest.raises(RepoBusy):
        execute(repo, plan)
    lock.unlink()
    execute(repo, plan)
    assert theirs.git("rev-parse", "main") == plan.commit


def test_two_processes_one_lands(theirs: GitRepo, private_root: Path, repo: Repo) -> None:
    plans = [
        plan_of(repo, {f"n{number}": NewFile(b"n\n")}, proposal_id=f"aaaa{number}")
        for number in range(4)
    ]
    running = [start(theirs, private_root, plan) for plan in plans]
    results = [process.communicate(timeout=120) for process in running]
    words = sorted(output.split()[0] if output else error for output, error in results)
    assert words == ["conflict", "conflict", "conflict", "landed"]
    assert theirs.git("rev-list", "--count", "main") == "2"
    assert is_clean(theirs)


def test_one_plan_in_two_processes_lands_once(
    theirs: GitRepo, private_root: Path, plan: LandingPlan
) -> None:
    running = [start(theirs, private_root, plan) for _ in range(3)]
    results = [process.communicate(timeout=120) for process in running]
    assert [output.strip() for output, _ in results] == [f"landed {plan.commit}"] * 3
    assert theirs.git("rev-list", "--count", "main") == "2"
    assert theirs.git("reflog", "main").count("mai: land") == 1
    assert is_clean(theirs)
