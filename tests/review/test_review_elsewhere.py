"""Reviewers elsewhere: what is sent, what is hidden, what a fault comes to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from mai.errors import Cancelled, SettingsError
from mai.events import Cancel
from mai.proposal import Opinion
from mai.review.claude_review import ClaudeProvider
from mai.review.opencode_review import OpencodeProvider
from mai.review.reviewer import AbsentReviewer, ModelReviewer
from mai.system.redaction import HIDDEN, Redactor
from tests.review.test_reviewer import DIFF, PROPOSAL
from tests.servers.elsewhere import ClaudeServer, OpencodeServer
from tests.servers.ollama import closed_port

SECRET = "ghp_" + "a1B2" * 9
APPROVES = json.dumps({"verdict": "approve", "concerns": []})
OBJECTS = json.dumps(
    {"verdict": "object", "concerns": [{"path": "calc/core.py", "line": 1, "text": "It is 2."}]}
)
redact = Redactor([SECRET]).text


def claude(url: str) -> ModelReviewer:
    return ModelReviewer(ClaudeProvider("sk-key", "claude-x", redact, url))


def opencode(url: str, model: str = "", password: str = "") -> ModelReviewer:
    return ModelReviewer(OpencodeProvider(url, model, password, redact))


def test_claude_reviews_and_sees_no_secret() -> None:
    with ClaudeServer() as server:
        server.answers.append(OBJECTS)
        report = claude(server.url).review(PROPOSAL, DIFF + f"+x = '{SECRET}'\n", Cancel())
    assert report.verdict is Opinion.OBJECT
    assert report.reviewer == "claude-x (claude)"
    assert report.concerns == ("calc/core.py:1 It is 2.",)
    (body,) = server.bodies
    sent = json.dumps(body)
    assert SECRET not in sent
    assert HIDDEN in sent
    assert "which convinces" not in sent
    assert "You review a change" in body["system"]
    assert any("sk-key" in value for value in server.headers[0].values())


def test_opencode_reviews_without_any_tool() -> None:
    with OpencodeServer() as server:
        server.answers.append(APPROVES)
        reviewer = opencode(server.url, "local/model", "pass")
        report = reviewer.review(PROPOSAL, DIFF + f"+x = '{SECRET}'\n", Cancel())
    assert report.verdict is Opinion.APPROVE
    session, message = server.bodies
    assert session["permission"] == [{"permission": "*", "pattern": "*", "action": "deny"}]
    assert message["tools"]
    assert not any(message["tools"].values())
    assert message["model"] == {"providerID": "local", "modelID": "model"}
    assert SECRET not in json.dumps(server.bodies)
    assert server.headers[0]["authorization"].startswith("Basic ")
    assert server.calls == ["session", "message", "abort", "ses_1"]


@pytest.mark.parametrize("fault", ["drop", "refuse"])
def test_a_fault_of_claudes_is_no_review(fault: str) -> None:
    with ClaudeServer() as server:
        server.fault = fault
        server.answers += [APPROVES] * 9
        report = claude(server.url).review(PROPOSAL, DIFF, Cancel())
    assert report.verdict is Opinion.NONE
    assert report.concerns[0].startswith("Not reviewed. ")
    assert "sk-key" not in report.concerns[0]


@pytest.mark.parametrize("fault", ["drop", "refuse", "nonsense", "model"])
def test_a_fault_of_opencodes_is_no_review(fault: str) -> None:
    with OpencodeServer() as server:
        server.fault = fault
        server.answers += [APPROVES] * 9
        report = opencode(server.url).review(PROPOSAL, DIFF, Cancel())
    assert report.verdict is Opinion.NONE
    assert report.concerns[0].startswith("Not reviewed. ")


@pytest.mark.parametrize("make", [claude, opencode])
def test_nobody_there_is_no_review(make: Callable[[str], ModelReviewer]) -> None:
    report = make(f"http://127.0.0.1:{closed_port()}").review(PROPOSAL, DIFF, Cancel())
    assert report.verdict is Opinion.NONE
    assert "Not reviewed. " in report.concerns[0]


def test_a_stop_is_passed_on_to_opencode() -> None:
    cancel = Cancel()
    with OpencodeServer() as server:
        server.fault = "stall"

        def stop() -> None:
            server.stalled.wait(10)
            cancel.set()

        stopper = threading.Thread(target=stop)
        stopper.start()
        with pytest.raises(Cancelled):
            opencode(server.url).review(PROPOSAL, DIFF, cancel)
        stopper.join()
    assert server.calls[-2:] == ["abort", "ses_1"]


def test_what_is_too_long_to_be_looked_through_is_not_sent() -> None:
    long = DIFF + "+x\n" * 7_500
    with ClaudeServer() as server, OpencodeServer() as other:
        for reviewer in (claude(server.url), opencode(other.url)):
            assert reviewer.review(PROPOSAL, long, Cancel()).verdict is Opinion.NONE
    assert server.bodies == []
    assert other.calls == []


def test_what_cannot_be_used_is_said() -> None:
    with pytest.raises(SettingsError, match="ANTHROPIC_API_KEY"):
        ClaudeProvider("", "claude-x", redact)
    with pytest.raises(SettingsError, match="on this machine"):
        OpencodeProvider("http://example.com:4096", "", "", redact)
    with pytest.raises(SettingsError, match="provider/model"):
        OpencodeProvider("http://localhost:4096", "model", "", redact)
    report = AbsentReviewer("claude", "It needs a key.").review(PROPOSAL, DIFF, Cancel())
    assert (report.verdict, report.concerns) == (Opinion.NONE, ("Not reviewed. It needs a key.",))
