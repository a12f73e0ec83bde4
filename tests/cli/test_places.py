"""Which repo a command is about, and what it says where that is not plain."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mai.settings_sources import is_checkout, own_checkout
from tests.gitrepo import make_repo
from tests.workspace import Workspace


@pytest.mark.parametrize(
    "command", [("pending",), ("history",), ("audit", "verify"), ("submit", "-")]
)
def test_repo_before_the_command_counts_too(
    workspace: Workspace, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ran = workspace.mai("--repo", str(tmp_path / "nowhere"), *command, "--json")
    assert ran.code == 2
    assert ran.json["error"]["code"] == "unsuitable-repo"
    assert "There is no folder" in ran.json["error"]["message"]


def test_repo_after_the_command_wins(workspace: Workspace, tmp_path: Path) -> None:
    other = make_repo(tmp_path / "other", {"a.txt": "a\n"})
    ran = workspace.mai("--repo", str(tmp_path), "pending", "--repo", str(other.root), "--json")
    assert ran.json == {"proposals": [], "error": None}


@pytest.mark.skipif(not is_checkout(), reason="only its own checkout can stand in for a repo")
def test_outside_a_repo_mai_says_what_it_works_on(workspace: Workspace, tmp_path: Path) -> None:
    ran = workspace.mai("pending", "--json", cwd=tmp_path)
    if ran.code == 0:
        assert f"I work on my own code in {own_checkout()}." in ran.err
    else:  # the checkout itself is on no branch, as a build server leaves it
        assert ran.json["error"]["code"] == "unsuitable-repo"
    assert "own code" not in workspace.mai("pending", "--json").err


@pytest.mark.parametrize("command", ["pending", "doctor"])
def test_a_relative_path_entry_runs_nothing_of_the_repo(workspace: Workspace, command: str) -> None:
    mark = workspace.folder / "ran"
    for name in ("git", "env"):
        program = workspace.repo.root / name
        program.write_text(f"#!/bin/sh\necho {name} >> {mark}\n")
        program.chmod(0o755)
    path = f".{os.pathsep}{os.environ['PATH']}"
    ran = workspace.mai(command, "--json", environment={"PATH": path})
    assert ran.code in {0, 1}  # the doctor's 1 is about the machine
    assert ran.json["error"] is None, ran.err
    assert not mark.exists()


def test_json_where_something_is_unset_or_empty(workspace: Workspace) -> None:
    settings = workspace.mai("config", "--json").json["settings"]
    values = {one["variable"]: one["value"] for one in settings}
    assert values["MAI_MODEL"] is None
    assert values["MAI_MODEL_FALLBACKS"] is None
    assert values["OLLAMA_ENDPOINT"] == "http://127.0.0.1:9"
    assert workspace.mai("audit", "export", "--json").json == {"entries": [], "error": None}
