"""An engine that fails on the way is nobody's failure: kept, exit 6, and tried again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from mai.core import Submission
from mai.errors import MaiError, NoEngine, Undecided
from mai.proposal import State, Verdict
from tests.servers.engine import Engine, Fault
from tests.surfaces.serving import core_of
from tests.workspace import BREAK, Workspace

pytestmark = pytest.mark.docker
OOPS = b'{"message": "oops"}'


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with Engine(tmp_path / "e.sock") as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        yield engine


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/containers/create", status=500, answer=OOPS),
        Fault("/containers/create", status=201, answer=b"{}"),
        Fault("/containers/create", status=201, answer=b"[]"),
        Fault("/containers/create", status=201, answer=b"<html>"),
        Fault("/containers/create", status=404, answer=OOPS),
        Fault("/start", status=500, answer=OOPS),
        Fault("/attach", cut_at=0),
        Fault("/attach", cut_at=400),
        Fault("/attach", flip_at=160),
        Fault("/attach", flip_at=600, is_answer=False),
        Fault("/attach", cut_at=600, is_answer=False),
        Fault("/attach", cut_at=500, passes=1),
    ],
    ids=[
        "create-500",
        "no-id",
        "a-list",
        "no-json",
        "image-gone",
        "start-500",
        "no-stream",
        "report-cut",
        "report-damaged",
        "tree-damaged",
        "tree-cut",
        "head-cut",
    ],
)
def test_trouble_with_the_engine_keeps_a_proposal_until_it_is_over(
    workspace: Workspace, engine: Engine, fault: Fault
) -> None:
    with core_of(workspace) as core:
        core.sandbox().image  # noqa: B018 - connected before the trouble begins
        engine.fault = fault
        with pytest.raises((Undecided, NoEngine)) as caught:
            core.submit(Submission(BREAK, "Break it", "To see."))
        assert engine.hits
        error: MaiError = caught.value
        assert error.exit_code == 6
        assert "\n" not in str(error)
        (kept,) = core.inbox.all()
        assert (kept.state, kept.trial) == (State.ASSESSED, None)
        engine.heal()
        (judged,) = core.resume()
        assert judged.trial is not None
        assert judged.trial.verdict is Verdict.FAIL
        assert judged.trial.broken == ("tests/test_core.py::test_double",)
    # A connection that was left open is told of when it is collected: now, and not in another test.
    del caught, error
    gc.collect()


def test_an_engine_that_is_restarted_is_found_again(workspace: Workspace, engine: Engine) -> None:
    with core_of(workspace) as core:
        core.sandbox().image  # noqa: B018 - connected before it goes away
        engine.is_gone = True
        engine.hang_up()
        with pytest.raises(NoEngine):
            core.submit(Submission(BREAK, "Break it", "To see."))
        engine.heal()
        (judged,) = core.resume()
        assert judged.trial is not None
        assert judged.trial.verdict is Verdict.FAIL
