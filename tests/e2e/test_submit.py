"""From a patch to a commit, through the front door, in a real container."""

from __future__ import annotations

import json
import signal

import pytest

from tests.workspace import BREAK, COMMENT, FIX, Workspace

pytestmark = pytest.mark.docker

KEYS = {
    "id", "state", "title", "base", "commit", "digest", "files", "risk", "trial", "review",
    "approval", "landed", "error",
}  # fmt: skip


def test_a_fix_becomes_a_reviewed_commit_and_can_be_taken_back(workspace: Workspace) -> None:
    before = workspace.repo.head()
    ran = workspace.submit(FIX, "--title", "Divide by the count", "--why", "The mean is wrong.")
    assert ran.code == 0, ran.err
    proposal = ran.json
    assert proposal.keys() >= KEYS
    assert proposal["state"] == "pending"
    assert proposal["base"] == before
    assert proposal["risk"]["level"] == "LOW"
    assert proposal["trial"]["verdict"] == "pass"
    assert proposal["trial"]["fixed"] == ["tests/test_core.py::test_mean"]
    assert proposal["trial"]["base"] == {"passed": 1, "failed": 1, "errors": 0, "skipped": 0}
    assert proposal["trial"]["head"] == {"passed": 2, "failed": 0, "errors": 0, "skipped": 0}
    assert proposal["review"]["verdict"] == "none"
    assert proposal["digest"].startswith("sha256:")
    assert proposal["error"] is None
    assert workspace.git("rev-parse", f"refs/mai/proposals/{proposal['id']}") == proposal["commit"]
    assert workspace.repo.head() == before
    assert workspace.git("status", "--porcelain") == ""

    landed = workspace.approve(proposal)
    assert landed.code == 0, landed.err
    assert landed.json["state"] == "landed"
    assert workspace.repo.head() == landed.json["landed"]["commit"]
    assert workspace.git("rev-parse", "HEAD^") == before
    assert workspace.git("status", "--porcelain") == ""
    assert "len(xs)\n" in (workspace.repo.root / "calc/core.py").read_text()
    trailers = workspace.git("log", "-1", "--format=%(trailers)")
    for name in (
        "Mai-Proposal",
        "Mai-Risk",
        "Mai-Trial",
        "Mai-Digest",
        "Mai-Ledger",
        "Approved-by",
    ):
        assert f"{name}: " in trailers
    assert workspace.git("log", "-1", "--format=%cn <%ce>") == "Ana Author <ana@example.org>"

    assert workspace.mai("history", "--json").json["history"][0]["id"] == proposal["id"]
    assert workspace.mai("audit", "verify", "--json").json["ok"] is True

    back = workspace.mai("rollback", proposal["id"][:6], "--yes", "--json")
    assert back.code == 0, back.out + back.err
    assert back.json["trial"]["broken"] == ["tests/test_core.py::test_mean"]
    assert workspace.git("rev-parse", "HEAD^{tree}") == workspace.git(
        "rev-parse", f"{before}^{{tree}}"
    )
    assert workspace.git("status", "--porcelain") == ""
    assert workspace.mai("show", proposal["id"], "--json").json["state"] == "rolled_back"
    assert workspace.mai("audit", "verify", "--json").json["ok"] is True


def test_a_change_that_breaks_a_test_ends_there(workspace: Workspace) -> None:
    ran = workspace.submit(BREAK)
    assert ran.code == 4
    assert ran.json["state"] == "failed"
    assert ran.json["trial"]["broken"] == ["tests/test_core.py::test_double"]
    assert ran.json["error"]["code"] == "trial"
    refused = workspace.mai("approve", ran.json["id"], "--digest", "0" * 12, "--json")
    assert refused.code in {2, 8}
    assert workspace.git("status", "--porcelain") == ""


def test_a_loop_is_the_failure_of_its_test(workspace: Workspace) -> None:
    patch = BREAK.replace("+    return 3 * x\n", "+    while x:\n+        pass\n").replace(
        "-5,2 +5,2", "-5,2 +5,3"
    )
    ran = workspace.submit(patch)
    assert ran.code == 4
    assert ran.json["trial"]["verdict"] == "fail"
    assert ran.json["trial"]["broken"] == ["tests/test_core.py::test_double"]
    assert ran.json["trial"]["message"] == "1 test ran out of time (timeout)."


def test_uncommitted_work_is_untouched_to_the_byte(workspace: Workspace) -> None:
    root = workspace.repo.root
    (root / "README.md").write_text("# calc\nmine, not committed\n")
    (root / "new.txt").write_bytes(b"\x00untracked\xff")
    workspace.git("add", "README.md")
    (root / "README.md").write_text("# calc\nmine, not staged\n")
    status = workspace.git("status", "--porcelain")
    proposal = workspace.submit(FIX).json
    landed = workspace.approve(proposal)
    assert landed.code == 0, landed.err
    assert landed.json["landed"]["is_beside"] is False
    assert workspace.git("status", "--porcelain") == status
    assert (root / "README.md").read_text() == "# calc\nmine, not staged\n"
    assert workspace.git("show", ":README.md") == "# calc\nmine, not committed"
    assert (root / "new.txt").read_bytes() == b"\x00untracked\xff"


def test_work_in_the_way_makes_it_land_beside(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX).json
    mine = "def mean(xs):\n    return 0\n"
    (workspace.repo.root / "calc/core.py").write_text(mine)
    before = workspace.repo.head()
    landed = workspace.approve(proposal)
    assert landed.code == 0, landed.err
    assert landed.json["landed"]["is_beside"] is True
    assert landed.json["landed"]["branch"] == f"mai-{proposal['id']}"
    assert workspace.repo.head() == before
    assert (workspace.repo.root / "calc/core.py").read_text() == mine
    assert workspace.git("rev-parse", f"mai-{proposal['id']}^") == before
    shown = workspace.mai("show", proposal["id"]).out
    assert f"git merge mai-{proposal['id']} brings it in" in shown


def test_a_branch_that_moved_elsewhere_keeps_the_digest(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX).json
    tip = workspace.repo.commit({"notes.txt": "mine\n"}, "Mine")
    landed = workspace.approve(proposal)
    assert landed.code == 0, landed.out + landed.err
    assert workspace.git("rev-parse", "HEAD^") == tip
    assert (workspace.repo.root / "notes.txt").read_text() == "mine\n"


def test_a_branch_that_moved_in_the_same_place_conflicts(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX).json
    workspace.repo.commit({"calc/core.py": "def mean(xs):\n    return 7\n"}, "Mine")
    refused = workspace.approve(proposal)
    assert refused.code == 8
    assert workspace.mai("show", proposal["id"], "--json").json["state"] == "conflicted"
    assert workspace.git("log", "-1", "--format=%s") == "Mine"


def test_a_yes_to_what_changed_since_is_refused(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX).json
    text = (workspace.repo.root / "calc/core.py").read_text()
    workspace.repo.commit({"calc/core.py": "# A header.\n" * 9 + text}, "Mine")
    refused = workspace.approve(proposal)
    assert refused.code == 8
    assert refused.json["error"]["code"] == "stale-digest"
    fresh = workspace.mai("show", proposal["id"], "--json").json
    assert fresh["state"] == "pending"
    assert fresh["digest"] != proposal["digest"]
    assert workspace.approve(fresh).code == 0


def test_a_base_that_was_reset_away_conflicts(workspace: Workspace) -> None:
    workspace.repo.commit({"notes.txt": "mine\n"}, "Mine")
    proposal = workspace.submit(FIX).json
    workspace.git("reset", "--quiet", "--hard", "HEAD^")
    assert workspace.approve(proposal).code == 8
    assert not (workspace.repo.root / "notes.txt").exists()


def test_the_first_answer_is_the_only_one(workspace: Workspace) -> None:
    proposal = workspace.submit(COMMENT).json
    assert workspace.approve(proposal).code == 0
    assert workspace.approve(proposal).code == 8
    other = workspace.submit(FIX).json
    assert workspace.mai("reject", other["id"], "--reason", "not now", "--json").code == 0
    refused = workspace.approve(other)
    assert refused.code == 7
    assert refused.json["error"]["code"] == "rejected"


def test_two_processes_approving_land_it_once(workspace: Workspace) -> None:
    proposal = workspace.submit(FIX).json
    before = workspace.repo.head()
    command = ("approve", proposal["id"], "--digest", proposal["digest"], "--json")
    both = [workspace.start(*command) for _ in range(2)]
    for process in both:
        process.communicate(timeout=120)
    assert sorted(process.returncode for process in both) == [0, 8]
    assert workspace.git("rev-list", "--count", f"{before}..HEAD") == "1"


def test_a_wrong_digest_approves_nothing(workspace: Workspace) -> None:
    proposal = workspace.submit(COMMENT).json
    for digest in ("", "sha256:", "abc", "f" * 64, "0" * 6):
        refused = workspace.mai("approve", proposal["id"], "--digest", digest, "--json")
        assert refused.code == 2, digest
    assert workspace.mai("approve", proposal["id"], "--json").code == 2
    assert workspace.mai("pending", "--json").json["proposals"][0]["id"] == proposal["id"]


def test_without_a_terminal_a_yes_needs_the_environments_leave(workspace: Workspace) -> None:
    proposal = workspace.submit(COMMENT).json
    refused = workspace.approve(proposal, environment={"MAI_HEADLESS_APPROVAL": ""})
    assert refused.code == 2
    assert refused.json["error"]["code"] == "approval-refused"


def test_a_pin_is_asked_for_in_every_case(workspace: Workspace) -> None:
    proposal = workspace.submit(COMMENT).json
    pin = {"MAI_APPROVAL_PIN": "2468"}
    assert workspace.approve(proposal, environment=pin).code == 2
    assert workspace.approve(proposal, environment=pin, data="1357\n").code == 2
    assert workspace.approve(proposal, environment=pin, data="2468\n").code == 0


def test_no_tests_at_all_is_skipped_and_waits_for_a_person(workspace: Workspace) -> None:
    workspace.git("rm", "-r", "--quiet", "tests")
    workspace.git("commit", "--quiet", "-m", "No tests")
    ran = workspace.submit(COMMENT, environment={"MAI_AUTO_LAND_LOW": "1"})
    assert ran.code == 0
    assert ran.json["trial"]["verdict"] == "skipped"
    assert ran.json["state"] == "pending"


def test_low_lands_alone_only_where_the_user_says_so(workspace: Workspace) -> None:
    ran = workspace.submit(FIX, environment={"MAI_AUTO_LAND_LOW": "1"})
    assert ran.json["state"] == "landed"
    assert ran.json["approval"]["by"] == "setting:auto-land-low"
    assert "by myself" in ran.err


def test_an_objection_keeps_a_change_from_landing_alone(workspace: Workspace) -> None:
    transcript = workspace.folder / "review.jsonl"
    objection = {"verdict": "object", "concerns": ["It rounds."]}
    transcript.write_text(json.dumps({"text": json.dumps(objection)}) + "\n", "utf-8")
    objecting = {
        "MAI_AUTO_LAND_LOW": "1",
        "MAI_REVIEWER": "scripted",
        "MAI_TRANSCRIPT": str(transcript),
    }
    ran = workspace.submit(FIX, environment=objecting)
    assert ran.json["review"]["verdict"] == "object"
    assert ran.json["state"] == "pending"


def test_waiting_ends_with_the_answer(workspace: Workspace) -> None:
    process = workspace.start("submit", "-", "--json", "--wait")
    assert process.stdin is not None
    process.stdin.write(COMMENT.encode())
    process.stdin.close()
    process.stdin = None
    while not (waiting := workspace.mai("pending", "--json").json["proposals"]):
        assert process.poll() is None
    workspace.mai("reject", waiting[0]["id"], "--json")
    process.communicate(timeout=60)
    assert process.returncode == 7


def test_ctrl_c_withdraws_what_was_being_judged(workspace: Workspace) -> None:
    workspace.repo.commit(
        {"tests/test_slow.py": "import time\n\ndef test_slow():\n    time.sleep(20)\n"}, "Slow"
    )
    process = workspace.start("submit", "-", "--json")
    assert process.stdin is not None
    process.stdin.write(FIX.encode())
    process.stdin.close()
    process.stdin = None
    while True:
        listed = workspace.mai("audit", "export").out
        if '"kind": "assessed"' in listed:
            break
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 7, (out, err)
    proposal = json.loads(out)
    assert proposal["state"] == "withdrawn"
    assert proposal["error"]["code"] == "cancelled"
    assert workspace.mai("pending", "--json").json["proposals"] == []


def test_what_the_log_says_is_json_and_on_no_stream(workspace: Workspace) -> None:
    ran = workspace.submit(FIX)
    assert ran.err == ""
    lines = (workspace.folder / "logs" / "mai.jsonl").read_text().splitlines()
    stages = [entry["stage"] for entry in map(json.loads, lines) if "stage" in entry]
    assert stages == ["check", "assess", "trial", "review", "approve"]


def test_a_mailed_patch_brings_its_subject(workspace: Workspace) -> None:
    mail = f"From: ana\nSubject: [PATCH 1/2] Divide by the count\n\nBecause.\n---\n\n{FIX}"
    assert workspace.submit(mail).json["title"] == "Divide by the count"
