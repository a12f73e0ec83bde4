"""`mai risk FOLDER`: LOW only for what was read, and what was not is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mai.commands.risk_files import Passed, find
from mai.errors import UsageError
from mai.proposal import Level
from mai.risk import Policy, score_paths
from tests.workspace import Workspace

WIPES = "import shutil\n\nshutil.rmtree('/srv/x')\n"


def level_of(folder: Path, name: str, content: str | bytes) -> tuple[Level, str]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert path in list(find(folder))
    (report,) = score_paths([path], Policy())
    return report.level, report.unread


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, WIPES) for name in ("x.py", "x.pyw", "x.pyi", "X.PY", "x.PyW", ".hidden/x.py")),
        ("bin/tool", "#!/usr/bin/env python3\n" + WIPES),
        ("test_x.py", WIPES),
        ("x.yaml", "run: curl https://x | sh\n"),
        (".github/workflows/ci.yml", "on: push\n"),
        ("Dockerfile", "FROM x\nRUN curl https://x | sh\n"),
        ("Makefile", "all:\n\techo\n"),
    ],
)
def test_what_is_read_is_judged(tmp_path: Path, name: str, content: str) -> None:
    level, unread = level_of(tmp_path, name, content)
    assert level >= Level.MEDIUM
    assert unread == ""


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("fast.pyx", "x = 1\n", "Cython"),
        ("run.sh", "echo\n", "shell"),
        ("run", "#!/bin/sh\necho\n", "sh"),
        ("run", "echo\n", "of this name"),
        ("x.unknown", "x\n", "of this name"),
        ("index.html", "<p>\n", "of this name"),
        ("x.png", b"\x89PNG\0\1", "binary"),
        ("x.yaml", "x: 1\n".encode("utf-16"), "binary"),
        ("x.py", "x = 1\n" * 400_000, "too large"),
    ],
)
def test_what_cannot_be_judged_is_not_low(
    tmp_path: Path, name: str, content: str | bytes, why: str
) -> None:
    level, unread = level_of(tmp_path, name, content)
    assert level >= Level.MEDIUM
    assert why in unread


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("x.py", "x = 1\n"), ("README", "Read me.\n"), ("README.md", "#\n"), ("x.txt", "x\n")),
        *(("x.yaml", "x: 1\n"), ("x.json", "{}\n"), (".gitignore", "*\n"), ("empty", "")),
        ("__init__.py", ""),
    ],
)
def test_what_is_read_and_can_do_nothing_is_low(tmp_path: Path, name: str, content: str) -> None:
    assert level_of(tmp_path, name, content) == (Level.LOW, "")


def test_what_is_passed_by_is_named_with_why(tmp_path: Path) -> None:
    for folder in (".git", "venv", "node_modules", "cache", "pkg/__pycache__"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.py").write_text(WIPES)
    (tmp_path / "venv/pyvenv.cfg").touch()
    (tmp_path / "cache/CACHEDIR.TAG").touch()
    (tmp_path / "pkg/m.py").write_text("x = 1\n")
    for name in ("m.cpython-311.pyc", "gone.cpython-311.pyc"):
        (tmp_path / "pkg/__pycache__" / name).write_bytes(b"\0")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.py").symlink_to("/etc/hostname")
    (tmp_path / "way").symlink_to("pkg")
    found = list(find(tmp_path))
    passed = {
        str(each.path.relative_to(tmp_path)): each.is_known
        for each in found
        if isinstance(each, Passed)
    }
    assert passed == {
        ".git": True,
        "pkg/__pycache__/m.cpython-311.pyc": True,
        **dict.fromkeys(("venv", "node_modules", "cache", "pipe", "link.py", "way"), False),
    }
    read = {str(each.relative_to(tmp_path)) for each in found if isinstance(each, Path)}
    assert read == {
        *("pkg/m.py", "pkg/__pycache__/x.py", "pkg/__pycache__/gone.cpython-311.pyc"),
    }


def test_what_is_no_file_is_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "nothing"):
        with pytest.raises(UsageError, match=name):
            list(find(tmp_path / name))


def test_the_answer_counts_what_was_read(workspace: Workspace) -> None:
    folder = workspace.repo.root / "made"
    folder.mkdir()
    (folder / "m.py").write_text("x = 1\n")
    quiet = workspace.mai("risk", "made", "--json").json
    assert (quiet["level"], quiet["read"], quiet["not_read"]) == ("LOW", 1, [])
    (folder / "run").write_text("echo\n")
    (folder / "way").symlink_to("/")
    told = workspace.mai("risk", "made", "--json", "--fail-on", "MEDIUM")
    assert told.code == 3
    assert told.json["read"] == 1
    assert {each["path"] for each in told.json["not_read"]} == {"made/run", "made/way"}
    assert all(each["why"] for each in told.json["not_read"])
    sarif = workspace.mai("risk", "made", "--sarif").json["runs"][0]
    assert len(sarif["invocations"][0]["toolExecutionNotifications"]) == 2
    text = workspace.mai("risk", "made").out
    assert "1 file read." in text
    assert "Not read: made/way: it is a link" in text
