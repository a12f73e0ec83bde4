from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.errors import GitError, UnsuitableRepo
from mai.jobs import NewFile
from mai.proposal import FileChange
from mai.protocols import Snapshot
from mai.repo import Repo
from mai.repo import objects as objects_room
from tests.gitrepo import GitRepo, make_repo
from tests.repo.conftest import FILES
from tests.repo.landings import AT, LINK, MAI, SCRIPT

# --- snapshots -------------------------------------------------------------------------------


def test_a_snapshot_is_the_commit_not_the_work_tree(theirs: GitRepo, repo: Repo) -> None:
    tip = repo.tip("main")
    theirs.write({"src/a.py": "edited\n", "untracked": "u\n"})
    snapshot: Snapshot = repo.snapshot(tip)
    assert snapshot.commit == tip
    assert list(snapshot.paths()) == sorted({*FILES, "run.sh"} - {"link"})
    assert snapshot.read("src/a.py") == b"def a():\n    return 1\n"
    assert snapshot.read("data.bin") == bytes(range(256))
    for nothing in ("untracked", "link", "src", "", "../x", "README.md/x"):
        assert snapshot.read(nothing) is None


def test_entries_modes_and_files(theirs: GitRepo, repo: Repo) -> None:
    tip = theirs.head()
    theirs.git("update-index", "--add", "--cacheinfo", f"160000,{tip},sub")
    theirs.git("commit", "--quiet", "-m", "sub")
    snapshot = repo.snapshot(repo.tip("main"))
    modes = {entry.path: entry.mode for entry in snapshot.entries()}
    assert modes["run.sh"] == snapshot.mode("run.sh") == SCRIPT
    assert modes["link"] == LINK
    assert modes["sub"] == 0o160000
    assert snapshot.mode("missing") is None
    files = {file.path: file for file in repo.tree_files(tip)}
    assert files["link"].data == b"README.md"
    assert files["run.sh"].mode == SCRIPT
    assert "sub" not in {file.path for file in repo.tree_files(theirs.head())}


def test_odd_names_in_a_tree(tmp_path: Path, private_root: Path) -> None:
    theirs = make_repo(tmp_path / "r", {"tab\tname": "1", "new\nline": "2", '"quoted"': "3"})
    (theirs.root / b"latin-\xe9".decode("utf-8", "surrogateescape")).write_bytes(b"4")
    theirs.commit({})
    with Repo.open(theirs.root, private_root) as repo:
        snapshot = repo.snapshot(repo.tip("main"))
        assert [snapshot.read(path) for path in snapshot.paths()] == [b"3", b"4", b"2", b"1"]
        found = repo.changes(repo.tree(theirs.git("rev-parse", "HEAD~1")), repo.tip("main"))
        assert [change.path for change in found] == [b"latin-\xe9".decode(errors="surrogateescape")]


def test_many_files_are_read_in_order(tmp_path: Path, private_root: Path) -> None:
    files = {f"d{n % 7}/f{n}": f"{n}\n" * (n % 50) for n in range(700)}
    theirs = make_repo(tmp_path / "r", dict(files))
    with Repo.open(theirs.root, private_root) as repo:
        snapshot = repo.snapshot(repo.tip("main"))
        read = dict(snapshot.read_many([*snapshot.paths(), "missing"]))
        assert read == {path: text.encode() for path, text in files.items()}
        half = repo.tree_files(repo.tip("main"))
        next(half)  # somebody stops half-way; the next reader gets its own answers
        assert snapshot.read("d0/f7") == b"7\n" * 7


def test_a_file_too_large_is_a_sentence(
    theirs: GitRepo, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_room, "LARGEST_FILE_BYTES", 100)
    with pytest.raises(UnsuitableRepo, match="256 bytes"):
        repo.snapshot(repo.tip("main")).read("data.bin")
    assert repo.snapshot(repo.tip("main")).read("README.md") == b"# Thing\n"
    (wanted,) = repo.snapshot(repo.tip("main")).files("README.md".__eq__)  # the rest is not read
    assert wanted.data == b"# Thing\n"


def test_reading_goes_on_after_the_reader_died(repo: Repo) -> None:
    snapshot = repo.snapshot(repo.tip("main"))
    assert snapshot.read("README.md")
    process = repo.objects._process
    assert process is not None
    process.kill()
    process.wait()
    with pytest.raises(GitError, match="cannot read"):
        snapshot.read("src/a.py")
    assert snapshot.read("src/a.py")


@pytest.mark.parametrize("name", ["", "HEAD", "--all", "main", "0" * 39, "0" * 40, "a\nb", "../x"])
def test_only_full_ids_name_objects(repo: Repo, name: str) -> None:
    for use in (repo.tree, lambda oid: repo.snapshot(oid).paths(), lambda oid: repo.diff(oid, oid)):
        with pytest.raises(GitError):
            use(name)


# --- differences -----------------------------------------------------------------------------


def test_changes_of_every_kind(theirs: GitRepo, repo: Repo) -> None:
    base = repo.tip("main")
    tree = repo.write_tree(
        base,
        {
            "src/a.py": NewFile(b"def a():\n    return 3\n"),
            "src/b.py": None,
            "src/moved ü.py": NewFile(b"def b():\n    return 2\n"),
            "new.txt": NewFile(b"1\n2\n"),
            "data.bin": NewFile(bytes(300)),
            "run.sh": NewFile(b"#!/bin/sh\n"),
            "link": NewFile(b"link no more\n"),
            "README.md": None,
        },
    )
    found = {change.path: change for change in repo.changes(base, tree)}
    assert found == {
        "src/a.py": FileChange("src/a.py", "modified", 1, 1, None, "100644", "100644"),
        "src/moved ü.py": FileChange(
            "src/moved ü.py", "renamed", 0, 0, "src/b.py", "100644", "100644"
        ),
        "new.txt": FileChange("new.txt", "added", 2, 0, None, None, "100644"),
        "data.bin": FileChange(
            "data.bin", "modified", 0, 0, None, "100644", "100644", is_binary=True
        ),
        "run.sh": FileChange("run.sh", "modified", 0, 0, None, "100755", "100644"),
        "link": FileChange("link", "modified", 1, 1, None, "120000", "100644"),
        "README.md": FileChange("README.md", "deleted", 0, 1, None, "100644", None),
    }
    assert repo.changes(tree, tree) == ()


def test_a_diff_applies_and_stays_the_same(theirs: GitRepo, repo: Repo) -> None:
    base = repo.tip("main")
    changes: dict[str, NewFile | None] = {
        "src/a.py": NewFile(b"def a():\n    return 3"),
        "data.bin": NewFile(bytes(300)),
        "naïve name.txt": NewFile(b"latin \xe9\n"),
        "run.sh": None,
    }
    tree = repo.write_tree(base, changes)
    patch = repo.diff(base, tree)
    assert patch == repo.diff(base, tree)
    assert "diff --git a/naïve name.txt b/naïve name.txt" in patch
    assert "+latin \\xe9" in patch  # shown, not thrown
    assert "GIT binary patch" in patch
    assert "\\ No newline at end of file" in patch
    assert len(repo.diff(base, tree, 0)) < len(patch)
    plain = repo.write_tree(base, {**changes, "naïve name.txt": NewFile(b"u\n")})
    theirs.git("apply", "--index", data=repo.diff(base, plain).encode())
    assert theirs.git("write-tree") == plain


# --- commits and refs ------------------------------------------------------------------------


def test_a_commit_is_what_was_asked_for(theirs: GitRepo, repo: Repo) -> None:
    tip = repo.tip("main")
    evil = "Mai <x>\n\0author Eve <e@e> 0 +0000"
    commit = repo.commit(repo.tree(tip), [tip], "Subject\n\nBody ü\0\n", (evil, "a@b>\n"), at=AT)
    again = repo.commit(repo.tree(tip), [tip], "Subject\n\nBody ü\0\n", (evil, "a@b>\n"), at=AT)
    assert commit == again
    repo.keep("refs/mai/proposals/abcd", commit)
    assert theirs.git("show", "-s", "--format=%P|%an|%ae|%cn|%ct|%B", commit) == (
        f"{tip}|Mai xauthor Eve e@e 0 +0000|a@b|Ana Author|{int(AT.timestamp())}|"
        "Subject\n\nBody ü\n"
    )
    theirs.git("fsck", "--strict")


def test_keep_leaves_nothing_else(theirs: GitRepo, repo: Repo) -> None:
    tip = repo.tip("main")
    before = theirs.git("for-each-ref")
    objects = set((theirs.root / ".git/objects").rglob("*"))
    tree = repo.write_tree(tip, {"x/y/z": NewFile(b"z\n")})
    repo.merge(tip, tree, tip)
    assert theirs.git("for-each-ref") == before
    assert set((theirs.root / ".git/objects").rglob("*")) == objects
    first = repo.commit(tree, [tip], "one", MAI)
    second = repo.commit(tree, [first], "two", MAI)
    repo.keep("refs/mai/proposals/abcd", second)
    repo.keep("refs/mai/proposals/abcd", second)
    assert theirs.git("rev-list", "--count", "refs/mai/proposals/abcd") == "3"
    assert theirs.git("status", "--porcelain") == ""
    theirs.git("gc", "--quiet", "--prune=now")
    assert repo.snapshot(second).read("x/y/z") == b"z\n"
    repo.keep("refs/mai/proposals/abcd", first)
    assert theirs.git("rev-parse", "refs/mai/proposals/abcd") == first


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/main",
        "refs/mai",
        "refs/mai/",
        "refs/mai/../heads/main",
        "refs/mai/a b",
        "refs/mai/-x\nupdate refs/heads/main",
        "refs/mai/x.lock/../y",
        "HEAD",
        "",
    ],
)
def test_keep_moves_only_mais_own_refs(theirs: GitRepo, repo: Repo, ref: str) -> None:
    with pytest.raises(GitError):
        repo.keep(ref, repo.tip("main"))


def test_trailers_of_landed_commits(theirs: GitRepo, repo: Repo) -> None:
    theirs.git("commit", "-q", "--allow-empty", "-m", "Quotes Mai-Proposal: x\n\nbody")
    for number in range(3):
        message = f"Land {number}\n\nWhy.\n\nMai-Proposal: {number}\nMai-Ledger: {number:064x}"
        theirs.git("commit", "-q", "--allow-empty", "-m", message)
        theirs.git("commit", "-q", "--allow-empty", "-m", "other\n\nSigned-off-by: a <b>")
    found = repo.landed_trailers("main")
    assert [dict(commit.trailers)["Mai-Proposal"] for commit in found] == ["2", "1", "0"]
    assert found[0].trailers["Mai-Ledger"] == f"{2:064x}"
    assert len(repo.landed_trailers("main", 2)) == 2


def test_ancestry(theirs: GitRepo, repo: Repo) -> None:
    first = theirs.head()
    second = theirs.commit({"x": "1"})
    theirs.git("checkout", "-q", "--orphan", "island")
    island = theirs.commit({"y": "1"})
    assert repo.is_ancestor(first, second)
    assert repo.is_ancestor(first, first)
    assert not repo.is_ancestor(second, first)
    assert not repo.is_ancestor(first, island)
    assert repo.merge_base(first, second) == first
    assert repo.merge_base(first, island) is None


# --- merging and taking back -----------------------------------------------------------------


def test_merge(theirs: GitRepo, repo: Repo) -> None:
    base = repo.tip("main")
    lines = [f"{n}\n" for n in range(20)]
    start = repo.write_tree(base, {"f": NewFile("".join(lines).encode())})
    ours = repo.write_tree(start, {"f": NewFile("".join(["top\n", *lines]).encode())})
    theirs_side = repo.write_tree(start, {"f": NewFile("".join([*lines, "end\n"]).encode())})
    merged = repo.merge(start, ours, theirs_side)
    assert merged is not None
    assert repo.snapshot(merged).read("f") == "".join(["top\n", *lines, "end\n"]).encode()
    clash = repo.write_tree(start, {"f": NewFile(b"other\n")})
    assert repo.merge(start, ours, clash) is None
    gone = repo.write_tree(start, {"f": None})
    assert repo.merge(start, ours, gone) is None


def test_merge_obeys_no_attributes(theirs: GitRepo, private_root: Path) -> None:
    theirs.commit({".gitattributes": "* merge=union\n", "f": "1\n"})
    with Repo.open(theirs.root, private_root) as repo:
        tip = repo.tip("main")
        sides = [repo.write_tree(tip, {"f": NewFile(text)}) for text in (b"2\n", b"3\n")]
        assert repo.merge(tip, sides[0], sides[1]) is None


def test_revert_of_every_kind_of_change(theirs: GitRepo, repo: Repo) -> None:
    base = repo.tip("main")
    tree = repo.write_tree(
        base,
        {
            "src/a.py": NewFile(b"changed\n"),
            "src/b.py": None,
            "src/renamed.py": NewFile(b"def b():\n    return 2\n"),
            "created/x": NewFile(b"x\n"),
            "run.sh": NewFile(b"#!/bin/sh\n"),
            "link": NewFile(b"data.bin", LINK),
            "src/deep/er/c.txt": None,
        },
    )
    landed = repo.commit(tree, [base], "landed", MAI)
    later = repo.write_tree(landed, {"README.md": NewFile(b"later\n")})
    back = repo.revert_tree(landed, repo.commit(later, [landed], "later", MAI))
    assert back == repo.write_tree(base, {"README.md": NewFile(b"later\n")})
    again = repo.write_tree(landed, {"src/a.py": NewFile(b"changed again\n")})
    assert repo.revert_tree(landed, again) is None


def test_revert_of_the_first_commit(theirs: GitRepo, repo: Repo) -> None:
    first = repo.tip("main")
    tree = repo.write_tree(first, {"later": NewFile(b"x\n")})
    back = repo.revert_tree(first, tree)
    assert back is not None
    assert list(repo.snapshot(back).paths()) == ["later"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    folder = tmp_path_factory.mktemp("trees")
    theirs = make_repo(folder / "r", {"start": "1\n"})
    with Repo.open(theirs.root, folder / "private") as repo:
        yield repo


paths = st.sampled_from(["a", "b", "c/a", "c/b", "c/d/e", "f/g", "f/h"])
new_files = st.builds(
    NewFile,
    st.sampled_from([b"", b"1\n", b"1\n2\n3\n", b"\0binary", b"no newline", b"a"]),
    st.sampled_from([0o100644, SCRIPT]),
) | st.builds(NewFile, st.sampled_from([b"a", b"c/d"]), st.just(LINK))
trees = st.dictionaries(paths, new_files, max_size=7)


@given(trees, trees)
@settings(max_examples=40, deadline=None)
def test_taking_back_any_change_gives_the_tree_from_before(
    shared: Repo, before: dict[str, NewFile], after: dict[str, NewFile]
) -> None:
    tip = shared.tip("main")
    base_tree = shared.write_tree(tip, dict(before))
    base = shared.commit(base_tree, [tip], "before", MAI, at=AT)
    changes: dict[str, NewFile | None] = {**dict.fromkeys(before.keys() - after.keys()), **after}
    landed = shared.commit(shared.write_tree(base, changes), [base], "after", MAI, at=AT)
    assert {file.path: (file.mode, file.data) for file in shared.tree_files(landed)} == {
        "start": (0o100644, b"1\n"),
        **{path: (file.mode, file.data) for path, file in after.items()},
    }
    assert shared.revert_tree(landed, landed) == base_tree
    later: dict[str, NewFile | None] = {"start": NewFile(b"2\n"), "later/on": NewFile(b"l\n")}
    tip_later = shared.commit(shared.write_tree(landed, later), [landed], "later", MAI, at=AT)
    assert shared.revert_tree(landed, tip_later) == shared.write_tree(base, later)
    listed = {change.path for change in shared.changes(base, landed)}
    old = {change.old_path for change in shared.changes(base, landed)} - {None}
    touched = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert listed | old == touched
