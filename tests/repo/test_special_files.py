"""A git directory with links that lead out of it, FIFOs or sockets is refused, untouched."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from mai.errors import EditError, SettingsError, UnsuitableRepo
from mai.jobs import NewFile
from mai.repo import Repo, execute
from mai.repo_policy import RepoPolicy
from tests.gitrepo import GitRepo
from tests.repo.landings import plan_of

LINKED = [
    "HEAD",
    "config",
    "index",
    "packed-refs",
    "shallow",
    "ORIG_HEAD",
    "info/attributes",
    "logs/HEAD",
    "logs/refs/heads/main",
    "objects/00",
    "objects/info/alternates",
    "objects/pack/multi-pack-index",
    "refs/heads/main",
    "refs/mai",
    "refs",
    "objects",
    "logs",
    "worktrees",
    "never-heard-of",
]


def everything_in(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", LINKED)
@pytest.mark.parametrize("target", ["moved", "missing"])
def test_a_link_out_of_the_git_folder_is_refused(
    theirs: GitRepo, private_root: Path, name: str, target: str
) -> None:
    place = theirs.root / ".git" / name
    outside = theirs.root.parent / "outside"
    outside.mkdir()
    if target == "moved" and place.exists():
        shutil.move(place, outside / "it")
    elif place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside / "it")
    before = everything_in(theirs.root), everything_in(outside)
    with pytest.raises(UnsuitableRepo) as caught:
        Repo.open(theirs.root, private_root)
    assert "\n" not in str(caught.value)
    # Without HEAD, refs or objects of its own it may be taken for no repository at all.
    assert "link" in str(caught.value) or target == "missing"
    assert (everything_in(theirs.root), everything_in(outside)) == before
    assert not private_root.exists()


@pytest.mark.parametrize(
    "name", ["packed-refs", "shallow", "config", "objects/info/commit-graph", "logs/HEAD", "x/y"]
)
@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_what_is_no_file_is_refused_unread(
    theirs: GitRepo, private_root: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = theirs.root / ".git" / name
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(place)
    else:
        monkeypatch.chdir(place.parent)  # a socket's address has at most 108 bytes
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(place.name)
    with pytest.raises(UnsuitableRepo, match="FIFO"):
        Repo.open(theirs.root, private_root)


def test_links_that_lead_nowhere_else_and_hooks_are_no_matter(
    theirs: GitRepo, private_root: Path
) -> None:
    git_dir = theirs.root / ".git"
    head = git_dir / "HEAD"
    head.unlink()
    head.symlink_to("refs/heads/main")
    hooks = git_dir / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-commit").unlink(missing_ok=True)
    (hooks / "pre-commit").symlink_to(theirs.root / "run.sh")
    with Repo.open(theirs.root, private_root) as repo:
        assert repo.branch() == "main"


def test_a_linked_work_tree_is_judged_with_its_common_folder(
    theirs: GitRepo, private_root: Path
) -> None:
    beside = theirs.root.parent / "beside"
    theirs.git("worktree", "add", "-q", "-b", "other", str(beside))
    with Repo.open(beside, private_root):
        pass
    log = theirs.root / ".git" / "logs" / "HEAD"
    log.unlink()
    log.symlink_to(theirs.root.parent / "elsewhere")
    with pytest.raises(UnsuitableRepo, match="leads out"):
        Repo.open(beside, private_root)


def test_a_link_made_after_opening_stops_the_landing(repo: Repo, theirs: GitRepo) -> None:
    plan = plan_of(repo, {"src/a.py": NewFile(b"changed\n")})
    victim = theirs.root.parent / "bashrc"
    victim.write_text("# mine\n")
    log = theirs.root / ".git" / "logs" / "HEAD"
    log.unlink()
    log.symlink_to(victim)
    with pytest.raises(UnsuitableRepo, match="leads out"):
        execute(repo, plan)
    assert victim.read_text() == "# mine\n"
    assert theirs.head() == plan.old_tip


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "x = " + "{a=" * 5000, "[" * 5000])
def test_a_policy_nested_too_deep_is_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RepoPolicy.read(text.encode())
    assert "\n" not in str(caught.value)


def nested(theirs: GitRepo, levels: int, width: int) -> None:
    """Commit a tree of `levels` folders in each other, each named `width` times."""
    blob = theirs.git("hash-object", "-w", "--stdin", data=b"x\n")
    tree = theirs.git("mktree", data=f"100644 blob {blob}\ta.py\n".encode())
    for _ in range(levels):
        lines = "".join(f"040000 tree {tree}\td{number}\n" for number in range(width))
        tree = theirs.git("mktree", data=lines.encode())
    theirs.git("update-ref", "refs/heads/main", theirs.git("commit-tree", tree, "-m", "Nest"))


@pytest.mark.parametrize("shape", [(201, 1, "folders"), (9, 10, "too many")])
def test_a_tree_without_end_is_refused(
    theirs: GitRepo,
    private_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    shape: tuple[int, int, str],
) -> None:
    levels, width, word = shape
    nested(theirs, levels, width)
    monkeypatch.setattr("mai.repo.objects.LARGEST_LISTING_BYTES", 1024 * 1024)
    with (
        Repo.open(theirs.root, private_root) as repo,
        pytest.raises(UnsuitableRepo, match=word) as caught,
    ):
        repo.snapshot(repo.tip("main")).paths()
    assert len(str(caught.value)) < 200


def test_a_change_cannot_make_a_deeper_path_than_mai_reads(repo: Repo) -> None:
    with pytest.raises(EditError, match="more than 200 folders"):
        repo.write_tree(repo.tip("main"), {"d/" * 201 + "a.py": NewFile(b"")})
