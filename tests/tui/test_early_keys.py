"""At a real terminal a question takes only what was typed after it, and every question does."""

from __future__ import annotations

import ast
import contextlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mai
from mai.proposal import State
from tests.tui.console import Desktop

_READING = re.compile(r"stdin\.readline|\binput\(|typer\.(?:confirm|prompt)")
PIN = {"MAI_APPROVAL_PIN": "4711"}


def typing(
    desktop: Desktop,
    arguments: list[str],
    early: str,
    answers: list[tuple[str, str]],
    **environment: str,
) -> tuple[int, str]:
    """Run `mai` with `early` typed ahead, and each answer typed once its question is there."""
    main, other = pty.openpty()
    workspace = desktop.workspace
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("mai")), *arguments],
        cwd=workspace.repo.root,
        env={
            **workspace.environment,
            **environment,
            "MAI_HEADLESS_APPROVAL": "",
            "MAI_PAGER": "cat",
            "TERM": "xterm",
        },
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    os.write(main, early.encode())
    screen, left = "", answers.copy()
    with contextlib.suppress(OSError):  # the other end is closed: the process has ended
        while piece := os.read(main, 65536):
            screen += piece.decode(errors="replace")
            if left and left[0][0] in screen:
                os.write(main, left.pop(0)[1].encode())
    os.close(main)
    assert not left, screen
    return process.wait(timeout=60), screen


@pytest.mark.parametrize(
    ("arguments", "early", "answers", "environment", "said"),
    [
        (["approve"], "y\ny\n", [("[y/N] ", "n\n")], {}, "Nothing was approved"),
        # More than a terminal holds at once: the rest comes in while the first is dropped.
        (["approve"], "y\n" * 1500, [("[y/N] ", "n\n")], {}, "Nothing was approved"),
        (["approve"], "", [("[y/N] ", "y\n4711\n"), ("PIN: ", "1\n")], PIN, "That is not the PIN"),
        (
            ["--plain"],
            "/approve {id}\ny\ny\n",
            [("[y/N] ", "n\n"), ("Nothing was approved", "/quit\n")],
            {},
            "it still waits for you",
        ),
    ],
)
def test_keys_typed_early_answer_nothing(
    *,
    desktop: Desktop,
    arguments: list[str],
    early: str,
    answers: list[tuple[str, str]],
    environment: dict[str, str],
    said: str,
) -> None:
    proposal = desktop.pending()
    if arguments == ["approve"]:
        arguments = ["approve", proposal.id]
    early = early.format(id=proposal.id)
    _, screen = typing(desktop, arguments, early, answers, **environment)
    assert said in screen
    assert desktop.state(proposal) is State.PENDING


def test_no_other_place_reads_an_answer() -> None:
    root = Path(mai.__file__).parent
    found = {
        f"{path.relative_to(root).as_posix()}::{function.name}"
        for path in root.rglob("*.py")
        if _READING.search(source := path.read_text(encoding="utf-8"))
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func)
        in {"sys.stdin.readline", "input", "typer.confirm", "typer.prompt"}
    }
    assert found == {
        "commands/output.py::ask",
        "commands/approval.py::check_pin",  # only where there is no terminal
        "commands/plain.py::_typed_lines",  # a conversation, in which nothing is asked
    }
