from __future__ import annotations

import json
from pathlib import Path

import pytest

from mai.errors import Cancelled
from mai.events import Cancel
from mai.proposal import (
    Finding,
    Level,
    Opinion,
    Proposal,
    RiskReport,
    State,
    TestCounts,
    TrialReport,
    Verdict,
)
from mai.providers.ollama import OllamaProvider
from mai.providers.scripted import ScriptedProvider
from mai.review.reviewer import ModelReviewer
from tests.servers.ollama import Answer, Fault, OllamaServer, ServedModel, closed_port

DIFF = "--- a/calc/core.py\n+++ b/calc/core.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
PROPOSAL = Proposal(
    id="7f3a00000000",
    state=State.TRIED,
    title="Divide by the count",
    why="The author's own reasoning, which convinces.",
    branch="main",
    base="b" * 40,
    commit="c" * 40,
    tip="b" * 40,
    tree="d" * 40,
    author="tiny (ollama)",
    created_at="2026-01-02T03:04:05Z",
    risk=RiskReport(
        Level.HIGH, 9, (Finding("net.socket", "net", Level.HIGH, "calc/core.py", 1, 0, "Opens."),)
    ),
    trial=TrialReport(
        Verdict.PASS,
        TestCounts(passed=40, failed=1),
        TestCounts(passed=41),
        ("tests/a.py::test_b",),
    ),
)


def playing(folder: Path, *texts: str) -> ModelReviewer:
    path = folder / "review.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return ModelReviewer(ScriptedProvider(path))


def test_an_approval_is_an_approval(tmp_path: Path) -> None:
    reviewer = playing(tmp_path, '{"verdict": "approve", "concerns": []}')
    report = reviewer.review(PROPOSAL, DIFF, Cancel())
    assert report.verdict is Opinion.APPROVE
    assert report.concerns == ()
    assert report.reviewer == reviewer.name == "review.jsonl (scripted)"


def test_an_objection_carries_its_concerns_bounded_and_plain(tmp_path: Path) -> None:
    concerns = ["It opens\na \x1b[31msocket\x1b[0m.", "  ", "long " * 200, *["more"] * 30]
    text = json.dumps({"verdict": "object", "concerns": concerns})
    report = playing(tmp_path, text).review(PROPOSAL, DIFF, Cancel())
    assert report.verdict is Opinion.OBJECT
    assert report.concerns[0] == "It opens a socket."
    assert len(report.concerns) == 8
    assert max(map(len, report.concerns)) <= 300


@pytest.mark.parametrize(
    "answer",
    [
        "I approve.",
        "",
        '{"verdict": "APPROVE", "concerns": []}',
        '{"verdict": "approved", "concerns": []}',
        '{"verdict": ["approve"], "concerns": []}',
        '{"verdict": "approve"}',
        '{"verdict": "approve", "concerns": "none"}',
        '{"approve": true}',
        '"approve"',
        '{"verdict": "approve", "concerns": []',
    ],
)
def test_nonsense_is_never_an_approval(tmp_path: Path, answer: str) -> None:
    report = playing(tmp_path, answer, answer, answer).review(PROPOSAL, DIFF, Cancel())
    assert report.verdict is Opinion.NONE
    assert len(report.concerns) == 1
    assert report.concerns[0].startswith("Not reviewed. review.jsonl gave no usable answer")


def test_a_reviewer_that_is_away_is_said() -> None:
    reviewer = ModelReviewer(OllamaProvider(f"http://127.0.0.1:{closed_port()}", "tiny"))
    report = reviewer.review(PROPOSAL, DIFF, Cancel())
    assert report.verdict is Opinion.NONE
    assert report.reviewer == "tiny (ollama)"
    assert "No model server answers" in report.concerns[0]


def test_it_sees_diff_risk_and_trial_but_not_the_authors_reason() -> None:
    with OllamaServer(ServedModel("tiny:latest")) as server:
        server.answers('{"verdict": "approve", "concerns": []}')
        reviewer = ModelReviewer(OllamaProvider(server.url, "tiny"))
        assert reviewer.review(PROPOSAL, DIFF, Cancel()).verdict is Opinion.APPROVE
        chat = server.chats[0]
    prompt = "\n".join(message["content"] for message in chat["messages"])
    assert DIFF in prompt
    assert "HIGH net.socket calc/core.py:1 Opens." in prompt
    assert "fixed 1: tests/a.py::test_b" in prompt
    assert "which convinces" not in prompt
    assert chat["format"]["properties"]["verdict"]["enum"] == ["approve", "object"]
    assert chat["options"]["temperature"] == 0


def test_a_diff_too_long_to_read_is_not_reviewed_in_part() -> None:
    with OllamaServer(ServedModel("tiny:latest")) as server:
        reviewer = ModelReviewer(OllamaProvider(server.url, "tiny"))
        report = reviewer.review(PROPOSAL, DIFF * 2_000, Cancel())
        assert server.chats == []
    assert report.verdict is Opinion.NONE
    assert "What must be read needs up to" in report.concerns[0]


def test_a_cut_prompt_is_no_review() -> None:
    with OllamaServer(ServedModel("tiny:latest")) as server:
        approval = '{"verdict": "approve", "concerns": []}'
        server.answers(Answer(approval, fault=Fault.TRUNCATED_PROMPT))
        reviewer = ModelReviewer(OllamaProvider(server.url, "tiny"))
        assert reviewer.review(PROPOSAL, DIFF, Cancel()).verdict is Opinion.NONE


def test_a_person_who_stops_is_obeyed(tmp_path: Path) -> None:
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled):
        playing(tmp_path, "{}").review(PROPOSAL, DIFF, cancel)
