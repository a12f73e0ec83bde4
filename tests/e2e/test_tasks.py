"""A task from the command line to a proposal: the real stages, sandbox, ledger and memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.test_terminal import at_terminal
from tests.workspace import CALC, FIX, Workspace

pytestmark = pytest.mark.docker

PLAN = {
    "title": "Divide by the count",
    "why": "mean([1, 2, 3]) gives 3.0.",
    "steps": [{"path": "calc/core.py", "what": "divide by the count"}],
}
MENDED = CALC["calc/core.py"].replace("(len(xs) - 1)", "len(xs)")
CODE = f"calc/core.py\n```python\n{MENDED}```\n"
BREAKS = CODE.replace("2 * x", "3 * x")
FINE = {"is_done": True, "problem": ""}


def plays(workspace: Workspace, *answers: object) -> dict[str, str]:
    """Write a transcript; return the environment that plays it."""
    path = workspace.folder / "transcript.jsonl"
    texts = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return {"MAI_PROVIDER": "scripted", "MAI_TRANSCRIPT": str(path)}


def entries(workspace: Workspace) -> list[dict[str, Any]]:
    out = workspace.mai("audit", "export").out
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def test_a_task_is_planned_tried_mended_and_on_record(workspace: Workspace) -> None:
    token = "ghp_" + "a1B2" * 9
    played = plays(workspace, PLAN, BREAKS, FINE, CODE, FINE)
    ran = workspace.mai("change", f"Fix the mean; not {token}", "--json", environment=played)
    assert ran.code == 0, ran.out + ran.err
    assert ran.json["state"] == "pending"
    assert ran.json["title"] == "Divide by the count"
    assert ran.json["trial"]["fixed"] == ["tests/test_core.py::test_mean"]
    assert "fails at trial" in ran.err
    told = entries(workspace)
    task = next(one["proposal"] for one in told if one["kind"] == "task_started")
    assert task.startswith("task-")
    kinds = [one["kind"] for one in told if one["proposal"] == task]
    assert kinds == [
        "task_started",
        *["task_stage"] * 6,
        "task_round",
        *["task_stage"] * 2,
        "task_ended",
    ]
    assert token not in json.dumps(told)
    notes = [one for one in told if one["kind"] == "noted"]
    assert [one["data"] for one in notes] == [
        {"task": task, "round": 1},
        {"task": task, "round": 2},
    ]
    assert workspace.mai("audit", "verify").code == 0
    # A task is nothing that anybody could approve, and the work tree is as it was.
    assert workspace.mai("show", task).code == 2
    assert workspace.git("status", "--porcelain") == ""


def test_what_does_not_apply_ends_with_5_and_leaves_nothing(workspace: Workspace) -> None:
    lost = "calc/core.py\n```\n<<<<<<< SEARCH\nno\n=======\nx\n>>>>>>> REPLACE\n```\n"
    played = plays(workspace, PLAN, lost, lost + "\n1", lost + "\n2")
    ran = workspace.mai("change", "Fix the mean", "--json", environment=played)
    assert ran.code == 5
    assert ran.json["error"]["code"] == "does-not-apply"
    assert workspace.git("for-each-ref", "refs/mai") == ""


def test_a_refusal_is_remembered_and_told_to_the_model(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX, "--title", "Divide the mean by the count").json
    reason = "We use the sample variance here."
    workspace.mai("reject", proposal["id"], "--reason", reason)
    found = workspace.mai("memory", "search", "sample variance", "--json").json["notes"]
    assert found[0]["kind"] == "refused"
    assert reason in found[0]["text"]
    counted = workspace.mai("memory", "stats", "--json").json
    assert counted["kinds"] == {"refused": 1}
    exported = workspace.mai("memory", "export").out
    assert workspace.mai("memory", "forget", str(found[0]["id"]), "--json").json["forgotten"] == 1
    assert workspace.mai("memory", "search", "variance", "--json").json["notes"] == []
    imported = workspace.mai("memory", "import", "-", "--json", data=exported.replace("mal", "m"))
    assert imported.json == {"imported": 0, "error": None}
    text = workspace.mai("memory", "import", "-", "--json", data="Tabs, never.\n\nNo classes.\n")
    assert text.json["imported"] == 2
    assert workspace.mai("memory", "forget", "--json").json["error"]["code"] == "usage"
    assert workspace.mai("memory", "import", "nonesuch", "--json").code == 2


def test_asking_looks_at_the_repo_and_runs_its_tests_in_the_sandbox(workspace: Workspace) -> None:
    look = {"tool": "run_tests", "arguments": {}}
    played = plays(workspace, look, "One test fails: test_mean.")
    ran = workspace.mai("ask", "What fails?", environment=played)
    assert ran.out.strip() == "One test fails: test_mean."
    assert "I look: run_tests()" in ran.err
    said = workspace.mai("memory", "search", "fails", "--json").json["notes"]
    assert {note["kind"] for note in said} == {"said", "answered"}
    assert workspace.git("status", "--porcelain") == ""


@pytest.mark.parametrize(("keys", "code"), [("y\n", 0), ("n\n", 7), ("\n", 7)])
def test_a_plan_is_shown_at_a_terminal(workspace: Workspace, keys: str, code: int) -> None:
    workspace.environment.update(plays(workspace, PLAN, CODE, FINE))
    ended, screen = at_terminal(workspace, "change", "Fix the mean", keys=keys)
    assert "- calc/core.py: divide by the count" in screen.partition("Go on")[0]
    assert ended == code, screen
    assert ("nothing was written" in screen) == bool(code)


def test_a_plan_can_be_changed_at_a_terminal(workspace: Workspace) -> None:
    editor = workspace.folder / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/^Title: .*/Title: Mend the mean/" "$1"\n', "utf-8")
    editor.chmod(0o755)
    workspace.environment.update(plays(workspace, PLAN, CODE, FINE), EDITOR=str(editor))
    ended, screen = at_terminal(workspace, "change", "Fix the mean", keys="edit\ny\n")
    assert ended == 0, screen
    (proposal,) = workspace.mai("pending", "--json").json["proposals"]
    assert proposal["title"] == "Mend the mean"


def test_yes_beforehand_is_not_asked(workspace: Workspace) -> None:
    workspace.environment.update(plays(workspace, PLAN, CODE, FINE))
    ended, screen = at_terminal(workspace, "change", "Fix the mean", "--yes")
    assert ended == 0, screen
    assert "Go on with this plan" not in screen


def test_a_reviewer_elsewhere_that_cannot_be_had_approves_nothing(workspace: Workspace) -> None:
    ran = workspace.mai("submit", "-", "--json", data=FIX, environment={"MAI_REVIEWER": "claude"})
    assert ran.json["state"] == "pending"
    assert ran.json["review"]["verdict"] == "none"
    assert "ANTHROPIC_API_KEY" in ran.json["review"]["concerns"][0]
    assert "go to Anthropic" not in ran.err
