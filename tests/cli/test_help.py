"""The help is plain text, and says of each command what it does without breaking off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspace import Workspace


@pytest.mark.parametrize("group", ["", "audit", "memory", "models", "sandbox"])
def test_no_summary_is_cut(group: str) -> None:
    command = [sys.executable, "-m", "mai", *group.split(), "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    _, _, commands = shown.partition("Commands:\n")
    assert commands.strip()
    assert "..." not in commands
    assert shown.isascii()


def test_help_and_version_are_commands_too(workspace: Workspace) -> None:
    assert workspace.mai("help").out == workspace.mai("--help").out
    assert (
        workspace.mai("help", "audit", "verify").out == workspace.mai("audit", "verify", "-h").out
    )
    assert workspace.mai("version").out == workspace.mai("--version").out
    assert workspace.mai("version", "--json").json["version"] in workspace.mai("version").out
    wrong = workspace.mai("help", "aprove")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err == "There is no command aprove; `mai help` lists them all.\n"


def test_memory_alone_shows_what_is_remembered(workspace: Workspace, tmp_path: Path) -> None:
    assert "nothing of this repo yet" in workspace.mai("memory").out
    text = "\n\n".join(f"Note number {number}." for number in range(25))
    workspace.mai("memory", "import", "-", data=text)
    shown = workspace.mai("memory").out
    assert "Note number 24." in shown
    assert "Note number 3." not in shown
    assert "5 older notes" in shown
    assert len(workspace.mai("memory", "--json").json["notes"]) == 25
    there = ("--repo", str(workspace.repo.root))
    found = workspace.mai("memory", *there, "search", "number", cwd=tmp_path)
    assert "Note number 24." in found.out


def test_a_question_without_a_model_is_no_success(workspace: Workspace) -> None:
    ran = workspace.mai("ask", "hello")
    assert (ran.code, ran.out) == (2, "")
    assert "No model thinks here" in ran.err
    assert workspace.mai("ask", "hello", "--json").json["error"]["code"] == "no-model"
