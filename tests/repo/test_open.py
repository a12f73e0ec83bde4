from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mai.errors import GitError, MaiError, UnsuitableRepo
from mai.jobs import NewFile
from mai.repo import Repo
from tests.gitrepo import GitRepo, make_repo


def refused(directory: Path, private_root: Path, *words: str) -> None:
    with pytest.raises(UnsuitableRepo) as caught:
        Repo.open(directory, private_root)
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_opens_from_a_folder_inside(theirs: GitRepo, private_root: Path) -> None:
    with Repo.open(theirs.root / "src" / "deep", private_root) as repo:
        assert repo.root == theirs.root
        assert repo.git_dir == theirs.root / ".git"
        assert repo.branch() == "main"
        assert repo.tip("main") == theirs.head()
        assert repo.private == private_root / f"{repo.key}.git"
        assert repo.private.stat().st_mode & 0o777 == 0o700


def test_the_key_depends_on_the_place_alone(tmp_path: Path, private_root: Path) -> None:
    make_repo(tmp_path / "one", {"a": "1"})
    make_repo(tmp_path / "two", {"a": "1"})
    (tmp_path / "link").symlink_to(tmp_path / "one")
    keys = []
    for name in ("one", "link", "two"):
        with Repo.open(tmp_path / name, private_root) as repo:
            keys.append(repo.key)
    assert keys[0] == keys[1] != keys[2]


def test_the_git_folder_itself_is_not_called_bare(theirs: GitRepo, private_root: Path) -> None:
    refused(theirs.root / ".git", private_root, "git's own folder")


def test_a_commit_that_is_gone_came_before_nothing(repo: Repo, theirs: GitRepo) -> None:
    assert repo.is_ancestor(theirs.head(), theirs.head())
    assert not repo.is_ancestor("12" * 20, theirs.head())


@pytest.mark.parametrize(
    "name", ["with space", "new\nline", "ünï", 'quo"te', "-dash", "back\\s", "#x"]
)
def test_any_folder_name_works(tmp_path: Path, private_root: Path, name: str) -> None:
    theirs = make_repo(tmp_path / name, {"a": "1\n"})
    with Repo.open(theirs.root, private_root) as repo:
        tree = repo.write_tree(repo.tip("main"), {"b": NewFile(b"2\n")})
        commit = repo.commit(tree, [theirs.head()], "Add b", ("Mai", "mai@localhost"))
        repo.keep("refs/mai/proposals/abcd", commit)
    assert theirs.git("rev-parse", "refs/mai/proposals/abcd") == commit
    assert theirs.show(commit, "b") == b"2\n"
    theirs.git("fsck", "--strict")


def test_an_inherited_environment_leads_nowhere(
    tmp_path: Path, theirs: GitRepo, private_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repo(tmp_path / "other", {"other": "1"})
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(tmp_path))
    with Repo.open(theirs.root, private_root) as repo:
        assert repo.root == theirs.root
        assert "README.md" in repo.snapshot(repo.tip("main")).paths()


def test_a_git_in_the_repo_is_not_run(
    theirs: GitRepo, private_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs.write({"git": "#!/bin/sh\ntouch stolen\n"}, executable=True)
    monkeypatch.chdir(theirs.root)
    monkeypatch.setenv("PATH", ".:" + os.environ["PATH"])
    with Repo.open(theirs.root, private_root) as repo:
        repo.tip("main")
    assert not (theirs.root / "stolen").exists()


def test_no_git_is_a_sentence(tmp_path: Path, theirs: GitRepo, private_root: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from mai.repo import Repo\n"
        "from mai.errors import UnsuitableRepo\n"
        "try: Repo.open(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except UnsuitableRepo as error: print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(theirs.root), str(private_root)],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "git is not installed" in ran.stdout


@pytest.mark.parametrize(("version", "is_good"), [("2.37.9", False), ("2.38.0", True)])
def test_an_old_git_is_refused(
    tmp_path: Path, theirs: GitRepo, private_root: Path, version: str, is_good: bool
) -> None:
    program = (
        "import sys; from pathlib import Path; from mai.repo import Repo\n"
        "from mai.errors import UnsuitableRepo\n"
        "try: Repo.open(Path(sys.argv[1]), Path(sys.argv[2])).close()\n"
        "except UnsuitableRepo as error: print(error)\n"
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True)
    script = (
        f'#!/bin/sh\nfor word in "$@"; do test "$word" = version && '
        f'{{ echo git version {version}; exit; }}; done\nexec {real.stdout.strip()} "$@"\n'
    )
    (tools / "git").write_text(script)
    (tools / "git").chmod(0o755)
    ran = subprocess.run(
        [sys.executable, "-c", program, str(theirs.root), str(private_root)],
        env={
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("Mai needs git 2.38" not in ran.stdout) is is_good


def test_not_a_repository(tmp_path: Path, private_root: Path) -> None:
    refused(tmp_path, private_root, "is not in a git repository")
    refused(tmp_path / "missing", private_root, "There is no folder", "missing.")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", private_root, "is not a folder")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    refused(tmp_path / "circle", private_root, "cannot be opened")
    (tmp_path / "hollow" / ".git").mkdir(parents=True)
    refused(tmp_path / "hollow", private_root, "is not in a git repository")


def test_bare(tmp_path: Path, private_root: Path) -> None:
    bare = make_repo(tmp_path / "bare", None, "--bare")
    refused(bare.root, private_root, "bare")
    odd = make_repo(tmp_path / "odd", {"a": "1"})
    refused(odd.root / ".git", private_root, "bare")
    odd.git("config", "core.bare", "true")
    refused(odd.root, private_root, "bare")


def test_no_commits(tmp_path: Path, private_root: Path) -> None:
    refused(make_repo(tmp_path / "empty").root, private_root, "main", "no commits")


def test_detached(theirs: GitRepo, private_root: Path) -> None:
    theirs.git("checkout", "--quiet", "--detach")
    refused(theirs.root, private_root, "on no branch")


def test_core_worktree_elsewhere_is_refused(
    tmp_path: Path, theirs: GitRepo, private_root: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    theirs.git("config", "core.worktree", str(tmp_path / "elsewhere"))
    refused(theirs.root, private_root, "core.worktree")
    theirs.git("config", "--file", ".git/config", "core.worktree", "..")
    with Repo.open(theirs.root, private_root) as repo:
        assert repo.root == theirs.root


def test_core_worktree_in_the_work_trees_own_configuration(
    tmp_path: Path, theirs: GitRepo, private_root: Path
) -> None:
    theirs.git("config", "extensions.worktreeConfig", "true")
    theirs.git("config", "--worktree", "core.worktree", str(tmp_path))
    refused(theirs.root, private_root, "core.worktree")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("extensions.refstorage", "reftable"),
        ("extensions.objectformat", "sha512"),
        ("extensions.tomorrow", "true"),
        ("core.repositoryformatversion", "2"),
    ],
)
def test_unknown_formats_are_refused(
    theirs: GitRepo, private_root: Path, name: str, value: str
) -> None:
    config = str(theirs.root / ".git" / "config")
    subprocess.run(["git", "config", "--file", config, name, value], check=True)
    refused(theirs.root, private_root, value)


def test_damaged_configuration(theirs: GitRepo, private_root: Path) -> None:
    (theirs.root / ".git" / "config").write_text("[core\nnonsense")
    refused(theirs.root, private_root, "config")


def test_a_fifo_for_a_file_does_not_hang(theirs: GitRepo, private_root: Path) -> None:
    config = theirs.root / ".git" / "config"
    config.unlink()
    os.mkfifo(config)
    with pytest.raises(MaiError, match="a FIFO"):
        Repo.open(theirs.root, private_root)


def test_damaged_objects_and_refs(theirs: GitRepo, private_root: Path) -> None:
    tree = theirs.git("rev-parse", "HEAD^{tree}")
    path = theirs.root / ".git" / "objects" / tree[:2] / tree[2:]
    path.chmod(0o644)
    path.write_bytes(b"rubbish")
    with pytest.raises(GitError) as caught:
        Repo.open(theirs.root, private_root)
    assert "\n" not in str(caught.value)
    (theirs.root / ".git" / "HEAD").write_text("rubbish\n")
    refused(theirs.root, private_root, "HEAD")
    (theirs.root / ".git" / "HEAD").write_text("ref: refs/heads/../../../etc/passwd\n")
    refused(theirs.root, private_root, "not a branch name")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses(
    theirs: GitRepo, private_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = theirs.root.parent / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    os.chown(theirs.root / ".git", 12345, 12345)
    refused(theirs.root, private_root, "belongs to another user", "safe.directory")
    (home / ".gitconfig").write_text(f'[safe]\n\tdirectory = "{theirs.root}"\n')
    Repo.open(theirs.root, private_root).close()


def test_linked_work_tree(tmp_path: Path, theirs: GitRepo, private_root: Path) -> None:
    theirs.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    with Repo.open(tmp_path / "linked", private_root) as repo:
        assert repo.branch() == "other"
        assert repo.git_dir == theirs.root / ".git" / "worktrees" / "linked"
        assert repo.tip("main") == theirs.head()


def test_linked_work_tree_of_a_bare_repository(
    tmp_path: Path, theirs: GitRepo, private_root: Path
) -> None:
    bare = GitRepo(tmp_path / "bare.git")
    theirs.git("clone", "--quiet", "--bare", str(theirs.root), str(bare.root))
    bare.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "main")
    with Repo.open(tmp_path / "linked", private_root) as repo:
        assert repo.branch() == "main"


def test_a_git_file_that_names_anothers_work_tree(
    tmp_path: Path, theirs: GitRepo, private_root: Path
) -> None:
    theirs.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    (tmp_path / "thief").mkdir()
    (tmp_path / "thief" / ".git").write_bytes((tmp_path / "linked" / ".git").read_bytes())
    refused(tmp_path / "thief", private_root, "belongs to another work tree")
    (tmp_path / "thief" / ".git").write_text("gitdir: /nonexistent\n")
    refused(tmp_path / "thief", private_root, "not a git folder")
    (tmp_path / "thief" / ".git").write_text("hello\n")
    refused(tmp_path / "thief", private_root, "does not name a git folder")


def test_submodule_and_separate_git_dir(
    tmp_path: Path, theirs: GitRepo, private_root: Path
) -> None:
    theirs.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(theirs.root), "sub"
    )
    with Repo.open(theirs.root / "sub", private_root) as repo:
        assert repo.root == theirs.root / "sub"
        assert repo.branch() == "main"
    apart = make_repo(tmp_path / "apart", None, f"--separate-git-dir={tmp_path / 'apart.git'}")
    apart.commit({"a": "1"})
    with Repo.open(apart.root, private_root) as repo:
        assert repo.git_dir == tmp_path / "apart.git"


def test_packed_refs_and_a_link_for_head(theirs: GitRepo, private_root: Path) -> None:
    tip = theirs.head()
    theirs.git("pack-refs", "--all")
    assert not (theirs.root / ".git" / "refs" / "heads" / "main").exists()
    (theirs.root / ".git" / "HEAD").unlink()
    (theirs.root / ".git" / "HEAD").symlink_to("refs/heads/main")
    with Repo.open(theirs.root, private_root) as repo:
        assert repo.tip(repo.branch()) == tip


def test_a_branch_that_only_points_to_another(theirs: GitRepo, private_root: Path) -> None:
    theirs.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    theirs.git("symbolic-ref", "HEAD", "refs/heads/alias")
    refused(theirs.root, private_root, "only points to")


def test_shallow_clone_and_borrowed_objects(
    tmp_path: Path, theirs: GitRepo, private_root: Path
) -> None:
    for number in range(3):
        theirs.commit({"n": str(number)})
    theirs.git("clone", "--quiet", "--depth=2", f"file://{theirs.root}", str(tmp_path / "shallow"))
    theirs.git("clone", "--quiet", "--shared", str(theirs.root), str(tmp_path / "borrower"))
    for name in ("shallow", "borrower"):
        clone = GitRepo(tmp_path / name)
        with Repo.open(clone.root, private_root) as repo:
            tip = repo.tip("main")
            assert repo.snapshot(tip).read("n") == b"2"
            assert not repo.is_ancestor(tip, clone.git("rev-parse", "HEAD~1"))
            commit = repo.commit(
                repo.write_tree(tip, {"n": None}), [tip], "Less", ("Mai", "mai@localhost")
            )
            repo.keep("refs/mai/proposals/abcd", commit)
        clone.git("fsck")


def test_sha256(tmp_path: Path, private_root: Path) -> None:
    theirs = make_repo(tmp_path / "long", {"a": "1\n"}, "--object-format=sha256")
    with Repo.open(theirs.root, private_root) as repo:
        tree = repo.write_tree(repo.tip("main"), {"b": NewFile(b"2\n")})
        assert len(tree) == 64
        assert repo.merge(repo.tip("main"), tree, repo.tip("main")) == tree


def test_identity(theirs: GitRepo, private_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = theirs.root.parent / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    def who() -> tuple[str, str]:
        with Repo.open(theirs.root, private_root) as repo:
            return repo.identity()

    assert who() == ("Ana Author", "ana@example.org")
    theirs.git("config", "--unset", "user.name")
    theirs.git("config", "--unset", "user.email")
    assert "@" in who()[1]
    (home / ".gitconfig").write_text(
        f'[user]\n\tname = "G <l>\\nobal"\n[includeIf "gitdir:{theirs.root}/"]\n\tpath = work\n'
    )
    (home / "work").write_text("[user]\n\temail = g@work\n")
    assert who() == ("G lobal", "g@work")


def test_the_private_repository_is_made_once_and_mended(
    theirs: GitRepo, private_root: Path
) -> None:
    with Repo.open(theirs.root, private_root) as repo:
        private = repo.private
    (private / "config").write_text("[core]\n\thooksPath = /tmp\n")
    (private / "window" / "refs").unlink()
    (private / "window" / "refs").symlink_to("/nowhere")
    with Repo.open(theirs.root, private_root) as repo:
        assert repo.tip("main") == theirs.head()
    assert "hooksPath" not in (private / "config").read_text()
    assert sorted(path.name for path in private_root.iterdir()) == [private.name]


def test_a_private_root_that_cannot_be_written(tmp_path: Path, theirs: GitRepo) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GitError, match="cannot be made"):
        Repo.open(theirs.root, tmp_path / "file" / "below")
