"""A run that does not come to its end says nothing: kept, exit 6, and right when run again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import docker
import psutil
import pytest
from docker.errors import APIError

from mai.core import Core, Submission
from mai.errors import Undecided
from mai.proposal import Level, State, Verdict
from mai.sandbox.container import OWNER
from tests.surfaces.serving import core_of
from tests.workspace import COMMENT, Workspace

pytestmark = pytest.mark.docker
GONE = (
    "diff --git a/tests/test_core.py b/tests/test_core.py\n"
    "--- a/tests/test_core.py\n"
    "+++ b/tests/test_core.py\n"
    "@@ -6,4 +6,0 @@\n"
    "-\n"
    "-\n"
    "-def test_double():\n"
    "-    assert double(4) == 8\n"
)
SLOW = {"tests/test_slow.py": "import time\n\ndef test_slow():\n    time.sleep(2)\n"}


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


class Striker:
    """Does something to every container that a process has running, until it is told to stop.

    With `spares_first` the first one, which the base runs in, is left to its end.
    """

    def __init__(
        self, client: docker.DockerClient, pid: int, how: str, *, spares_first: bool
    ) -> None:
        self._api, self._how, self._label = client.api, how, f"{OWNER}={pid}"
        self._spared: str | None = None if spares_first else ""
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._strike)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _strike(self) -> None:
        options: dict[str, int] = {"force": True} if self._how == "remove_container" else {}
        options |= {"timeout": 1} if self._how == "stop" else {}
        while not self._is_over.wait(0.02):
            found = self._api.containers(filters={"label": self._label})
            there = sorted(found, key=lambda one: one["Created"])
            if self._spared is None and there:
                self._spared = there[0]["Id"]
            if self._spared and any(one["Id"] == self._spared for one in there):
                continue
            for one in there:
                try:
                    getattr(self._api, self._how)(one["Id"], **options)
                except APIError:
                    continue  # it ended by itself meanwhile


def tried(core: Core) -> list[str]:
    return [path.name for path in (core.settings.data_dir / "cache" / "trials").glob("*.json")]


@pytest.mark.parametrize(
    ("how", "spares_first"),
    [("kill", False), ("remove_container", False), ("remove_container", True), ("stop", True)],
    ids=["base-killed", "base-removed", "head-removed", "head-stopped"],
)
def test_a_run_whose_container_is_taken_away_decides_nothing(
    workspace: Workspace, client: docker.DockerClient, how: str, spares_first: bool
) -> None:
    workspace.repo.commit(SLOW, "Slow")
    pid = psutil.Process().pid
    with core_of(workspace) as core:
        submission = Submission(GONE, "Drop a test", "It is not needed.")
        with (
            Striker(client, pid, how, spares_first=spares_first),
            pytest.raises(Undecided) as caught,
        ):
            core.submit(submission)
        (kept,) = core.inbox.all()
        assert (kept.state, kept.trial) == (State.ASSESSED, None)
        assert f"{kept.short_id} is kept" in caught.value.sentence
        assert len(tried(core)) == (1 if spares_first else 0)
        (judged,) = core.resume()
        assert judged.trial is not None
        assert judged.trial.changed == ("tests/test_core.py::test_double",)
        assert judged.level is Level.HIGH


def test_a_command_whose_containers_are_killed_ends_with_exit_6(
    workspace: Workspace, client: docker.DockerClient
) -> None:
    process = workspace.start("submit", "-", "--json")
    with Striker(client, process.pid, "kill", spares_first=False):
        out, err = process.communicate(COMMENT.encode(), timeout=240)
    assert process.returncode == 6, err
    assert b'"code": "undecided"' in out
    with core_of(workspace) as core:
        (judged,) = core.resume()
        assert judged.trial is not None
        assert judged.trial.verdict is Verdict.PASS
