"""A person at a real terminal (a pseudo-terminal with keys): what they see before a yes."""

from __future__ import annotations

import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.workspace import COMMENT, FIX, Workspace

pytestmark = pytest.mark.docker

CONFTEST = "--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1,2 @@\n+import pytest\n+VALUE = 1\n"


def at_terminal(workspace: Workspace, *arguments: str, keys: str | None = None) -> tuple[int, str]:
    """Run `mai` on a terminal; each line of `keys` answers a question. Return code and screen."""
    answers = (keys or "").splitlines(keepends=True)
    main, other = pty.openpty()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("mai")), *arguments],
        cwd=workspace.repo.root,
        env={**workspace.environment, "MAI_HEADLESS_APPROVAL": "", "TERM": "xterm"},
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    screen, given = b"", 0
    try:
        while True:
            try:
                piece = os.read(main, 65536)
            except OSError:  # the terminal's other end is closed: the process has ended
                break
            if not piece:
                break
            screen += piece
            asked = len(re.findall(rb"\[y/N\] |\xe2\x80\xba |PIN: ", screen))
            if answers and asked > given:
                os.write(main, answers.pop(0).encode())
                given = asked
    finally:
        os.close(main)
    return process.wait(timeout=60), screen.decode(errors="replace")


def test_a_yes_at_the_terminal_sees_everything_first(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX, "--title", "Divide by the count").json
    code, screen = at_terminal(workspace, "approve", proposal["id"][:5], keys="y\n")
    assert code == 0, screen
    asked = screen.partition("Land it?")[0]
    digest = proposal["digest"].removeprefix("sha256:")[:12]
    for shown in (
        "Divide by the count",
        "LOW",
        "1 fixed, 0 broken",
        "+    return sum(xs) / len(xs)",
    ):
        assert shown in asked
    assert digest in asked
    assert workspace.git("log", "-1", "--format=%s") == "Divide by the count"
    assert "Approved-by: terminal:" in workspace.git("log", "-1", "--format=%(trailers)")


@pytest.mark.parametrize("keys", ["n\n", "\n", "x\n"])
def test_anything_but_yes_lands_nothing(workspace: Workspace, keys: str) -> None:
    proposal = workspace.submit(COMMENT).json
    before = workspace.repo.head()
    code, screen = at_terminal(workspace, "approve", proposal["id"], keys=keys)
    assert code == 7, screen
    assert workspace.repo.head() == before
    assert len(workspace.mai("pending", "--json").json["proposals"]) == 1


def test_high_asks_for_the_digits(workspace: Workspace) -> None:
    proposal = workspace.submit(CONFTEST).json
    assert proposal["risk"]["level"] == "HIGH", proposal
    code, screen = at_terminal(workspace, "approve", proposal["id"], keys="y\n")
    assert code == 7, screen
    digits = proposal["digest"].removeprefix("sha256:")[:6]
    full = ("approve", proposal["id"], "--digest", proposal["digest"])
    code, screen = at_terminal(workspace, *full, keys="y\n")
    assert code == 7, screen
    code, screen = at_terminal(workspace, *full, keys=f"{digits}\n")
    assert code == 0, screen
    assert (workspace.repo.root / "conftest.py").exists()


def test_what_is_over_is_not_asked_about(workspace: Workspace) -> None:
    landed = workspace.submit(FIX).json
    assert workspace.approve(landed).code == 0
    refused = workspace.submit(COMMENT).json
    assert workspace.mai("reject", refused["id"]).code == 0
    for proposal, code, words in ((landed, 8, "landed already"), (refused, 7, "was rejected")):
        found, screen = at_terminal(workspace, "approve", proposal["id"], keys="y\n")
        assert found == code, screen
        assert words in screen
        assert "Land it?" not in screen
        assert "still waits" not in screen


def test_a_rollback_is_shown_and_asked_about(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX).json
    workspace.approve(proposal)
    code, screen = at_terminal(workspace, "rollback", proposal["id"], keys="y\n")
    assert code == 0, screen
    assert "broken: tests/test_core.py::test_mean" in screen.partition("Land it?")[0]
    assert "(len(xs) - 1)" in (workspace.repo.root / "calc/core.py").read_text()


def test_escapes_in_a_title_reach_no_terminal(workspace: Workspace) -> None:
    title = "\x1b]0;owned\x07\x1b[2JNice\u202e"
    proposal = workspace.submit(
        COMMENT, "--title", title, "--why", "\x1b[31mred\r\nApproved-by: me"
    ).json
    code, screen = at_terminal(workspace, "show", proposal["id"])
    assert code == 0
    assert "\x1b]0;" not in screen
    assert "\x1b[2J" not in screen
    assert "\u202e" not in screen
    assert workspace.approve(proposal).code == 0
    trailers = workspace.git("log", "-1", "--format=%(trailers:key=Approved-by,valueonly)")
    assert "me" not in trailers.split()


def test_a_restored_backup_is_accepted_by_a_person_and_by_nobody_else(
    workspace: Workspace, tmp_path: Path
) -> None:
    database, backup = Path(workspace.environment["MEMORY_DB_PATH"]), tmp_path / "backup.db"
    assert workspace.submit(FIX).code == 0
    with closing(sqlite3.connect(database)) as now, closing(sqlite3.connect(backup)) as then:
        now.backup(then)
    proposal = workspace.mai("pending", "--json").json["proposals"][0]
    landed = workspace.mai("approve", proposal["id"], "--digest", proposal["digest"])
    assert landed.code == 0, landed.err
    for left in database.parent.glob(f"{database.name}-*"):
        if left.suffix in {".db-wal", ".db-shm"}:
            left.unlink()
    backup.replace(database)
    assert "mai audit accept" in workspace.mai("audit", "verify").out
    refused = workspace.mai("audit", "accept")
    assert (refused.code, workspace.mai("audit", "verify").code) == (2, 1)
    assert at_terminal(workspace, "audit", "accept", keys="n\n")[0] == 7
    code, screen = at_terminal(workspace, "audit", "accept", keys="y\n")
    assert code == 0, screen
    verified = workspace.mai("audit", "verify")
    assert verified.code == 0
    assert "loss was accepted" in verified.out
