"""The set-up scripts, run in trees of their own; only programs that are not Mai's are stand-ins."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.host

TOP = Path(__file__).resolve().parents[2]
NEEDED = [
    "bash",
    "env",
    "dirname",
    "cat",
    "sha256sum",
    "cut",
    "flock",
    "tr",
    "wc",
    "nproc",
    "awk",
    "make",
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with the scripts, and `bin` with the only programs there are."""
    tree = tmp_path / "a tree"
    shutil.copytree(TOP / ".ci", tree / ".ci")
    shutil.copy(TOP / "Makefile", tree)
    shutil.copy(TOP / "pyproject.toml", tree)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    return tree


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(tree: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=tree,
        env={"PATH": str(tree.parent / "bin"), "HOME": str(tree.parent), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def made(tree: Path, what: str) -> None:
    """Leave the stamp that says that .venv is complete."""
    key = hashlib.sha256((tree / "pyproject.toml").read_bytes() + f"{tree}\n".encode()).hexdigest()
    (tree / ".venv").mkdir(exist_ok=True)
    (tree / ".venv" / f".made-{what}").write_text(key[:20] + "\n")


def test_help_names_every_target(tree: Path) -> None:
    answer = run(tree, "make")
    targets = re.findall(r"^([a-z]+):", (tree / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^make ([a-z]+) +\S", answer.stdout, re.MULTILINE) == targets
    assert {"run", "test", "check", "format", "bench"} <= set(targets)


def test_a_python_that_is_too_old_is_one_sentence(tree: Path) -> None:
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        program(tree.parent / "bin" / name, "exit 1")
    answer = run(tree, ".ci/setup")
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr == (
        "Mai needs Python 3.11 or newer: install it (on Debian: apt-get install python3 "
        "python3-venv) and run make again.\n"
    )
    assert not (tree / ".venv").exists()


def test_a_newer_python_beside_an_old_one_is_found(tree: Path) -> None:
    program(tree.parent / "bin" / "python3", "exit 1")
    program(tree.parent / "bin" / "python3.12", 'case "$1" in -m) exit 9;; -V) echo 3.12;; esac')
    answer = run(tree, ".ci/setup")
    assert "Making the environment .venv with 3.12." in answer.stdout
    assert "python3-venv" in answer.stderr
    assert answer.returncode == 2


def test_what_is_complete_is_left_alone(tree: Path) -> None:
    program(tree / ".venv" / "bin" / "python", "exit 9")
    made(tree, "run")
    answer = run(tree, ".ci/setup", "run")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_packages_that_cannot_be_had_are_a_sentence_and_leave_no_stamp(tree: Path) -> None:
    answer = run(
        tree,
        ".ci/setup",
        "run",
        PYTHON=sys.executable,
        PIP_NO_INDEX="1",
        PIP_CONFIG_FILE=os.devnull,
    )
    assert answer.returncode == 1
    assert answer.stderr.endswith(
        "The packages could not be installed (pip says why above): mend that, or try again "
        "when the network is back.\n"
    )
    assert not list((tree / ".venv").glob(".made-*"))


@pytest.fixture
def complete(tree: Path) -> Path:
    """A tree whose .venv is complete: its tools write down that they ran, and end as told."""
    for name in ("ruff", "mypy", "lint-imports", "mai"):
        program(
            tree / ".venv" / "bin" / name,
            f'echo "{name} $@" >>"{tree}/ran"; eval "exit \\${{{name.replace("-", "_")}_code:-0}}"',
        )
    program(
        tree / ".venv" / "bin" / "python",
        f'echo "python $@" >>"{tree}/ran"\n'
        'case "$2" in pytest) echo "== 3 passed in 0.10s =="; exit ${pytest_code:-0};;\n'
        '*bootstrap) [ -z "$no_engine" ] || { echo "$no_engine" >&2; exit 6; };; esac',
    )
    made(tree, "run")
    made(tree, "dev")
    return tree


def test_everything_runs_in_order_and_pytest_has_the_last_word(complete: Path) -> None:
    answer = run(complete, "make", "test", "ARGS=-k risk")
    assert answer.returncode == 0
    assert answer.stdout.splitlines()[-1] == "== 3 passed in 0.10s =="
    ran = (complete / "ran").read_text().splitlines()
    assert [line.rstrip() for line in ran[:4]] == [
        "ruff format --check .",
        "ruff check .",
        "mypy",
        "lint-imports",
    ]
    assert ran[4] == "python -m mai.sandbox.bootstrap image"
    assert re.fullmatch(r"python -m pytest -n [2-8] --dist loadgroup -k risk", ran[5])
    assert len(ran) == 6


def test_the_first_failure_decides_and_the_tests_run_all_the_same(complete: Path) -> None:
    codes = {"ruff_code": "5", "lint_imports_code": "7", "pytest_code": "1"}
    answer = run(complete, ".ci/run", **codes)
    assert answer.returncode == 5
    assert "see above: ruff format, ruff check, lint-imports. The tests" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "== 3 passed in 0.10s =="


def test_failing_tests_fail(complete: Path) -> None:
    assert run(complete, ".ci/run", pytest_code="4").returncode == 4


def test_no_engine_fails_the_tests_before_they_run(complete: Path) -> None:
    answer = run(complete, ".ci/run", no_engine="No engine; do this.")
    assert answer.returncode == 6
    assert answer.stderr == "No engine; do this.\n"
    assert "pytest" not in (complete / "ran").read_text()


def test_no_engine_lets_the_console_open(complete: Path) -> None:
    answer = run(complete, "make", "run", "ARGS=--plain", no_engine="No engine; do this.")
    assert answer.returncode == 0
    assert answer.stderr == "No engine; do this.\n"
    assert "trials are refused" in answer.stdout
    assert (complete / "ran").read_text().splitlines()[-1] == "mai --plain"


def test_checks_alone_need_neither_engine_nor_tests(complete: Path) -> None:
    answer = run(complete, "make", "check", no_engine="none")
    assert answer.returncode == 0
    assert "python" not in (complete / "ran").read_text()


def test_the_persons_own_settings_do_not_reach_the_tests(complete: Path) -> None:
    program(complete / ".venv" / "bin" / "mypy", f'env >"{complete}/environment"')
    run(complete, ".ci/run", MAI_MODEL="mine", DISCORD_BOT_TOKEN="t", CI="true")
    environment = (complete / "environment").read_text()
    assert "CI=true" in environment
    assert "mine" not in environment
    assert "DISCORD" not in environment
