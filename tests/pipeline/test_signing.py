"""Where the person signs commits a yes lands a signed one, or the question says otherwise."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mai.core import Core
from mai.errors import RepoBusy, StaleDigest
from mai.pipeline.land import _signing
from mai.proposal import Approval, State
from mai.system.logs import reset
from tests.surfaces.serving import core_of, waiting
from tests.workspace import FIX, Workspace

pytestmark = pytest.mark.host


def sign_with_ssh(workspace: Workspace) -> Path:
    home = workspace.folder / "home"
    key = home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (home / "allowed").write_text(f"ana@example.org {key.with_suffix('.pub').read_text()}")
    (home / ".gitconfig").write_text(
        "[commit]\n\tgpgsign = true\n"
        f"[user]\n\tsigningkey = {key}.pub\n"
        f'[gpg]\n\tformat = ssh\n[gpg "ssh"]\n\tallowedSignersFile = {home}/allowed\n'
    )
    return key


@pytest.fixture
def core(workspace: Workspace) -> Iterator[Core]:
    with core_of(workspace) as opened:
        yield opened
    reset()


def is_signed(workspace: Workspace) -> bool:
    return "gpgsig" in workspace.repo.git("cat-file", "commit", "HEAD")


def test_a_yes_lands_a_signed_commit(workspace: Workspace, core: Core) -> None:
    sign_with_ssh(workspace)
    proposal = waiting(core, FIX)
    assert proposal.signing == "The commit will be signed with your SSH key."
    assert "will be signed" in workspace.mai("show", proposal.id).out
    landed = core.approve(proposal.id, proposal.digest, "terminal:ana")
    assert landed.state is State.LANDED
    assert is_signed(workspace)


def test_what_cannot_be_signed_says_so_before_the_yes(workspace: Workspace, core: Core) -> None:
    sign_with_ssh(workspace).with_suffix(".pub").unlink()
    proposal = waiting(core, FIX)
    assert "NOT be signed" in proposal.signing
    assert "NOT be signed" in workspace.mai("show", proposal.id).out
    assert core.approve(proposal.id, proposal.digest, "terminal:ana").state is State.LANDED
    assert not is_signed(workspace)


def test_a_change_of_how_commits_are_signed_voids_a_yes(workspace: Workspace, core: Core) -> None:
    key = sign_with_ssh(workspace)
    proposal = waiting(core, FIX)
    key.with_suffix(".pub").unlink()
    with pytest.raises(StaleDigest):
        core.approve(proposal.id, proposal.digest, "terminal:ana")
    assert "NOT be signed" in core.get(proposal.id).signing


def test_a_promised_signature_is_never_left_out(workspace: Workspace, core: Core) -> None:
    key = sign_with_ssh(workspace)
    proposal = waiting(core, FIX)
    approval = Approval("terminal:ana", proposal.created_at, proposal.digest)
    by_setting = replace(approval, by="setting:auto-land-low")
    assert _signing(replace(proposal, approval=approval), core.repo) is not None
    assert _signing(replace(proposal, approval=by_setting), core.repo) is None
    key.with_suffix(".pub").unlink()
    with pytest.raises(RepoBusy, match="was to be signed"):
        _signing(replace(proposal, approval=approval), core.repo)
