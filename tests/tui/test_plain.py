from __future__ import annotations

import contextlib
import json
import os
import pty
import readline
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.console import Desktop
from tests.workspace import FIX


def test_a_conversation_through_a_pipe(desktop: Desktop) -> None:
    lines = "/aprove\nhello\n/pending\n/history\n/model\n/clear\n/help\n/quit\nnever read\n"
    ran = desktop.workspace.mai("--plain", data=lines)
    assert ran.code == 0
    assert "Did you mean /approve?" in ran.out
    assert "I work on reflexes" in ran.out
    assert "Nothing waits for you." in ran.out
    assert "Nothing has landed yet." in ran.out
    assert "/rollback ID" in ran.out
    assert "\x1b" not in ran.out + ran.err
    assert "never read" not in ran.out


def test_the_end_of_the_input_ends_it(desktop: Desktop) -> None:
    ran = desktop.workspace.mai("--plain", data="/pending")
    assert ran.code == 0
    assert "Nothing waits for you." in ran.out


def test_no_repo_is_said_with_the_right_exit_code(desktop: Desktop) -> None:
    ran = desktop.workspace.mai("--plain", "--repo", str(desktop.workspace.folder / "data"))
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_a_yes_through_a_pipe_needs_the_digest(desktop: Desktop) -> None:
    proposal = desktop.pending()
    refused = desktop.workspace.mai("--plain", data=f"/approve {proposal.short_id}\n")
    assert "the digest is required" in refused.out
    digest = proposal.digest.removeprefix("sha256:")[:6]
    landed = desktop.workspace.mai("--plain", data=f"/approve {proposal.short_id} {digest}\n")
    assert "landed on main" in landed.out
    assert "Approved-by: headless:" in desktop.workspace.git("log", "-1", "--format=%B")


def test_a_yes_through_a_pipe_is_the_users_to_allow(desktop: Desktop) -> None:
    proposal = desktop.pending()
    ran = desktop.workspace.mai(
        "--plain",
        data=f"/approve {proposal.short_id} {proposal.digest}\n",
        environment={"MAI_HEADLESS_APPROVAL": ""},
    )
    assert "There is no terminal to ask at." in ran.out
    assert desktop.state(proposal) == "pending"


def test_a_no_keeps_its_reason(desktop: Desktop) -> None:
    proposal = desktop.pending()
    lines = f"/show {proposal.short_id}\n/reject {proposal.short_id} not like this\n"
    ran = desktop.workspace.mai("--plain", data=lines)
    assert "+    return sum(xs) / len(xs)" in ran.out
    assert "was rejected" in ran.out
    with desktop.core() as core:
        assert core.get(proposal.id).reason == "not like this"


def test_ask_prints_one_answer_without_escapes_or_thoughts(desktop: Desktop) -> None:
    transcript = desktop.workspace.folder / "demo"
    answer = {"text": "<think>no\n</think>\nIt is \x1b[31mthe divisor\x1b[0m."}
    transcript.write_text(json.dumps(answer))
    scripted = {"MAI_PROVIDER": "scripted", "MAI_TRANSCRIPT": str(transcript)}
    ran = desktop.workspace.mai("ask", "why?", environment=scripted)
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert "the divisor" in ran.out
    assert "think" not in ran.out
    ran = desktop.workspace.mai("ask", "why?", "--json", environment=scripted)
    assert "the divisor" in ran.json["text"]


def test_a_model_that_fails_is_a_sentence(desktop: Desktop) -> None:
    transcript = desktop.workspace.folder / "demo"
    transcript.write_text(json.dumps({"text": "It", "error": "The server went away."}))
    scripted = {"MAI_PROVIDER": "scripted", "MAI_TRANSCRIPT": str(transcript)}
    ran = desktop.workspace.mai("--plain", data="why?\n/pending\n", environment=scripted)
    assert "The server went away." in ran.out
    assert "Nothing waits for you." in ran.out


@pytest.mark.docker
def test_a_patch_is_told_step_by_step(desktop: Desktop) -> None:
    patch = desktop.workspace.folder / "fix.patch"
    patch.write_text(FIX)
    ran = desktop.workspace.mai("--plain", data=f"/submit {patch}\n")
    steps = [line.partition(":")[0] for line in ran.out.splitlines() if ": done after" in line]
    assert steps == ["check", "assess", "trial", "review"]
    assert "waits for you. /show" in ran.out


def test_a_fenced_block_in_a_pipe_is_one_message(desktop: Desktop) -> None:
    block = "```python\n/aprove\n\n/quit\n```\n"
    ran = desktop.workspace.mai("--plain", data=f"{block}/pending\n")
    assert ran.code == 0
    assert "Did you mean" not in ran.out
    assert ran.out.count("No model thinks here") == 1
    assert ran.out.endswith("Nothing waits for you.\n")


def test_a_fence_that_never_closes_hides_no_line(desktop: Desktop) -> None:
    ran = desktop.workspace.mai("--plain", data="```\n/pending\n/quit\nnever read\n")
    assert ran.out.rstrip().endswith("Nothing waits for you.")
    assert "never read" not in ran.out


@pytest.mark.skipif(
    "libedit" in (readline.__doc__ or ""), reason="libedit knows no bracketed paste"
)
def test_a_block_pasted_at_a_terminal_is_one_message(desktop: Desktop) -> None:
    main, other = pty.openpty()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("mai")), "--plain"],
        cwd=desktop.workspace.repo.root,
        env={**desktop.workspace.environment, "TERM": "xterm"},
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    typed = [b"\x1b[200~first line\r\n/aprove\r\n/quit\x1b[201~\r", b"/quit\r"]
    screen = b""
    with contextlib.suppress(OSError):  # the terminal's other end closes when the process ends
        while piece := os.read(main, 65536):
            screen += piece
            is_answered = b"I work on reflexes. I can" in screen
            if typed and screen.count("› ".encode()) and (len(typed) > 1 or is_answered):
                os.write(main, typed.pop(0))
    os.close(main)
    assert process.wait(timeout=60) == 0
    assert b"Did you mean" not in screen
