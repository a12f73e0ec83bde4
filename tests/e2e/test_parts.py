"""A large suite is cut: what can see a change runs first, and the rest before it lands."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from mai.core import Core, Submission
from mai.events import Event, StageStarted
from mai.proposal import Proposal, State, Verdict
from tests.gitrepo import Content
from tests.surfaces.serving import core_of
from tests.workspace import Workspace

pytestmark = pytest.mark.docker

APP = "def one():\n    return 1\n"
#: Reads the application where no import and no name says so.
HIDDEN = (
    "def test_hidden():\n"
    '    with open("a" + chr(112) * 2 + ".py") as file:\n'
    '        assert "broken" not in file.read()\n\n\n'
)
FILES: dict[str, Content] = {
    "app.py": APP,
    "other.py": "x = 1\n",
    "tests/test_app.py": "import app\n\n\ndef test_one():\n    assert app.one() == 1\n",
    "tests/test_many.py": "import other\n\n\n"
    + HIDDEN
    + "".join(f"def test_{n}():\n    assert other.x\n\n\n" for n in range(240)),
}
NEAR, FAR = "tests/test_app.py::test_one", "tests/test_many.py::test_hidden"


def patch(line: str) -> str:
    return f"--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n def one():\n-    return 1\n+{line}\n"


GOOD, BAD = patch("    return 2 - 1"), patch("    return 0")
#: What only a test out of the change's reach can see.
UNSEEN = patch("    return 1  # broken")


@pytest.fixture
def large(tmp_path: Path) -> Workspace:
    return Workspace.make(tmp_path, FILES)


def submitted(core: Core, text: str) -> Proposal:
    return core.submit(Submission(text, "Change it", "To see."))


def test_what_sees_the_change_is_asked_first_and_the_rest_before_it_lands(large: Workspace) -> None:
    stages: list[str] = []

    def heard(event: Event) -> None:
        if isinstance(event, StageStarted):
            stages.append(event.stage)

    with core_of(large) as core:
        core.events.subscribe(heard)
        shown = submitted(core, GOOD)
        assert (shown.state, shown.owes_tests) == (State.PENDING, True)
        assert shown.trial is not None
        assert (shown.trial.verdict, shown.trial.head.passed) == (Verdict.PASS, 1)
        assert "1 of 2 test files" in shown.trial.message
        completed = core.finish_tests()
        assert completed is not None
        assert completed.rest is not None
        assert (completed.rest.verdict, completed.rest.head.passed) == (Verdict.PASS, 241)
        assert (completed.state, completed.digest) == (State.PENDING, shown.digest)
        assert core.finish_tests() is None
        landed = core.approve(shown.id, shown.digest, by="terminal:ana")
        assert landed.state is State.LANDED
        assert "The other tests: " in large.git("log", "-1", "--format=%b")
        assert stages.count("rest") == 1
        # What ran of the tree in two parts is the base of what comes next; and it was quick.
        third = submitted(
            core,
            GOOD.replace("-    return 1", "-    return 2 - 1").replace(
                "+    return 2 - 1", "+    return 3 - 2"
            ),
        )
        assert third.trial is not None
        assert (third.trial.base.passed, third.trial.files_left) == (242, 0)


def test_a_yes_waits_for_the_rest_which_may_still_refuse(large: Workspace) -> None:
    before = large.repo.head()
    proposal = large.submit(UNSEEN).json
    assert (proposal["state"], proposal["trial"]["verdict"]) == ("pending", "pass")
    ran = large.approve(proposal)
    assert ran.code == 4, ran.err
    assert (ran.json["state"], ran.json["trial"]["broken"]) == ("failed", [FAR])
    assert FAR in ran.json["error"]["message"]
    assert large.repo.head() == before


def test_what_the_nearest_tests_refuse_runs_no_others(large: Workspace) -> None:
    ran = large.submit(BAD)
    assert ran.code == 4
    trial: dict[str, Any] = ran.json["trial"]
    assert (trial["verdict"], trial["broken"]) == ("fail", [NEAR])
    assert trial["head"]["passed"] + trial["head"]["failed"] == 1


@pytest.mark.parametrize("point", ["rest:done", "rest:recorded"])
def test_a_kill_while_the_rest_runs_lands_it_once(large: Workspace, point: str) -> None:
    before = large.repo.head()
    proposal = large.submit(GOOD).json
    assert large.approve(proposal, environment={"MAI_CRASH_AT": point}).code == -signal.SIGKILL
    assert large.repo.head() == before
    assert large.mai("pending", "--refresh", "--json").json["proposals"] == []
    (landed,) = large.mai("history", "--json").json["history"]
    assert landed["id"] == proposal["id"]
    assert landed["rest"]["verdict"] == "pass"
    assert large.git("rev-list", "--count", f"{before}..HEAD") == "1"
    assert large.mai("audit", "verify", "--json").json["ok"] is True
