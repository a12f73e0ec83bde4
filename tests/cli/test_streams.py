"""What `mai` does when its standard streams are closed, full, cut off, or know no Unicode."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspace import Workspace

FULL = Path("/dev/full")


def shell(
    workspace: Workspace, script: str, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run `mai` as `$MAI` from a shell, which can do to its streams what Python cannot."""
    program = str(Path(sys.executable).with_name("mai"))
    return subprocess.run(
        ["bash", "-c", script],
        cwd=workspace.repo.root,
        env={**workspace.environment, "MAI": program, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ('"$MAI" submit - <&-', 5),  # an empty change
        ('"$MAI" <&-', 0),  # a conversation of no lines
        ('"$MAI" pending >&-', 0),
        ('"$MAI" submit /nowhere 2>&-', 2),
        ('"$MAI" pending --json <&- >&- 2>&-', 0),
        ('"$MAI" audit export | true; exit "${PIPESTATUS[0]}"', 0),
        ('"$MAI" --help | true; exit "${PIPESTATUS[0]}"', 0),
    ],
)
def test_closed_streams_are_no_fault(workspace: Workspace, script: str, code: int) -> None:
    ran = shell(workspace, script)
    assert ran.returncode == code, ran.stderr
    assert b"fault of mine" not in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert b"Exception ignored" not in ran.stderr


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("command", ["pending", "pending --json", "config", "--help"])
def test_a_full_disk_under_stdout_is_one_sentence(workspace: Workspace, command: str) -> None:
    ran = shell(workspace, f'"$MAI" {command} >{FULL}')
    assert ran.returncode == 1
    assert ran.stderr.decode() == "I could not write: No space left on device.\n"


def test_ascii_gets_escapes_and_valid_json(workspace: Workspace) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"}
    odd = os.fsdecode("é".encode() + b"\xff.py")
    (workspace.repo.root / odd).write_text("x = 1\n")
    written = shell(workspace, '"$MAI" audit verify', **ascii_only)
    assert written.returncode == 0
    assert b"\\u2713" in written.stdout
    for streams in (ascii_only, {"LC_ALL": "C"}, {}):
        told = shell(workspace, '"$MAI" risk *.py --json', **streams)
        paths = [one["path"] for one in json.loads(told.stdout.decode())["files"]]
        assert odd in paths


@pytest.mark.parametrize("command", ["show --json", "improve --rounds 0 --json", "--json --nope"])
def test_unfit_arguments_are_json_too(workspace: Workspace, command: str) -> None:
    ran = shell(workspace, f'"$MAI" {command}')
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["error"]["code"] == "usage"
    assert b"Traceback" not in ran.stderr


def test_ctrl_c_while_modules_are_read_is_quiet() -> None:
    # The module that `mai` reads next interrupts it, as a person does at any other instant.
    code = (
        "import signal, sys\n"
        # A shell that starts something in the background has it ignore the signal.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "from mai.commands import start\n"
        "start()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (130, b"")
