"""A repo that tries to run code on the host runs none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace import CALC, FIX, Workspace

pytestmark = pytest.mark.docker

HOOKS = (
    "pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "post-checkout", "post-merge",
    "reference-transaction", "post-index-change", "pre-auto-gc", "post-rewrite", "update",
    "pre-receive", "post-update", "fsmonitor-watchman", "push-to-checkout",
)  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Workspace, Path]:
    """A repo in which everything that could run leaves a mark outside the sandbox."""
    mark = tmp_path / "RAN"
    shell = f"#!/bin/sh\necho $0 >> {mark}\ncat\n"
    python = f"open({str(mark)!r}, 'a').write(__file__)\n"
    shadows = ["json", "ast", "libcst", "sitecustomize", "usercustomize", "typing", "docker"]
    traps = {f"{name}.py": python for name in [*shadows, "git", "struct", "mai"]}
    files = {
        **CALC,
        **traps,
        ".gitattributes": "*.py filter=evil diff=evil merge=evil\n",
        ".env": f"MAI_HEADLESS_APPROVAL=1\nMAI_AUTO_LAND_LOW=1\nMAI_LOG_DIR={mark}\n",
        "ruff.toml": "extend = '/etc/passwd'\n",
        "setup.cfg": "[tool:pytest]\n",
    }
    workspace = Workspace.make(tmp_path, files)
    git = workspace.repo.root / ".git"
    script = git / "trap.sh"
    script.write_text(shell)
    script.chmod(0o755)
    for name in HOOKS:
        hook = git / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(shell)
        hook.chmod(0o755)
    for key, value in {
        "filter.evil.clean": str(script),
        "filter.evil.smudge": str(script),
        "filter.evil.process": str(script),
        "filter.evil.required": "true",
        "diff.evil.textconv": str(script),
        "diff.evil.command": str(script),
        "diff.external": str(script),
        "merge.evil.driver": f"{script} %A",
        "core.fsmonitor": str(script),
        "core.sshCommand": str(script),
        "core.pager": str(script),
        "core.editor": str(script),
        "core.alternateRefsCommand": str(script),
        "credential.helper": f"!{script}",
        "gpg.program": str(script),
        "commit.gpgSign": "true",
        "gc.auto": "1",
        "uploadpack.packObjectsHook": str(script),
    }.items():
        with (git / "config").open("a") as config:
            section, _, name = key.rpartition(".")
            head, _, sub = section.partition(".")
            title = f'[{head} "{sub}"]' if sub else f"[{head}]"
            config.write(f'{title}\n\t{name} = "{value}"\n')
    mark.unlink(missing_ok=True)
    return workspace, mark


def test_nothing_of_the_repo_runs_on_the_host(hostile: tuple[Workspace, Path]) -> None:
    workspace, mark = hostile
    quiet = {"MAI_HEADLESS_APPROVAL": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = workspace.submit(FIX, environment=quiet)
    assert not mark.exists(), mark.read_text()
    assert ran.json["state"] == "pending", ran.out + ran.err
    refused = workspace.approve(ran.json, environment=quiet)
    assert refused.code == 2, "the repo's own .env gave leave to approve"
    for command in (
        ("improve", "--json"),
        ("pending", "--json"),
        ("risk", "calc", "--json"),
        ("doctor", "--json"),
        ("config", "--json"),
        ("show", ran.json["id"], "--json"),
    ):
        workspace.mai(*command, environment=quiet)
        assert not mark.exists(), (command, mark.read_text())
    landed = workspace.approve(ran.json)
    assert landed.code == 0, landed.out + landed.err
    assert not mark.exists(), mark.read_text()
    workspace.mai("rollback", ran.json["id"], "--yes", "--json")
    assert not mark.exists(), mark.read_text()


def test_a_redirected_work_tree_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    workspace.git("config", "core.worktree", str(other))
    ran = workspace.submit(FIX)
    assert ran.code == 2, ran.out + ran.err
    assert list(other.iterdir()) == []


def test_inherited_git_variables_reach_nothing(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace.make(tmp_path / "other")
    elsewhere = {
        "GIT_DIR": str(other.repo.root / ".git"),
        "GIT_WORK_TREE": str(other.repo.root),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": str(tmp_path),
    }
    before = other.repo.head()
    proposal = workspace.submit(FIX, environment=elsewhere)
    assert proposal.code == 0, proposal.out + proposal.err
    landed = workspace.approve(proposal.json, environment=elsewhere)
    assert landed.code == 0, landed.out + landed.err
    assert other.repo.head() == before
    assert workspace.repo.head() == landed.json["landed"]["commit"]
