"""What bad input gets: one clear sentence, the right exit code, nothing changed, nothing lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.gitrepo import make_repo
from tests.workspace import COMMENT, FIX, Ran, Workspace


def assert_one_sentence(ran: Ran, code: int) -> None:
    assert ran.code == code, (ran.code, ran.out, ran.err)
    message = ran.json["error"]["message"]
    assert message
    assert "\n" not in message
    assert "Traceback" not in ran.err + ran.out


BAD_PATCHES = {
    "does not apply": FIX.replace("(len(xs) - 1)", "(len(xs) - 2)"),
    "two edits of one line": FIX + FIX.partition("\n")[2].replace("/ len(xs)", "/ 7"),
    "binary without data": "diff --git a/x.bin b/x.bin\nnew file mode 100644\n"
    "index 0000000..1111111\nBinary files /dev/null and b/x.bin differ\n",
    "empty": "",
    "blank": "\n\n",
    "prose": "I would divide by the count.\n",
    "missing file": FIX.replace("core.py", "gone.py"),
    "outside": FIX.replace("calc/core.py", "../../etc/passwd"),
    "into git": FIX.replace("calc/core.py", ".git/config"),
    "changes nothing": FIX.replace("/ len(xs)", "/ (len(xs) - 1)"),
    "new over old": "--- /dev/null\n+++ b/README.md\n@@ -0,0 +1 @@\n+mine\n",
    "does not parse": FIX.replace("+    return sum(xs) / len(xs)", "+    return sum(xs / len(xs)"),
    "half a hunk": FIX[:-40],
}


@pytest.mark.parametrize("name", sorted(BAD_PATCHES))
def test_a_bad_patch(workspace: Workspace, name: str) -> None:
    before = workspace.git("rev-parse", "HEAD"), workspace.git("status", "--porcelain")
    ran = workspace.submit(BAD_PATCHES[name])
    assert ran.code in {3, 5}, (ran.out, ran.err)
    assert_one_sentence(ran, ran.code)
    assert before == (workspace.git("rev-parse", "HEAD"), workspace.git("status", "--porcelain"))
    assert workspace.mai("pending", "--json").json["proposals"] == []


def test_fifty_megabytes_of_patch(workspace: Workspace) -> None:
    body = "+x = 1\n" * (50_000_000 // 7)
    count = body.count("\n")
    ran = workspace.submit(f"--- /dev/null\n+++ b/big.py\n@@ -0,0 +1,{count} @@\n{body}")
    assert_one_sentence(ran, 2)


def test_a_missing_file(workspace: Workspace) -> None:
    assert_one_sentence(workspace.mai("submit", "nowhere.patch", "--json"), 2)


def test_no_repo(workspace: Workspace, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = workspace.mai("submit", "-", "--json", "--repo", str(empty), data=FIX)
    assert_one_sentence(ran, 2)


def test_no_commits(workspace: Workspace, tmp_path: Path) -> None:
    bare_start = make_repo(tmp_path / "new")
    assert_one_sentence(workspace.submit(FIX, cwd=bare_start.root), 2)


def test_a_detached_head(workspace: Workspace) -> None:
    workspace.git("checkout", "--quiet", "--detach")
    assert_one_sentence(workspace.submit(FIX), 2)


def test_a_bare_repo(workspace: Workspace, tmp_path: Path) -> None:
    workspace.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    assert_one_sentence(workspace.submit(FIX, cwd=tmp_path / "bare.git"), 2)


def test_an_id_that_is_unknown_or_matches_two(workspace: Workspace) -> None:
    assert_one_sentence(workspace.mai("show", "abc", "--json"), 2)
    assert_one_sentence(workspace.mai("show", "../../etc", "--json"), 2)
    assert_one_sentence(workspace.mai("approve", "", "--json"), 2)


def test_a_corrupt_database(workspace: Workspace) -> None:
    path = Path(workspace.environment["MEMORY_DB_PATH"])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database at all" * 300)
    assert_one_sentence(workspace.mai("pending", "--json"), 1)
    assert path.read_bytes().startswith(b"not a database")


def test_a_database_from_a_newer_mai(workspace: Workspace) -> None:
    assert workspace.mai("pending", "--json").code == 0
    path = Path(workspace.environment["MEMORY_DB_PATH"])
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    assert any("migration" in name for name in names)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk(workspace: Workspace, tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415 - only this test, only as root

    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        where = {"MEMORY_DB_PATH": str(small / "mai.db")}
        filler = small / "filler"
        filler.write_bytes(b"x" * 200_000)
        ran = workspace.submit(COMMENT, environment=where)
        assert_one_sentence(ran, 1)
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert workspace.git("status", "--porcelain") == ""


def test_a_bad_mai_toml_is_said_not_ignored(workspace: Workspace) -> None:
    workspace.repo.commit({"mai.toml": "leave_allone = ['x']\n"}, "Typo")
    ran = workspace.submit(FIX)
    assert_one_sentence(ran, 2)
    assert "leave_allone" in ran.json["error"]["message"]


def test_a_change_to_mai_toml_is_blocked(workspace: Workspace) -> None:
    ran = workspace.submit("--- /dev/null\n+++ b/mai.toml\n@@ -0,0 +1 @@\n+leave_alone = []\n")
    assert_one_sentence(ran, 3)
    assert ran.json["risk"]["level"] == "BLOCKED"


def test_no_engine_is_said_and_nothing_runs(workspace: Workspace, tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    ran = workspace.submit(FIX, environment=nowhere)
    assert_one_sentence(ran, 6)
    assert ran.json["state"] == "assessed"
    assert ran.json["trial"] is None


@pytest.mark.docker
def test_a_locked_index_lands_nothing_and_loses_nothing(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX).json
    lock = workspace.repo.root / ".git/index.lock"
    lock.touch()
    before = workspace.repo.head()
    refused = workspace.approve(proposal)
    assert_one_sentence(refused, 1)
    assert "The yes is kept" in refused.json["error"]["message"]
    assert workspace.repo.head() == before
    lock.unlink()
    another = {**proposal, "digest": "sha256:000000"}
    assert_one_sentence(workspace.approve(another), 2)
    again = workspace.approve(proposal)
    assert (again.code, again.json["state"]) == (0, "landed")
    (landed,) = workspace.mai("history", "--json").json["history"]
    assert landed["id"] == proposal["id"]


@pytest.mark.docker
def test_a_file_in_place_of_the_tests_folder_is_judged_to_the_end(workspace: Workspace) -> None:
    old = workspace.repo.show("HEAD", "tests/test_core.py").decode().splitlines()
    patch = (
        "diff --git a/tests/test_core.py b/tests/test_core.py\ndeleted file mode 100644\n"
        "--- a/tests/test_core.py\n+++ /dev/null\n"
        f"@@ -1,{len(old)} +0,0 @@\n" + "".join(f"-{line}\n" for line in old) +
        "diff --git a/tests b/tests\nnew file mode 100644\n--- /dev/null\n+++ b/tests\n"
        "@@ -0,0 +1 @@\n+none\n"
    )  # fmt: skip
    ran = workspace.submit(patch)
    assert ran.code == 0, ran.out + ran.err
    assert ran.json["risk"]["level"] == "HIGH"
    assert ran.json["trial"]["changed"] == ["tests/test_core.py::test_double"]
    assert "go on" not in workspace.mai("pending", "--refresh", "--json").err


@pytest.mark.docker
def test_a_mai_toml_that_breaks_later_is_said_and_mended(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX).json
    workspace.repo.commit({"mai.toml": "leave_allone = ['x']\n"}, "Typo")
    assert_one_sentence(workspace.submit(COMMENT), 2)
    waiting = workspace.mai("pending", "--refresh", "--json")
    assert "leave_allone" in waiting.err
    assert [one["id"] for one in waiting.json["proposals"]] == [proposal["id"]]
    workspace.repo.commit({"mai.toml": None}, "Mended")
    again = workspace.mai("pending", "--refresh", "--json")
    assert again.err == ""
    assert [one["digest"] for one in again.json["proposals"]] == [proposal["digest"]]
    assert workspace.approve(proposal).code == 0


@pytest.mark.docker
def test_another_repo_in_its_place_ends_what_waited(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX).json
    shutil.rmtree(workspace.repo.root)
    make_repo(workspace.repo.root, {"other.txt": "another history\n"})
    waiting = workspace.mai("pending", "--refresh", "--json")
    assert waiting.json == {"proposals": [], "error": None}
    assert waiting.err == ""
    shown = workspace.mai("show", proposal["id"], "--json")
    assert shown.code == 0, shown.out + shown.err
    assert shown.json["state"] == "conflicted"
    assert_one_sentence(workspace.approve(proposal), 8)


def test_that_there_is_no_engine_is_said_once(workspace: Workspace, tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    stuck = [workspace.submit(patch, environment=nowhere).json for patch in (FIX, COMMENT)]
    assert "not finished" in workspace.mai("pending", environment=nowhere).err
    ran = workspace.mai("pending", "--refresh", environment=nowhere)
    assert ran.code == 0
    assert ran.err.count("No container engine") == 1, ran.err
    for proposal in stuck:
        assert proposal["id"][:4] in ran.err


@pytest.mark.docker
def test_submodules_stay_as_they_are(workspace: Workspace, tmp_path: Path) -> None:
    inner = make_repo(tmp_path / "inner", {"a.txt": "a\n"})
    link = f"160000,{inner.head()},vendored"
    workspace.git("update-index", "--add", "--cacheinfo", link)
    workspace.git("commit", "--quiet", "-m", "Vendor")
    proposal = workspace.submit(FIX)
    assert proposal.code == 0, proposal.out + proposal.err
    assert workspace.approve(proposal.json).code == 0
    assert inner.head() in workspace.git("ls-tree", "HEAD", "vendored")
