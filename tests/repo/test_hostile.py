"""Nothing that a repository asks for is run. Every hostile setting would touch the canary."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mai.errors import GitError
from mai.jobs import NewFile
from mai.repo import Repo, execute
from tests.gitrepo import GitRepo
from tests.repo.landings import MAI, plan_of

HOOKS = """
    applypatch-msg commit-msg fsmonitor-watchman p4-changelist post-applypatch post-checkout
    post-commit post-index-change post-merge post-receive post-rewrite post-update pre-applypatch
    pre-auto-gc pre-commit pre-merge-commit pre-push pre-rebase pre-receive prepare-commit-msg
    proc-receive push-to-checkout reference-transaction sendemail-validate update
""".split()  # noqa: SIM905 - 25 quoted words read worse


@pytest.fixture
def canary(theirs: GitRepo) -> Path:
    """Arm the repository; the canary's file exists as soon as anything of it was run."""
    canary = theirs.root.parent / "canary"
    script = theirs.root.parent / "evil"
    script.write_text(f"#!/bin/sh\necho $0 $* >> '{canary}'\ncat\n")
    script.chmod(0o755)
    for folder in (theirs.root / ".git" / "hooks", theirs.root.parent / "hooks"):
        folder.mkdir(exist_ok=True)
        for hook in HOOKS:
            (folder / hook).unlink(missing_ok=True)
            (folder / hook).symlink_to(script)
    settings = f"""
[core]
    fsmonitor = {script}
    hooksPath = {theirs.root.parent / "hooks"}
    sshCommand = {script}
    pager = {script}
    editor = {script}
    askPass = {script}
    gitProxy = {script}
    alternateRefsCommand = {script}
[pager]
    diff-tree = {script}
    config = {script}
    for-each-ref = {script}
[diff]
    external = {script}
[diff "evil"]
    command = {script}
    textconv = {script}
[merge "evil"]
    driver = {script} %O %A %B
[filter "evil"]
    clean = {script}
    smudge = {script}
    required = true
[hook "evil"]
    command = {script}
    event = reference-transaction
    event = post-index-change
[gpg]
    program = {script}
[commit]
    gpgSign = true
[log]
    showSignature = true
[credential]
    helper = {script}
[uploadpack]
    packObjectsHook = {script}
[alias]
    update-ref = !{script}
    for-each-ref = !{script}
[trace2]
    eventTarget = {canary}
    normalTarget = {canary}
[protocol "ext"]
    allow = always
[remote "evil"]
    url = "ext::{script} %S"
    promisor = true
    partialCloneFilter = blob:none
[extensions]
    partialClone = evil
[core]
    repositoryFormatVersion = 1
"""
    evil = theirs.root.parent / "evil.config"
    evil.write_text(settings)
    with (theirs.root / ".git" / "config").open("a") as file:
        file.write(settings + f"[include]\n\tpath = {evil}\n")
    (theirs.root / ".git" / "info" / "attributes").write_text("* diff=evil merge=evil\n")
    return canary


def test_the_trap_works(theirs: GitRepo, canary: Path) -> None:
    theirs.git("update-ref", "refs/heads/x", "HEAD")
    assert "reference-transaction" in canary.read_text()


def test_nothing_of_it_runs(theirs: GitRepo, private_root: Path, canary: Path) -> None:
    before = theirs.root.joinpath(".git", "refs", "heads", "main").read_text().strip()
    attributes = NewFile(b"* merge=evil diff=evil\n")
    with Repo.open(theirs.root, private_root) as repo:
        assert repo.tip(repo.branch()) == before
        assert repo.identity() == ("Ana Author", "ana@example.org")
        changes = {"src/a.py": NewFile(b"evil = 1\n"), ".gitattributes": attributes}
        plan = plan_of(repo, changes)
        assert len(dict(repo.snapshot(before).read_many(["src/a.py", "src/b.py"]))) == 2
        assert "+evil = 1" in repo.diff(before, plan.tree)
        assert len(repo.changes(before, plan.tree)) == 2
        other = repo.write_tree(before, {"src/a.py": NewFile(b"good = 1\n"), "new": attributes})
        assert repo.merge(before, plan.tree, other) is None
        repo.keep("refs/mai/proposals/abcdef012345", plan.commit)
        landing = execute(repo, plan)
        assert not landing.is_beside, landing.note
        assert execute(repo, plan).commit == landing.commit
        assert repo.revert_tree(landing.commit, landing.commit) == repo.tree(before)
        assert [c.commit for c in repo.landed_trailers("main")] == [landing.commit]
    assert not canary.exists(), canary.read_text()
    assert (theirs.root / "src" / "a.py").read_bytes() == b"evil = 1\n"


def test_a_filtered_path_lands_beside_and_the_filter_does_not_run(
    theirs: GitRepo, private_root: Path, canary: Path
) -> None:
    (theirs.root / ".git" / "info" / "attributes").write_text("*.py filter=evil\n")
    with Repo.open(theirs.root, private_root) as repo:
        landing = execute(repo, plan_of(repo, {"src/a.py": NewFile(b"x\n")}))
        assert landing.is_beside
        assert "attribute filter" in landing.note
        other = execute(
            repo, plan_of(repo, {"README.md": NewFile(b"x\n")}, proposal_id="abcdef012346")
        )
        assert not other.is_beside
    assert not canary.exists(), canary.read_text()


def test_a_missing_object_is_not_fetched(theirs: GitRepo, private_root: Path, canary: Path) -> None:
    blob = theirs.root / ".git" / "objects"
    oid = subprocess.run(
        ["git", "hash-object", "--stdin"], input=b"c\n", capture_output=True, check=True
    ).stdout.decode()
    (blob / oid[:2] / oid[2:].strip()).unlink()
    with Repo.open(theirs.root, private_root) as repo:
        with pytest.raises(GitError, match="missing"):
            repo.snapshot(repo.tip("main")).read("src/deep/er/c.txt")
        tree = repo.write_tree(repo.tip("main"), {"d": NewFile(b"d\n")})
        commit = repo.commit(tree, [repo.tip("main")], "d", MAI)
        repo.keep("refs/mai/proposals/abcd", commit)
    assert not canary.exists(), canary.read_text()


def test_a_replaced_object_is_not_believed(theirs: GitRepo, private_root: Path) -> None:
    tip = theirs.head()
    other = theirs.commit({"src/a.py": "replaced\n"})
    theirs.git("reset", "--quiet", "--hard", tip)
    theirs.git("replace", tip, other)
    with Repo.open(theirs.root, private_root) as repo:
        assert repo.snapshot(tip).read("src/a.py") == b"def a():\n    return 1\n"


def test_no_child_is_left(theirs: GitRepo, private_root: Path) -> None:
    repo = Repo.open(theirs.root, private_root)
    repo.snapshot(repo.tip("main")).read("src/a.py")
    process = repo.objects._process
    assert process is not None
    repo.close()
    assert process.returncode is not None
    forgotten = Repo.open(theirs.root, private_root)
    process = forgotten.objects._process
    assert process is not None
    del forgotten
    assert process.returncode is not None
