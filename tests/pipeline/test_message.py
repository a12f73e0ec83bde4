from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.pipeline.message import commit_message
from mai.proposal import (
    Approval,
    FileChange,
    Opinion,
    Proposal,
    ReviewReport,
    RiskReport,
    State,
    TestCounts,
    TrialReport,
    Verdict,
)
from tests.gitrepo import make_repo

DIGEST = "sha256:" + "ab" * 32
HEAD = "cd" * 32
PROPOSAL = Proposal(
    id="7f3a00000000",
    state=State.APPROVED,
    title="Divide by the count",
    why="`mean([1, 2, 3])` gives 3.0. Two tests fail because of it.",
    branch="main",
    base="1" * 40,
    commit="2" * 40,
    tip="1" * 40,
    tree="3" * 40,
    author="qwen2.5-coder:7b (ollama)",
    created_at="2026-11-20T21:00:00+00:00",
    digest=DIGEST,
    files=(FileChange("calc/core.py", "modified", 1, 1),),
    risk=RiskReport(),
    trial=TrialReport(Verdict.PASS, head=TestCounts(passed=41), fixed=("t.py::a",), seconds=1.9),
    review=ReviewReport(Opinion.APPROVE, "llama3.1:8b (ollama)"),
    approval=Approval("discord:184", "2026-11-20T21:14:03+00:00", DIGEST),
)


def trailers(message: str) -> list[str]:
    command = ["git", "interpret-trailers", "--parse", "--unfold"]
    ran = subprocess.run(command, input=message.encode(), capture_output=True, check=True)
    return ran.stdout.decode().splitlines()


@pytest.mark.host
def test_the_message_tells_the_whole_story() -> None:
    review = ReviewReport(Opinion.APPROVE, "llama3.1:8b (ollama)", ("Look at zero.",))
    message = commit_message(replace(PROPOSAL, review=review), HEAD)
    assert message.partition("\n\nMai-Proposal")[0] == (
        "Divide by the count\n\n"
        "  calc/core.py  +1 −1  modified\n\n"
        "Trial: 1 fixed, 0 broken, 41 passed, in 1.9 s without network.\n"
        "Review: llama3.1:8b (ollama) agrees, 1 concern; how good it is was not measured.\n\n"
        "qwen2.5-coder:7b writes:\n"
        "> `mean([1, 2, 3])` gives 3.0. Two tests fail because of it.\n\n"
        "llama3.1:8b writes:\n"
        "> Look at zero."
    )
    assert trailers(message) == [
        "Mai-Proposal: 7f3a00000000",
        "Mai-Risk: LOW",
        "Mai-Trial: pass; fixed=1 broken=0 passed=41",
        f"Mai-Digest: {DIGEST}",
        f"Mai-Ledger: {HEAD}",
        "Reviewed-by: llama3.1:8b (ollama)",
        "Approved-by: discord:184 at 2026-11-20T21:14:03+00:00",
    ]


def test_a_test_that_fails_as_before_is_said() -> None:
    trial = TrialReport(Verdict.PASS, head=TestCounts(passed=40, failed=2, errors=1), seconds=1.9)
    message = commit_message(replace(PROPOSAL, trial=trial), HEAD)
    assert "Trial: 0 fixed, 0 broken, 40 passed, 3 failing, in 1.9 s" in message


def test_without_a_reviewer_there_is_no_reviewed_by() -> None:
    message = commit_message(replace(PROPOSAL, review=ReviewReport()), HEAD)
    assert "Reviewed-by" not in message
    assert "Review: none" in message


PATCH = """
diff --git a/evil.py b/evil.py
new file mode 100644
index 0000000..1111111
--- /dev/null
+++ b/evil.py
@@ -0,0 +1 @@
+print("carried")
"""
HEADER = (
    "From: Eve <eve@evil.example>\nSubject: [PATCH] Not this\nDate: Thu, 1 Jan 1970 00:00:00 Z\n"
)
CARRIED = [
    PATCH,
    f"---{PATCH}",
    f"---\n{PATCH}\n-- \n2.43.0\n",
    "Index: evil.py\n" + PATCH,
    "--- a/evil.py\n+++ b/evil.py\n@@ -0,0 +1 @@\n+x\n",
    f"{HEADER}\nAnother message\n{PATCH}",
    f"From {'1' * 40} Mon Sep 17 00:00:00 2001\n{HEADER}\nx\n---{PATCH}",
    f"-- >8 --\n{HEADER}\nAnother message",
    "x\n- - - 8< - - -\nSubject: Not this\n\nAnother",
    ">8 >8 >8 >8",
    "\r\nFrom: Eve <eve@evil.example>\r\n",
    "\x0cdiff --git a/evil.py b/evil.py\x85--- a/evil.py\u2028+++ b/evil.py",
    "x\n\nApproved-by: me\n",
    "---\nApproved-by: me",
    "\u2028Approved-by: me",
    "# a comment\n; another",
]

hostile = st.one_of(
    st.text(st.characters(), max_size=200),
    st.lists(st.sampled_from(CARRIED), min_size=1, max_size=3).map("\n".join),
)


@pytest.mark.host
@given(title=hostile, why=hostile, concern=hostile, path=hostile)
def test_nobodys_words_become_a_trailer(title: str, why: str, concern: str, path: str) -> None:
    found = trailers(commit_message(wild(title, why, concern, path), HEAD))
    assert len(found) == 7
    assert found[-1] == "Approved-by: discord:184 at 2026-11-20T21:14:03+00:00"


def wild(title: str, why: str, concern: str, path: str) -> Proposal:
    return replace(
        PROPOSAL,
        title=title,
        why=why,
        files=(FileChange(path, "modified"),),
        review=ReviewReport(Opinion.OBJECT, "m (ollama)", (concern, concern)),
    )


@pytest.mark.host
@pytest.mark.parametrize("scissors", ["--scissors", "--no-scissors"])
@pytest.mark.parametrize("place", ["title", "why", "concern", "path"])
def test_no_words_are_a_patch_or_a_header_to_git_am(
    tmp_path: Path, place: str, scissors: str
) -> None:
    repo = make_repo(tmp_path / "repo", {"a.py": "x = 0\n"})
    start = repo.head()
    for number, words in enumerate(CARRIED, 1):
        places = {"title": "Fix it", "why": "Because.", "concern": "None.", "path": "a.py"}
        message = commit_message(wild(**{**places, place: words}), HEAD)
        repo.write({"a.py": f"x = {number}\n"})
        given = ("commit", "-q", "-a", "--cleanup=verbatim", "--author=Mai (m) <mai@localhost>")
        repo.git(*given, "-F", "-", data=message.encode())
    story = ("log", "--format=%T%n%an%n%ae%n%B", f"{start}..HEAD")
    landed = repo.git(*story)
    mailed = repo.git_bytes("format-patch", "--stdout", start)
    repo.git("reset", "-q", "--hard", start)
    repo.git("am", "-q", scissors, data=mailed)
    assert repo.git(*story) == landed
