"""A model writes, another one reviews, and a person sees both, through the real clients."""

from __future__ import annotations

import json

import pytest

from tests.servers.ollama import Answer, Fault, OllamaServer, ServedModel
from tests.workspace import CALC, FIX, Workspace

pytestmark = pytest.mark.docker

IDEA = (
    "Title: Divide by the count\n"
    "Why: mean([1, 2, 3]) gives 3.0 instead of 2.0.\n\n"
    "calc/core.py\n```python\n" + CALC["calc/core.py"].replace("(len(xs) - 1)", "len(xs)") + "```\n"
)
AGREES = json.dumps({"verdict": "approve", "concerns": []})


def served(server: OllamaServer) -> dict[str, str]:
    return {"OLLAMA_ENDPOINT": server.url}


def test_a_model_writes_and_an_unmeasured_one_gives_no_verdict(workspace: Workspace) -> None:
    with OllamaServer(ServedModel("coder:7b")) as server:
        server.answers(IDEA)
        ran = workspace.mai(
            "improve", "--path", "calc/core.py", "--json", environment=served(server)
        )
    (proposal,) = ran.json["proposals"]
    assert proposal["state"] == "pending", ran.out + ran.err
    assert proposal["title"] == "Divide by the count"
    assert proposal["author"] == "coder:7b (ollama)"
    assert proposal["trial"]["fixed"] == ["tests/test_core.py::test_mean"]
    # Its accuracy as a reviewer was not measured, which would take minutes.
    assert proposal["review"]["verdict"] == "none"
    assert proposal["review"]["reviewer"] == "coder:7b (ollama)"
    assert "mai models calibrate" in proposal["review"]["concerns"][0]
    chats = [request.body for request in server.requests if request.path == "/api/chat"]
    assert all(chat["options"]["num_ctx"] for chat in chats)
    landed = workspace.approve(proposal)
    assert "Mai (coder:7b) <mai@localhost>" in workspace.git("log", "-1", "--format=%an <%ae>")
    assert landed.code == 0


def test_a_reviewer_that_fails_is_said_and_approves_nothing(workspace: Workspace) -> None:
    with OllamaServer(ServedModel("coder:7b")) as server:
        server.answers(IDEA, *[Answer("{", fault=Fault.DROP)] * 9)
        ran = workspace.mai(
            "improve", "--path", "calc/core.py", "--json", environment=served(server)
        )
    (proposal,) = ran.json["proposals"]
    assert proposal["state"] == "pending"
    assert proposal["review"]["verdict"] == "none"
    assert proposal["review"]["concerns"]


def test_a_transcript_plays_without_any_model(workspace: Workspace) -> None:
    transcript = workspace.folder / "transcript.jsonl"
    transcript.write_text(json.dumps({"text": IDEA}) + "\n" + json.dumps({"text": AGREES}) + "\n")
    scripted = {
        "MAI_PROVIDER": "scripted",
        "MAI_TRANSCRIPT": str(transcript),
        "MAI_REVIEWER": "scripted",
    }
    ran = workspace.mai("improve", "--path", "calc/core.py", "--json", environment=scripted)
    (proposal,) = ran.json["proposals"]
    assert proposal["state"] == "pending", ran.out + ran.err
    assert proposal["review"]["verdict"] == "approve"
    assert proposal["review"]["reviewer"] == "transcript.jsonl (scripted)"


def test_an_idea_that_does_not_apply_is_said_and_leaves_nothing(workspace: Workspace) -> None:
    block = "<<<<<<< SEARCH\n    return nothing like it\n=======\n    return 1\n>>>>>>> REPLACE"
    transcript = workspace.folder / "transcript.jsonl"
    idea = f"Title: Wrong\nWhy: It is.\n\ncalc/core.py\n```python\n{block}\n```\n"
    transcript.write_text("".join(json.dumps({"text": idea}) + "\n" for _ in range(4)))
    scripted = {"MAI_PROVIDER": "scripted", "MAI_TRANSCRIPT": str(transcript)}
    ran = workspace.mai("improve", "--path", "calc/core.py", "--json", environment=scripted)
    assert "Traceback" not in ran.err
    assert workspace.mai("pending", "--json").json["proposals"] == []
    assert workspace.git("for-each-ref", "refs/mai") == ""


def test_an_idea_that_changes_another_file_is_never_proposed(workspace: Workspace) -> None:
    transcript = workspace.folder / "transcript.jsonl"
    idea = "Title: Wrong\nWhy: It is.\n\ncalc/other.py\n```python\nX = 1\n```\n"
    transcript.write_text("".join(json.dumps({"text": idea}) + "\n" for _ in range(9)))
    scripted = {"MAI_PROVIDER": "scripted", "MAI_TRANSCRIPT": str(transcript)}
    ran = workspace.mai("improve", "--path", "calc/core.py", "--json", environment=scripted)
    assert ran.json["proposals"] == []
    assert "calc/other.py" in ran.err
    assert workspace.mai("pending", "--json").json["proposals"] == []
    assert workspace.git("for-each-ref", "refs/mai") == ""


def test_a_repos_own_test_command_decides(workspace: Workspace) -> None:
    policy = 'test_command = "python3 -m unittest -q check.py"\n[limits]\nmemory_mb = 128\n'
    check = (
        "import unittest\n\nfrom calc.core import mean\n\n\n"
        "class Check(unittest.TestCase):\n"
        "    def test_mean(self):\n"
        "        self.assertEqual(mean([1, 2, 3]), 2)\n"
    )
    workspace.repo.commit({"mai.toml": policy, "check.py": check}, "Check")
    ran = workspace.submit(FIX)
    assert ran.code == 0, ran.out + ran.err
    assert ran.json["trial"]["fixed"] == ["command"]
    assert ran.json["trial"]["verdict"] == "pass"


def test_a_test_the_change_edits_is_shown_as_changed_and_makes_it_high(
    workspace: Workspace,
) -> None:
    patch = (
        "--- a/calc/core.py\n+++ b/calc/core.py\n@@ -5,2 +5,2 @@\n def double(x):\n"
        "-    return 2 * x\n+    return [x, x]\n"
        "--- a/tests/test_core.py\n+++ b/tests/test_core.py\n@@ -8,2 +8,2 @@\n def test_double():\n"
        "-    assert double(4) == 8\n+    assert double(4) == [4, 4]\n"
    )
    ran = workspace.submit(patch)
    assert ran.code == 0, ran.out + ran.err
    assert ran.json["trial"]["verdict"] == "pass"
    assert ran.json["trial"]["changed"] == ["tests/test_core.py::test_double"]
    assert ran.json["trial"]["broken"] == []
    assert ran.json["risk"]["level"] == "HIGH"
    refused = workspace.approve(ran.json)
    assert refused.code == 2
    assert refused.json["error"]["code"] == "approval-refused"


def test_a_new_test_that_fails_fails_the_trial(workspace: Workspace) -> None:
    patch = (
        "--- /dev/null\n+++ b/tests/test_new.py\n@@ -0,0 +1,2 @@\n"
        "+def test_new():\n+    assert 1 == 2\n"
    )
    ran = workspace.submit(patch)
    assert ran.code == 4
    assert ran.json["trial"]["broken"] == ["tests/test_new.py::test_new"]


@pytest.mark.parametrize("steady", [1, 600])
def test_a_flaky_test_is_reported_and_decides_nothing(workspace: Workspace, steady: int) -> None:
    # Sixty coins: that none of them changes its mind is less likely than a cosmic ray.
    flaky = (
        "import random\n\nimport pytest\n\n\n@pytest.mark.parametrize('coin', range(60))\n"
        "def test_flaky(coin):\n    assert random.SystemRandom().random() < 0.5\n"
        f"\n\n@pytest.mark.parametrize('n', range({steady}))\ndef test_steady(n):\n    pass\n"
    )
    workspace.repo.commit({"tests/test_flaky.py": flaky}, "Coins")
    ran = workspace.submit(FIX)
    if steady == 1:
        # Where so many change their mind, the others may as well.
        assert ran.code == 6
        assert "of 63 tests end otherwise when they run again" in ran.json["error"]["message"]
        return
    trial = ran.json["trial"]
    assert "tests/test_core.py::test_mean" in trial["fixed"]
    assert trial["flaky"]
    assert all("flaky" in test_id for test_id in trial["flaky"])


def test_what_fails_only_among_others_is_broken_all_the_same(workspace: Workspace) -> None:
    """By itself it passes, so that all tests have to run again to tell that it is not flaky."""
    workspace.repo.commit(
        {
            "calc/log.py": (
                "def log(line, lines=()):\n    lines = [*lines, line]\n    return lines\n"
            ),
            "tests/test_log.py": (
                "import pytest\n\nfrom calc.log import log\n\n\n"
                "@pytest.mark.parametrize('n', range(20))\n"
                "def test_steady(n):\n    assert n == n\n\n\n"
                "def test_one():\n    assert log('a') == ['a']\n\n\n"
                "def test_two():\n    assert log('b') == ['b']\n"
            ),
        },
        "Log",
    )
    patch = (
        "--- a/calc/log.py\n+++ b/calc/log.py\n@@ -1,3 +1,3 @@\n-def log(line, lines=()):\n"
        "-    lines = [*lines, line]\n+def log(line, lines=[]):\n+    lines.append(line)\n"
        "     return lines\n"
    )
    ran = workspace.submit(patch)
    assert ran.code == 4
    assert ran.json["trial"]["broken"] == ["tests/test_log.py::test_two"]
    assert ran.json["trial"]["flaky"] == []
