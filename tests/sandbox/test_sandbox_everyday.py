"""The sandbox is a normal place: what tests of ordinary projects take for granted works in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mai.jobs import RunResult, TestOutcome
from mai.sandbox.engine import connect
from mai.sandbox.image import ensure_image
from mai.sandbox.trial import DockerSandbox
from mai.settings import load

CHECKS = Path(__file__).parent / "everyday" / "checks.py"


@pytest.mark.docker
def test_everyday_tests_pass(trial: Callable[..., RunResult]) -> None:
    result = trial({"tests/test_everyday.py": CHECKS.read_text("utf-8")})
    others = {
        name: outcome
        for name, outcome in result.outcomes.items()
        if outcome is not TestOutcome.PASSED
    }
    assert not others, result.output
    assert len(result.outcomes) >= 62


@pytest.mark.docker
def test_a_person_may_take_git_out(sandbox: DockerSandbox) -> None:
    settings = load(sandbox_git=False)
    box = DockerSandbox(settings)
    try:
        assert box.image != sandbox.image
        assert box.run_command((), ("git", "--version")) == 127
        assert sandbox.run_command((), ("git", "--version")) == 0
    finally:
        box.close()
    engine = connect(settings)
    try:
        engine.client.images.remove(ensure_image(engine, settings, print), force=True)
    finally:
        engine.close()
