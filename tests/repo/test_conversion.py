"""A landing writes the files that git's own checkout would, whatever it converts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from mai.jobs import NewFile
from mai.repo import Repo, execute
from tests.gitrepo import Content, GitRepo
from tests.repo.landings import LINK, has_no_leftovers, is_clean, plan_of

BASE: Mapping[str, Content] = {
    "calc.py": "def mean(xs):\n    return sum(xs) / 0\n",
    "gone.py": "x = 1\n",
    "note.txt": "one\ntwo\n",
    "was_crlf.txt": "one\r\ntwo\r\n",
    "data.bin": b"\0\n\0\r\n",
    "sub/deep.py": "a = 1\nb = 2\n",
}
CHANGES: Mapping[str, NewFile | None] = {
    "calc.py": NewFile(b"def mean(xs):\n    return sum(xs) / len(xs)\n"),
    "gone.py": None,
    "note.txt": NewFile("one\nzwölf\n".encode()),
    "was_crlf.txt": NewFile(b"one\r\n2\r\n"),
    "data.bin": NewFile(b"\0\n\0\n"),
    "sub/deep.py": NewFile(b"a = 1\nb = 3\n"),
    "new/file.py": NewFile(b"c = 3\n"),
    "to": NewFile(b"calc.py", LINK),
}
CRLF_TREES = {
    "autocrlf": ({"core.autocrlf": "true"}, {}),
    "core.eol": ({"core.eol": "crlf"}, {".gitattributes": "*.py text\n"}),
    "eol=crlf": ({}, {".gitattributes": "*.py text eol=crlf\n"}),
    "auto": ({}, {".gitattributes": "* text=auto eol=crlf\n"}),
    "sub-folder": ({}, {"sub/.gitattributes": "* eol=crlf\n"}),
    "own attributes": ({}, {".git/info/attributes": "*.py eol=crlf\n"}),
    "user's attributes": ({"core.attributesFile": "ATTRIBUTES"}, {}),
    "encoding": ({}, {".gitattributes": "/note.txt working-tree-encoding=UTF-16LE\n"}),
    "ident": ({}, {".gitattributes": "*.py ident\n"}),
    "input": ({"core.autocrlf": "input"}, {}),
}


@pytest.fixture(params=CRLF_TREES)
def converted(request: pytest.FixtureRequest, theirs: GitRepo) -> GitRepo:
    """Return a repository whose work tree git has made anew under settings that convert."""
    settings, files = CRLF_TREES[request.param]
    attributes = theirs.root.parent / "attributes"
    attributes.write_text("*.py eol=crlf\n")
    note = "one\ntwo\n".encode("utf-16-le" if request.param == "encoding" else "ascii")
    theirs.commit({**BASE, **files, "note.txt": note}, "Base")
    for name, value in settings.items():
        theirs.git("config", name, str(attributes) if value == "ATTRIBUTES" else value)
    for path in files_of(theirs):
        (theirs.root / path).unlink()
    theirs.git("checkout", "--quiet", "--", ".")
    assert theirs.git("status", "--porcelain") == ""
    return theirs


def checked_out_by_git(theirs: GitRepo, folder: Path) -> dict[str, bytes]:
    """Return every file as git's own checkout of HEAD makes it under the same settings."""
    shutil.copytree(theirs.root, folder, symlinks=True)
    copy = GitRepo(folder)
    for path in files_of(copy):
        (folder / path).unlink()
    copy.git("checkout", "--quiet", "--", ".")
    return files_of(copy)


def files_of(theirs: GitRepo) -> dict[str, bytes]:
    paths = theirs.git("-c", "core.quotePath=false", "ls-files").splitlines()
    return {path: (theirs.root / path).read_bytes() for path in paths}


def test_lands_in_place_as_git_would(
    converted: GitRepo, private_root: Path, tmp_path: Path
) -> None:
    with Repo.open(converted.root, private_root) as repo:
        landing = execute(repo, plan_of(repo, CHANGES))
        assert (landing.branch, landing.is_beside, landing.note) == ("main", False, "")
        assert is_clean(converted)
        assert has_no_leftovers(converted, repo)
    assert files_of(converted) == checked_out_by_git(converted, tmp_path / "copy")


def test_a_change_of_the_person_is_still_in_the_way(converted: GitRepo, private_root: Path) -> None:
    path = converted.root / "calc.py"
    path.write_bytes(path.read_bytes().replace(b"/ 0", b"/ 1"))
    before = path.read_bytes()
    with Repo.open(converted.root, private_root) as repo:
        landing = execute(repo, plan_of(repo, CHANGES))
        assert landing.is_beside
        assert "calc.py has changes in the work tree" in landing.note
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"one\r\ntwo\n", b"one\ntwo\r\n", b"one\ntwo\n"])
def test_mixed_line_endings_are_no_change_where_git_sees_none(
    theirs: GitRepo, private_root: Path, content: bytes
) -> None:
    theirs.commit({"note.txt": "one\ntwo\n"})
    theirs.git("config", "core.autocrlf", "true")
    (theirs.root / "note.txt").write_bytes(content)
    assert theirs.git("diff", "--name-only") == ""
    with Repo.open(theirs.root, private_root) as repo:
        assert not execute(repo, plan_of(repo, {"note.txt": NewFile(b"one\n2\n")})).is_beside
    assert (theirs.root / "note.txt").read_bytes() == b"one\r\n2\r\n"


def test_no_filter_runs_whatever_the_settings_say(
    theirs: GitRepo, private_root: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    theirs.commit({".gitattributes": "*.py text filter=evil\n"})
    theirs.git("config", "core.autocrlf", "true")
    for kind in ("clean", "smudge", "process"):
        theirs.git("config", f"filter.evil.{kind}", f"touch '{canary}'")
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    theirs.git("config", "core.attributesFile", str(fifo))
    with Repo.open(theirs.root, private_root) as repo:
        landing = execute(repo, plan_of(repo, {"src/a.py": NewFile(b"3\n")}))
        assert "attribute filter" in landing.note
        execute(repo, plan_of(repo, {"a.txt": NewFile(b"3\n")}, proposal_id="bbbb"))
    assert not canary.exists()
