"""What a terminal gets and a pipe does not: colours, whole words and a pager."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest

from mai.commands.terminal.paint import paint_diff_line, paint_line
from mai.commands.terminal.wrap import columns, wrap_line
from tests.workspace import Workspace

SGR = re.compile(r"\x1b\[[\d;]*m")
RISKY = (
    "import os, shutil, subprocess\n"
    "def wipe(path):\n    shutil.rmtree(path)\n    subprocess.run(['rm', path])\n"
    "    os.system(path)\n    eval(path)\n"
)
LONG = "The ledger of this repo lost its end, which a person has to accept before anything lands."


def on_terminal(
    workspace: Workspace,
    *arguments: str,
    width: int = 80,
    height: int = 200,
    environment: Mapping[str, str] | None = None,
    has_keyboard: bool = True,
) -> tuple[int, str]:
    """Run `mai` on a terminal of that size. Return exit code and what it was sent."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("mai")), *arguments],
        cwd=workspace.repo.root,
        env={**workspace.environment, "TERM": "xterm", **(environment or {})},
        stdin=other if has_keyboard else subprocess.DEVNULL,
        stdout=other,
        stderr=other,
        start_new_session=True,
    )
    os.close(other)
    screen = b""
    with contextlib.suppress(OSError):  # the other end is closed: the process has ended
        while piece := os.read(main, 65536):
            screen += piece
    os.close(main)
    return process.wait(timeout=60), screen.decode().replace("\r\n", "\n")


@pytest.fixture
def risky(workspace: Workspace) -> Workspace:
    (workspace.repo.root / "risky.py").write_text(RISKY)
    return workspace


@pytest.fixture
def pager(tmp_path: Path) -> Path:
    """Make a pager that marks what it was given."""
    program = tmp_path / "pagers" / "shows"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho PAGED $1\ncat\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("width", [40, 80, 120])
def test_findings_keep_their_words_and_fit(risky: Workspace, width: int) -> None:
    piped = risky.mai("risk", "risky.py").out
    code, screen = on_terminal(risky, "risk", "risky.py", width=width)
    assert code == 0
    assert "\x1b[33m▲ MEDIUM\x1b[0m" in screen
    bare = SGR.sub("", screen)
    assert bare.split() == piped.split()
    for line in bare.splitlines():
        assert columns(line) <= width or len(line.split()) == 1, line


def test_a_pipe_gets_neither_colours_nor_breaks(risky: Workspace) -> None:
    ran = risky.mai("risk", "risky.py", environment={"COLUMNS": "30", "TERM": "xterm"})
    assert "\x1b" not in ran.out + ran.err
    assert ran.out.splitlines()[0].startswith("risky.py:")
    assert all(re.match(r"risky\.py:\d+:\d+: .+\]\Z", one) for one in ran.out.splitlines()[:-2])


@pytest.mark.parametrize(
    ("variable", "text", "is_coloured"),
    [
        ("NO_COLOR", "1", False),
        ("NO_COLOR", "0", False),
        ("NO_COLOR", "", True),
        ("TERM", "dumb", False),
        ("TERM", "xterm", True),
    ],
)
def test_colour_can_be_turned_off(
    risky: Workspace, variable: str, text: str, is_coloured: bool
) -> None:
    code, screen = on_terminal(risky, "risk", "risky.py", environment={variable: text})
    assert code == 0
    assert "▲ MEDIUM" in screen
    assert ("\x1b" in screen) is is_coloured


@pytest.mark.parametrize("arguments", [("risk", "risky.py", "--json"), ("--plain",)])
def test_json_and_plain_have_no_colours(risky: Workspace, arguments: tuple[str, ...]) -> None:
    code, screen = on_terminal(risky, *arguments, has_keyboard=False)
    assert code == 0
    assert screen.strip()
    assert "\x1b" not in screen


@pytest.mark.parametrize("width", [40, 80])
def test_an_error_breaks_at_spaces(workspace: Workspace, width: int) -> None:
    code, screen = on_terminal(workspace, "risk", width=width)
    assert code == 2
    first, *others = screen.splitlines()
    assert " ".join(screen.split()) == "Give paths, or --diff FILE, or --staged: one of the three."
    assert len(first) <= width
    assert all(one.startswith("  ") and len(one) <= width for one in others)


@pytest.mark.parametrize("variable", ["MAI_PAGER", "PAGER"])
def test_a_long_answer_goes_through_the_pager(risky: Workspace, pager: Path, variable: str) -> None:
    named = {variable: f"{pager} 'an argument'"}
    code, screen = on_terminal(risky, "risk", "risky.py", height=4, environment=named)
    assert code == 0
    assert screen.startswith("PAGED an argument\n")
    assert "\x1b[33m▲ MEDIUM\x1b[0m" in screen


@pytest.mark.parametrize(
    ("arguments", "environment", "height"),
    [
        (("--no-pager", "risk", "risky.py"), {}, 4),
        (("risk", "risky.py", "--no-pager"), {}, 4),
        (("risk", "risky.py"), {"MAI_PAGER": ""}, 4),
        (("risk", "risky.py"), {"MAI_PAGER": "cat"}, 4),
        (("risk", "risky.py"), {"TERM": "dumb"}, 4),
        (("risk", "risky.py"), {}, 100),
        (("risk", "risky.py"), {"MAI_PAGER": "/no/such/program"}, 4),
        (("risk", "risky.py"), {"MAI_PAGER": "'unclosed"}, 4),
    ],
)
def test_where_no_pager_is_wanted_there_is_none(
    risky: Workspace,
    pager: Path,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    height: int,
) -> None:
    given = {"PAGER": str(pager), **environment}
    code, screen = on_terminal(risky, *arguments, height=height, environment=given)
    assert code == 0
    assert "PAGED" not in screen
    assert SGR.sub("", screen).split() == risky.mai("risk", "risky.py").out.split()


@pytest.mark.parametrize("named", ["shows", "./shows", "bin/shows"])
def test_a_pager_in_the_repo_is_never_run(risky: Workspace, pager: Path, named: str) -> None:
    root = risky.repo.root
    (root / "bin").mkdir()
    for place in (root / "shows", root / "bin" / "shows"):
        place.write_bytes(pager.read_bytes())
        place.chmod(0o755)
    path = f".:bin::{risky.environment['PATH']}"
    code, screen = on_terminal(
        risky, "risk", "risky.py", height=4, environment={"PAGER": named, "PATH": path}
    )
    assert code == 0
    assert "PAGED" not in screen
    found = f"{path}:{pager.parent}"
    _, screen = on_terminal(
        risky, "risk", "risky.py", height=4, environment={"PAGER": "shows", "PATH": found}
    )
    assert "PAGED" in screen


def test_leaving_the_pager_early_is_no_failure(workspace: Workspace) -> None:
    for number in range(200):
        (workspace.repo.root / f"risky{number}.py").write_text(RISKY)
    leaves = {"PAGER": "true"}
    code, screen = on_terminal(workspace, "risk", ".", height=4, environment=leaves)
    assert (code, screen.replace("\x1b", "").count("MEDIUM")) == (0, 0), screen
    code, _ = on_terminal(workspace, "risk", ".", "--fail-on", "LOW", height=4, environment=leaves)
    assert code == 3


@pytest.mark.parametrize(
    ("line", "painted"),
    [
        ("✓ git  2.39", "\x1b[32m✓\x1b[0m git  2.39"),
        ("✗ engine  none", "\x1b[31m✗\x1b[0m engine  none"),
        ("▲ log  gone", "\x1b[33m▲\x1b[0m log  gone"),
        ("● 7f3a12 · ■ BLOCKED · x", "\x1b[94m●\x1b[0m 7f3a12 · \x1b[31;7m■ BLOCKED\x1b[0m · x"),
        ("Risk    ▲ MEDIUM", "Risk    \x1b[33m▲ MEDIUM\x1b[0m"),
        ("        ◆ HIGH m.py:3 x", "        \x1b[31m◆ HIGH\x1b[0m m.py:3 x"),
        (
            "✗ 7f3a12  rejected    ◆ HIGH    “x”",
            "\x1b[31m✗\x1b[0m 7f3a12  rejected    \x1b[31m◆ HIGH\x1b[0m    “x”",
        ),
        ("LOW", "LOW"),
        ("> ✓ said a model", "> ✓ said a model"),
        ("> 7f3a12 · ◆ HIGH", "> 7f3a12 · ◆ HIGH"),
        ("“a title ✓ ◆ HIGH”", "“a title ✓ ◆ HIGH”"),
    ],
)
def test_only_marks_of_mais_own_are_coloured(line: str, painted: str) -> None:
    assert paint_line(line) == painted


@pytest.mark.parametrize(
    ("line", "colour"),
    [("+x = 1", "32"), ("-x", "31"), ("@@ -1 +1 @@", "36"), (" ✓ x", ""), ("+++ b/m.py", "32")],
)
def test_a_diff_is_coloured_by_its_signs(line: str, colour: str) -> None:
    assert paint_diff_line(line) == (f"\x1b[{colour}m{line}\x1b[0m" if colour else line)


@pytest.mark.parametrize("width", [20, 40, 80, 120])
@pytest.mark.parametrize(
    "line",
    [
        LONG,
        f"> {LONG}",
        f"        ◆ HIGH m.py:3 {LONG}",
        f"✗ engine             {LONG}",
        f"● 7f3a12  pending     ▲ MEDIUM  “{LONG}”",
        f"m.py:3:1: ▲ MEDIUM {'path/' * 30} 日本語の長い文 {LONG}",
    ],
)
def test_words_stay_whole_and_later_lines_hang(line: str, width: int) -> None:
    painted = paint_line(line)
    wrapped = [SGR.sub("", each) for each in wrap_line(painted, width).split("\n")]
    words = [word for at, each in enumerate(wrapped) for word in each.split()[_quote(each, at) :]]
    assert words == line.split()
    start = "> " if line.startswith("> ") else "  "
    assert all(each.startswith(start) for each in wrapped[1:])
    for each in wrapped:
        assert columns(each) <= width or len(each.removeprefix("> ").split()) <= 2, each
    assert wrap_line(painted, 1000) == painted


def _quote(line: str, at: int) -> int:
    return 1 if at and line.startswith("> ") else 0
