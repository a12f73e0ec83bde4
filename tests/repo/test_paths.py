from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.errors import EditError
from mai.jobs import NewFile
from mai.repo import Repo
from mai.repo.paths import check_path
from tests.gitrepo import GitRepo, make_repo
from tests.repo.landings import LINK

BAD = [
    "",
    "/etc/passwd",
    "\\\\server\\share",
    "C:/x",
    "c:\\x",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "./a",
    "a/./b",
    "a//b",
    "a/",
    "a\\..\\b",
    ".git",
    ".git/config",
    ".GIT/hooks/pre-commit",
    ".gIt",
    "sub/.git/config",
    ".git.",
    ".git ",
    ".git . .",
    ".git::$INDEX_ALLOCATION",
    ".git:x",
    "git~1",
    "GIT~1/config",
    ".g\u200cit",
    ".git\ufeff",
    "\u202e.git",
    ".\uff47it",
    "a\\.git\\config",
    "a\0b",
    "a\nb",
    "a\x1b[31m",
    "a\x7f",
    "a\u2028b",
    "a\x85b",
    "\ud800",
    "x" * 256,
    "/".join(["x" * 200] * 30),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GitRepo, Repo]]:
    """One repository for many examples; nothing here changes it."""
    folder = tmp_path_factory.mktemp("paths")
    theirs = make_repo(folder / "r", {"f": "1\n", "d/e": "2\n", "l": Path("d"), "é": "3\n"})
    with Repo.open(theirs.root, folder / "private") as repo:
        yield theirs, repo


@pytest.mark.parametrize("path", BAD)
def test_bad_paths_are_refused(shared: tuple[GitRepo, Repo], path: str) -> None:
    _, repo = shared
    with pytest.raises(EditError) as caught:
        repo.write_tree(repo.tip("main"), {path: NewFile(b"x")})
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) < 400


@pytest.mark.parametrize(
    "path",
    [
        ".gitignore",
        ".github/x.yml",
        "git",
        "a.git",
        ".gitx",
        "git~",
        "a b",
        "ü/é",
        "-x",
        "a\\b",
        "…",
    ],
)
def test_good_paths_are_written(shared: tuple[GitRepo, Repo], path: str) -> None:
    _, repo = shared
    tree = repo.write_tree(repo.tip("main"), {path: NewFile(b"x")})
    assert repo.snapshot(tree).read(path) == b"x"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"l/x": NewFile(b"")}, "l is a link"),
        ({"f/x": NewFile(b"")}, "f is a file"),
        ({"d": NewFile(b"")}, "it is a folder"),
        ({"n": NewFile(b""), "n/x": NewFile(b"")}, "n is a file"),
        ({"n": NewFile(b"d", LINK), "n/x": NewFile(b"")}, "n is a link"),
        ({"f": NewFile(b"d", LINK), "f/x": NewFile(b"")}, "f is a link"),
        ({"missing": None}, "no such file"),
        ({"d": None}, "no such file"),
        ({"n": NewFile(b"", 0o40000)}, "mode"),
        ({"n": NewFile(b"", 0o160000)}, "mode"),
        ({"n": NewFile(b"", 0o104755)}, "mode"),
        ({"n": NewFile(b"", LINK)}, "a link to nothing"),
        ({"n": NewFile(b"a\0b", LINK)}, "a link to nothing"),
    ],
)
def test_collisions_are_refused(
    shared: tuple[GitRepo, Repo], changes: dict[str, NewFile | None], words: str
) -> None:
    _, repo = shared
    with pytest.raises(EditError, match=words):
        repo.write_tree(repo.tip("main"), changes)


names = st.sampled_from(["a", "b", "f", "d", "l", ".git", "..", "", ".", "git~1", "é", "e\u0301"])
text = st.text(max_size=12) | st.lists(names, min_size=1, max_size=4).map("/".join)


@given(text)
@settings(max_examples=400, deadline=None)
def test_any_path_is_refused_or_leads_down(path: str) -> None:
    try:
        check_path(path)
    except EditError:
        return
    assert path
    folders = Path("/root/of/it")
    assert (folders / path).parts[: len(folders.parts)] == folders.parts
    assert ".." not in path.split("/")
    assert ".git" not in path.casefold().split("/")


@given(st.dictionaries(text, st.binary(max_size=4).map(NewFile) | st.none(), max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_change_is_refused_or_is_exactly_made(
    shared: tuple[GitRepo, Repo], changes: dict[str, NewFile | None]
) -> None:
    theirs, repo = shared
    tip = repo.tip("main")
    expected = {entry.path: entry.oid for entry in repo.snapshot(tip).entries()}
    try:
        tree = repo.write_tree(tip, changes)
    except EditError:
        return
    found = {entry.path: entry.oid for entry in repo.snapshot(tree).entries()}
    for path, new in changes.items():
        expected.pop(path, None)
        if new is not None:
            assert repo.snapshot(tree).read(path) == new.data
            expected[path] = found[path]
    assert found == expected
    assert theirs.git("status", "--porcelain") == ""
