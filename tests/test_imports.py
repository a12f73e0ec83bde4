"""What a command does not need it does not import: start-up time is a feature."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gitrepo import make_repo

HEAVY = {"textual", "discord", "aiohttp", "ollama", "lmstudio", "docker", "git", "libcst"}
FOR_HELP = HEAVY | {
    "pydantic",
    "pydantic_settings",
    "sqlite_utils",
    "structlog",
    "jinja2",
    "psutil",
    "rich",
}

_SCRIPT = """
import json, sys
sys.argv = ["mai", *json.loads(sys.argv[1])]
try:
    from mai.commands.main import run
    if len(sys.argv) > 1:
        run()
except SystemExit as end:
    code = end.code
else:
    code = 0
loaded = sorted({name.partition(".")[0] for name in sys.modules})
sys.__stderr__.write("\\n" + json.dumps([code, loaded]))
"""


def loaded_by(tmp_path: Path, *arguments: str) -> tuple[int, set[str]]:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MAI_")}
    environment["MAI_CONFIG_DIR"] = str(tmp_path / "config")
    environment["MEMORY_DB_PATH"] = str(tmp_path / "data" / "mai.db")
    environment["MAI_LOG_DIR"] = str(tmp_path / "logs")
    answer = subprocess.run(
        [sys.executable, "-c", _SCRIPT, json.dumps(arguments)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    code, loaded = json.loads(answer.stderr.splitlines()[-1])
    return code or 0, set(loaded)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--version",)], ids=str)
def test_the_first_screen_imports_no_more_than_typer(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, loaded = loaded_by(tmp_path, *arguments)
    assert code == 0
    assert "typer" in loaded
    assert loaded & FOR_HELP == set()


@pytest.mark.parametrize("command", ["risk", "submit", "doctor", "approve", "serve"])
def test_a_commands_help_imports_no_more_than_typer(tmp_path: Path, command: str) -> None:
    code, loaded = loaded_by(tmp_path, command, "--help")
    assert code == 0
    # typer itself reads a command's parameters with pydantic.
    assert loaded & (FOR_HELP - {"pydantic"}) == set()


def test_scoring_imports_no_screen_no_model_no_engine(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    code, loaded = loaded_by(tmp_path, "risk", "a.py", "--json")
    assert code == 0
    assert loaded & {"textual", "discord", "ollama", "lmstudio", "docker", "aiohttp"} == set()


@pytest.mark.host
def test_submitting_imports_no_screen_and_no_model(tmp_path: Path) -> None:
    (tmp_path / "x.patch").write_text("nothing that anybody could apply\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    code, loaded = loaded_by(tmp_path, "submit", "x.patch", "--json")
    assert code == 2  # a repository without commits
    assert loaded & {"textual", "discord", "ollama", "lmstudio", "aiohttp"} == set()


@pytest.mark.parametrize("command", ["pending", "history"])
def test_a_list_loads_neither_what_judges_nor_what_logs(tmp_path: Path, command: str) -> None:
    make_repo(tmp_path / "repo", {"a.py": "x = 1\n"})
    code, loaded = loaded_by(tmp_path, command, "--repo", str(tmp_path / "repo"), "--json")
    assert code == 0
    unneeded = (HEAVY - {"git"}) | {"structlog", "rich", "jinja2"}
    assert loaded & unneeded == set()


def test_importing_writes_nothing_and_says_nothing(tmp_path: Path) -> None:
    loaded_by(tmp_path)
    assert list(tmp_path.iterdir()) == []
