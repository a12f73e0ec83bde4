from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mai.errors import Conflict, EditError, GitError, RepoBusy
from mai.jobs import NewFile
from mai.repo import LandingPlan, Repo, execute, prepare
from tests.gitrepo import GitRepo, make_repo
from tests.repo.landings import AT, LINK, MAI, SCRIPT, has_no_leftovers, is_clean, plan_of

CHANGES: dict[str, NewFile | None] = {
    "src/a.py": NewFile(b"def a():\n    return 3\n"),
    "src/deep/er/c.txt": None,
    "src/new/er/d.txt": NewFile(b"d\n"),
    "data.bin": NewFile(bytes(reversed(range(256)))),
    "link": NewFile(b"src/a.py", LINK),
    "run.sh": NewFile(b"#!/bin/sh\n"),
    "go.sh": NewFile(b"#!/bin/sh\necho\n", SCRIPT),
    "naïve name.txt": NewFile("ü!\n".encode()),
}


def status(theirs: GitRepo) -> str:
    return theirs.git("status", "--porcelain=v2", "--ignored", "--untracked-files=all")


def test_a_clean_branch_gets_the_commit_and_its_files(theirs: GitRepo, repo: Repo) -> None:
    old = theirs.head()
    plan = plan_of(repo, CHANGES)
    assert theirs.head() == old
    landing = execute(repo, plan)
    assert (landing.commit, landing.branch, landing.is_beside) == (plan.commit, "main", False)
    assert landing.note == ""
    assert landing.at == AT.isoformat(timespec="seconds")
    assert theirs.head() == plan.commit
    assert is_clean(theirs)
    assert has_no_leftovers(theirs, repo)
    assert (theirs.root / "src/a.py").read_bytes() == b"def a():\n    return 3\n"
    assert not (theirs.root / "src/deep").exists()
    assert (theirs.root / "link").readlink() == Path("src/a.py")
    assert os.access(theirs.root / "go.sh", os.X_OK)
    assert not (theirs.root / "run.sh").stat().st_mode & 0o111
    assert theirs.git("log", "-1", "--format=%P|%an <%ae>|%cn <%ce>|%aI") == (
        f"{old}|Mai (scripted) <mai@localhost>|Ana Author <ana@example.org>|{AT.isoformat()}"
    )
    theirs.git("fsck", "--strict")


def test_both_reflogs_say_so(theirs: GitRepo, repo: Repo) -> None:
    execute(repo, plan_of(repo, CHANGES))
    for ref in ("HEAD", "main"):
        assert theirs.git("reflog", "-1", "--format=%gs", ref) == "mai: land abcdef012345"


def test_a_plan_survives_its_journey(theirs: GitRepo, repo: Repo) -> None:
    plan = plan_of(repo, CHANGES)
    assert LandingPlan.from_json(plan.as_json()) == plan
    for name, value in [
        ("raw", "rubbish"),
        ("raw", plan.raw.replace(plan.tree, plan.old_tip)),
        ("old_tip", plan.tree),
        ("proposal_id", "../x"),
        ("commit", "--help"),
    ]:
        with pytest.raises(GitError):
            LandingPlan.from_json({**plan.as_json(), name: value})
    with pytest.raises(GitError):
        LandingPlan.from_json({"commit": plan.commit})


def test_a_commit_that_does_not_come_from_its_text_is_refused(theirs: GitRepo, repo: Repo) -> None:
    plan = plan_of(repo, CHANGES).as_json()
    forged = LandingPlan.from_json({**plan, "commit": "0" * 40})
    with pytest.raises(GitError, match="cannot be made again"):
        execute(repo, forged)


def test_again_changes_nothing(theirs: GitRepo, repo: Repo) -> None:
    plan = plan_of(repo, CHANGES)
    first = execute(repo, plan)
    theirs.write({"src/a.py": "def a():\n    return 1\n"})  # back to the old bytes, on purpose
    theirs.git("add", "src/a.py")
    before = status(theirs)
    assert execute(repo, plan) == first
    assert status(theirs) == before
    assert theirs.git("rev-list", "--count", "main") == "2"


def test_reset_away_still_counts_as_landed(theirs: GitRepo, repo: Repo) -> None:
    old = theirs.head()
    plan = plan_of(repo, CHANGES)
    execute(repo, plan)
    theirs.git("reset", "--quiet", "--hard", old)
    assert execute(repo, plan).commit == plan.commit
    assert theirs.head() == old
    assert status(theirs) == ""


def test_other_work_stays_as_it_is(theirs: GitRepo, repo: Repo) -> None:
    theirs.write({"src/b.py": "staged\n", "added": "staged\n"})
    theirs.git("add", "src/b.py", "added")
    theirs.write({"src/b.py": "edited after\n", "README.md": "edited\n", "untracked": "u\n"})
    theirs.write({".git/info/exclude": "ignored\n", "ignored": "i\n"})
    theirs.git("rm", "--quiet", "--cached", "src/deep/er/c.txt")
    theirs.write({"planned": "p\n"})
    theirs.git("add", "--intent-to-add", "planned")
    before = status(theirs)
    staged = theirs.git("diff", "--cached")
    files = {
        p: p.read_bytes() for p in theirs.root.rglob("*") if p.is_file() and ".git/" not in str(p)
    }
    landing = execute(repo, plan_of(repo, {"src/a.py": NewFile(b"3\n"), "n": NewFile(b"n\n")}))
    assert not landing.is_beside, landing.note
    assert status(theirs) == before
    assert theirs.git("diff", "--cached") == staged
    files[theirs.root / "src/a.py"] = b"3\n"
    files[theirs.root / "n"] = b"n\n"
    assert files == {
        p: p.read_bytes() for p in theirs.root.rglob("*") if p.is_file() and ".git/" not in str(p)
    }


def test_a_conflict_elsewhere_stays(theirs: GitRepo, repo: Repo) -> None:
    blob = theirs.git("hash-object", "-w", "--stdin", data=b"side\n")
    lines = "".join(f"100644 {blob} {stage}\tsrc/b.py\n" for stage in (1, 2, 3))
    theirs.git("update-index", "--index-info", data=f"0 {'0' * 40}\tsrc/b.py\n{lines}".encode())
    before = theirs.git("ls-files", "--unmerged")
    assert len(before.splitlines()) == 3
    assert not execute(repo, plan_of(repo, {"src/a.py": NewFile(b"3\n")})).is_beside
    assert theirs.git("ls-files", "--unmerged") == before


def edit(name: str, text: str = "theirs\n") -> Callable[[GitRepo], None]:
    return lambda theirs: theirs.write({name: text})


def stage(name: str) -> Callable[[GitRepo], None]:
    def act(theirs: GitRepo) -> None:
        original = (theirs.root / name).read_bytes() if (theirs.root / name).exists() else None
        theirs.write({name: "staged\n"})
        theirs.git("add", name)
        theirs.write({name: original})

    return act


def run(*arguments: str) -> Callable[[GitRepo], None]:
    def act(theirs: GitRepo) -> None:
        theirs.git(*arguments)

    return act


def swap_for_link(theirs: GitRepo) -> None:
    outside = theirs.root.parent / "outside"
    (theirs.root / "src").rename(outside)
    (theirs.root / "src").symlink_to(outside)


def make_executable(theirs: GitRepo) -> None:
    (theirs.root / "src/a.py").chmod(0o755)


def make_fifo(theirs: GitRepo) -> None:
    os.mkfifo(theirs.root / "n")


def nest(theirs: GitRepo) -> None:
    make_repo(theirs.root / "vendor")


def ignore(theirs: GitRepo) -> None:
    theirs.write({".git/info/exclude": "n\n", "n": "ignored\n"})


def split(theirs: GitRepo) -> None:
    theirs.git("update-index", "--split-index")


A, N = {"src/a.py": NewFile(b"3\n")}, {"n": NewFile(b"n\n")}


@pytest.mark.parametrize(
    ("act", "changes", "words"),
    [
        (edit("src/a.py"), A, "src/a.py has changes"),
        (edit("src/a.py", "def a():\n    return 7\n"), A, "src/a.py has changes"),
        (make_executable, A, "src/a.py has changes"),
        (stage("src/a.py"), A, "src/a.py has staged"),
        (run("rm", "-q", "--cached", "src/a.py"), A, "not in the index"),
        (run("update-index", "--assume-unchanged", "src/a.py"), A, "flag"),
        (run("update-index", "--skip-worktree", "src/a.py"), A, "flag"),
        (edit("src/a.py"), {"src/a.py": None}, "src/a.py has changes"),
        (swap_for_link, A, "a link or a file"),
        (swap_for_link, {"src/n": NewFile(b"n\n")}, "a link or a file"),
        (edit("n"), N, "untracked"),
        (ignore, N, "untracked"),
        (make_fifo, N, "untracked"),
        (stage("n"), N, "staged"),
        (edit("n/inside"), N, "n/inside is in the way"),
        (stage("n/inside"), N, "n/inside is staged"),
        (edit("n"), {"n/inside": NewFile(b"n\n")}, "a link or a file"),
        (stage("n"), {"n/inside": NewFile(b"n\n")}, "n is staged"),
        (
            edit("src/deep/er/mine"),
            {"src/deep/er/c.txt": None, "src/deep": NewFile(b"now a file\n")},
            "src/deep/er/mine is in the way",
        ),
        (nest, {"vendor/x": NewFile(b"x\n")}, "another repository"),
        (split, A, "split"),
        (run("config", "core.symlinks", "false"), {"s": NewFile(b"n", LINK)}, "core.symlinks"),
        (run("config", "core.sparseCheckout", "true"), N, "sparse"),
        (edit(".git/MERGE_HEAD", "0" * 40), N, "a merge is under way"),
        (edit(".git/rebase-merge/head-name", "refs/heads/main\n"), N, "rebase"),
    ],
)
def test_whatever_is_in_the_way_makes_it_land_beside(
    theirs: GitRepo,
    repo: Repo,
    act: Callable[[GitRepo], None],
    changes: dict[str, NewFile | None],
    words: str,
) -> None:
    old = theirs.head()
    plan = plan_of(repo, changes)
    act(theirs)
    before = status(theirs)
    index = (theirs.root / ".git/index").read_bytes()
    landing = execute(repo, plan)
    assert landing.is_beside
    assert words in landing.note
    assert landing.branch == "mai-abcdef012345"
    assert theirs.git("rev-parse", "mai-abcdef012345") == plan.commit
    assert theirs.git("rev-parse", "main") == old
    assert (theirs.root / ".git/index").read_bytes() == index
    assert status(theirs) == before
    assert has_no_leftovers(theirs, repo)
    again = execute(repo, plan)
    assert (again.is_beside, again.branch, again.commit) == (True, landing.branch, plan.commit)


def test_a_taken_name_beside(theirs: GitRepo, repo: Repo) -> None:
    theirs.git("branch", "mai-abcdef012345")
    plan = plan_of(repo, A)
    theirs.write({"src/a.py": "mine\n"})
    assert execute(repo, plan).branch == "mai-abcdef012345-2"
    assert execute(repo, plan).branch == "mai-abcdef012345-2"


def test_file_modes_off_means_modes_say_nothing(theirs: GitRepo, private_root: Path) -> None:
    theirs.git("config", "core.fileMode", "false")
    (theirs.root / "src/a.py").chmod(0o755)
    with Repo.open(theirs.root, private_root) as repo:
        assert not execute(repo, plan_of(repo, A)).is_beside
        assert theirs.git("status", "--porcelain") == ""


def test_files_and_folders_take_each_others_place(theirs: GitRepo, repo: Repo) -> None:
    changes: dict[str, NewFile | None] = {
        "src/deep/er/c.txt": None,
        "src/deep": NewFile(b"now a file\n"),
        "README.md": None,
        "README.md/part": NewFile(b"now a folder\n"),
        "link": None,
        "link/x": NewFile(b"was a link\n"),
    }
    assert not execute(repo, plan_of(repo, changes)).is_beside
    assert is_clean(theirs)
    assert (theirs.root / "README.md/part").read_bytes() == b"now a folder\n"


def test_a_branch_that_is_not_checked_out_only_moves(theirs: GitRepo, repo: Repo) -> None:
    theirs.git("checkout", "--quiet", "-b", "other")
    theirs.write({"src/a.py": "edited\n"})
    before = status(theirs)
    plan = plan_of(repo, A)
    landing = execute(repo, plan)
    assert not landing.is_beside
    assert theirs.git("rev-parse", "main") == plan.commit
    assert status(theirs) == before


def test_a_branch_in_another_work_tree_stays(tmp_path: Path, theirs: GitRepo, repo: Repo) -> None:
    theirs.git("checkout", "--quiet", "-b", "other")
    theirs.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "main")
    landing = execute(repo, plan_of(repo, A))
    assert landing.is_beside
    assert "another work tree" in landing.note


def test_landing_in_a_linked_work_tree(tmp_path: Path, theirs: GitRepo, private_root: Path) -> None:
    theirs.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    linked = GitRepo(tmp_path / "linked")
    with Repo.open(linked.root, private_root) as repo:
        plan = plan_of(repo, CHANGES, branch="other")
        assert not execute(repo, plan).is_beside
        assert is_clean(linked)
        assert linked.git("reflog", "-1", "--format=%gs", "HEAD") == "mai: land abcdef012345"
        beside = plan_of(repo, A, branch="main", proposal_id="bbbbbbbbbbbb")
        assert execute(repo, beside).is_beside  # the main work tree has it
    assert is_clean(theirs)


@pytest.mark.parametrize("options", [["--object-format=sha256"], []])
@pytest.mark.parametrize("version", ["2", "4"])
def test_every_kind_of_index(
    tmp_path: Path, private_root: Path, options: list[str], version: str
) -> None:
    theirs = make_repo(tmp_path / "r", None, *options)
    theirs.git("config", "index.version", version)
    names = ["a", "ab", "abc" * 50, "b/" + "c" * 200, "b/d/e", "ü", "z" * 255]
    theirs.commit({name: name + "\n" for name in names})
    theirs.git("update-index", "--skip-worktree", "ab")  # makes a version 2 index a version 3
    with Repo.open(theirs.root, private_root) as repo:
        changes = {name: NewFile(b"new\n") for name in names if name != "ab"}
        assert not execute(repo, plan_of(repo, {**changes, "b/d/f": NewFile(b"")})).is_beside
    assert is_clean(theirs)
    assert theirs.git("ls-files", "-t", "ab") == "S ab"


def test_a_damaged_index_is_a_sentence(theirs: GitRepo, repo: Repo) -> None:
    old = theirs.head()
    plan = plan_of(repo, A)
    index = theirs.root / ".git/index"
    index.write_bytes(index.read_bytes()[:100])
    with pytest.raises(GitError, match="index is damaged"):
        execute(repo, plan)
    assert theirs.git("rev-parse", "main") == old
    assert has_no_leftovers(theirs, repo)


def test_an_edit_in_the_same_tick_as_the_index_stays_visible(theirs: GitRepo, repo: Repo) -> None:
    """A file edited right after `git add`, to the same length, only looks clean by its numbers."""
    index, path = theirs.root / ".git/index", theirs.root / "src/b.py"
    theirs.git("config", "core.trustctime", "false")  # a test cannot set the ctime back
    then = (1_000_000_000_000_000_000, 1_000_000_000_000_000_000)
    os.utime(path, ns=then)
    theirs.git("update-index", "--refresh")
    path.write_bytes(path.read_bytes().replace(b"2", b"9"))
    os.utime(path, ns=then)
    os.utime(index, ns=then)
    look = ("--no-optional-locks", "status", "--porcelain")
    assert theirs.git(*look) == " M src/b.py"
    assert not execute(repo, plan_of(repo, A)).is_beside
    assert theirs.git(*look) == " M src/b.py"


def test_a_moved_branch_is_a_conflict(theirs: GitRepo, repo: Repo) -> None:
    plan = plan_of(repo, A)
    tip = theirs.commit({"other": "1\n"})
    with pytest.raises(Conflict, match="moved"):
        execute(repo, plan)
    assert theirs.head() == tip
    assert status(theirs) == ""
    theirs.git("checkout", "--quiet", "-b", "else")
    theirs.git("branch", "-D", "main")
    with pytest.raises(Conflict, match="gone"):
        execute(repo, plan)


@pytest.mark.parametrize("lock", ["index.lock", "refs/heads/main.lock", "HEAD.lock"])
def test_a_lock_of_another_git_is_respected(theirs: GitRepo, repo: Repo, lock: str) -> None:
    plan = plan_of(repo, A)
    old = theirs.head()
    path = theirs.root / ".git" / lock
    path.write_bytes(b"")
    if lock == "HEAD.lock":  # only what moves HEAD itself needs it
        execute(repo, plan)
    else:
        with pytest.raises(RepoBusy):
            execute(repo, plan)
        assert theirs.git("rev-parse", "main") == old
        assert status(theirs) == ""
    assert path.exists()
    path.unlink()
    execute(repo, plan)
    assert is_clean(theirs)


def test_nothing_to_land_and_bad_plans(theirs: GitRepo, repo: Repo) -> None:
    with pytest.raises(EditError, match="nothing to land"):
        plan_of(repo, {})
    with pytest.raises(GitError, match="not the id"):
        plan_of(repo, A, proposal_id="../../x")


def test_a_submodule_is_left_alone(theirs: GitRepo, repo: Repo) -> None:
    tip = theirs.head()
    theirs.git("update-index", "--add", "--cacheinfo", f"160000,{tip},sub")
    tree = theirs.git("write-tree")
    theirs.git("reset", "--quiet")
    with pytest.raises(EditError, match="submodule"):
        prepare(
            repo,
            proposal_id="abcd",
            branch="main",
            tip=tip,
            tree=tree,
            message="m",
            author=MAI,
            at=AT,
        )
    theirs.git("update-index", "--add", "--cacheinfo", f"160000,{tip},sub")
    theirs.git("commit", "--quiet", "-m", "sub")
    plan = plan_of(repo, A)
    execute(repo, plan)
    assert theirs.git("ls-tree", "HEAD", "sub").startswith("160000")
    with pytest.raises(EditError, match="submodule"):
        repo.write_tree(theirs.head(), {"sub": NewFile(b"")})


def test_a_commit_collected_as_garbage_is_made_again(theirs: GitRepo, repo: Repo) -> None:
    plan = plan_of(repo, CHANGES)
    theirs.git("gc", "--quiet", "--prune=now")
    assert not execute(repo, plan).is_beside
    theirs.git("fsck", "--strict")
    assert is_clean(theirs)


def test_objects_that_cannot_be_written_are_a_sentence(theirs: GitRepo, repo: Repo) -> None:
    plan = plan_of(repo, A)
    objects = theirs.root / ".git" / "objects"
    theirs.git("gc", "--quiet", "--prune=now")
    pack = objects / plan.commit[:2]
    pack.write_bytes(b"a file where git wants a folder")
    with pytest.raises(GitError) as caught:
        execute(repo, plan)
    assert "\n" not in str(caught.value)
    pack.unlink()
    assert execute(repo, plan).commit == plan.commit


def test_a_branch_that_moves_at_the_last_instant(theirs: GitRepo, repo: Repo) -> None:
    tip = repo.tip("main")
    other = repo.commit(repo.tree(tip), [tip], "other", MAI)
    repo.keep("refs/mai/proposals/abcd", other)
    with pytest.raises(Conflict, match="moved meanwhile"):
        repo.refs.move("refs/heads/main", other, other, "mai: land x", MAI)
    with pytest.raises(Conflict):
        repo.refs.move("refs/heads/main", other, None, "mai: land x", MAI)
    assert theirs.head() == tip


def test_attributes_of_the_tree_itself(theirs: GitRepo, private_root: Path) -> None:
    theirs.commit({".gitattributes": "*.big filter=lfs\n* text=auto\n", "a.big": "pointer\n"})
    with Repo.open(theirs.root, private_root) as repo:
        plain = plan_of(repo, {"src/a.py": NewFile(b"3\n")})
        assert not execute(repo, plain).is_beside
        big = plan_of(repo, {"b.big": NewFile(b"b\n")}, proposal_id="bbbb")
        assert "b.big has the attribute filter" in execute(repo, big).note
        rule = {".gitattributes": NewFile(b"*.txt working-tree-encoding=UTF-16\n")}
        new = plan_of(repo, {**rule, "n.txt": NewFile(b"n\n")}, proposal_id="cccc")
        assert not execute(repo, new).is_beside
        assert (theirs.root / "n.txt").read_bytes() == "n\n".encode("utf-16")
        gone = plan_of(repo, {"a.big": None}, proposal_id="dddd")
        assert not execute(repo, gone).is_beside


def test_a_merge_under_way_elsewhere_is_in_nobodys_way(theirs: GitRepo, repo: Repo) -> None:
    theirs.git("checkout", "--quiet", "-b", "other")
    theirs.write({".git/MERGE_HEAD": theirs.head()})
    assert not execute(repo, plan_of(repo, A)).is_beside


def test_a_file_system_without_hard_links(
    theirs: GitRepo, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_paths: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    plan = plan_of(repo, CHANGES)
    lock = theirs.root / ".git/index.lock"
    lock.write_bytes(b"")
    with pytest.raises(RepoBusy):
        execute(repo, plan)
    assert lock.read_bytes() == b""
    lock.unlink()
    assert not execute(repo, plan).is_beside
    assert is_clean(theirs)
    assert has_no_leftovers(theirs, repo)


@pytest.fixture
def other_device(tmp_path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mai-test-", dir="/dev/shm") as folder:
        if Path(folder).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("needs two devices")
        yield Path(folder)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second device")  # noqa: S108 - likewise
def test_git_folder_on_another_device(
    tmp_path: Path, other_device: Path, private_root: Path
) -> None:
    theirs = make_repo(tmp_path / "r", None, f"--separate-git-dir={other_device / 'git'}")
    theirs.commit({"src/a.py": "1\n", "link": Path("src/a.py"), "gone/x": "x\n"})
    with Repo.open(theirs.root, private_root) as repo:
        changes: dict[str, NewFile | None] = {
            "src/a.py": NewFile(b"3\n"),
            "link": NewFile(b"src", LINK),
            "gone/x": None,
        }
        assert not execute(repo, plan_of(repo, changes)).is_beside
        assert has_no_leftovers(theirs, repo)
    assert is_clean(theirs)


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize(("shared", "mode"), [("group", 0o664), ("0640", 0o640), ("x; y", 0o644)])
def test_a_shared_repository_stays_shared(
    theirs: GitRepo, private_root: Path, shared: str, mode: int
) -> None:
    config = theirs.root / ".git/config"
    before = config.read_bytes()
    config.write_bytes(before + f'[core]\n\tsharedRepository = "{shared}"\n'.encode())
    with Repo.open(theirs.root, private_root) as repo:
        plan = plan_of(repo, A)
        execute(repo, plan)
    config.write_bytes(before)
    ref = theirs.root / ".git/refs/heads/main"
    assert ref.stat().st_mode & 0o777 == mode
    assert is_clean(theirs)
