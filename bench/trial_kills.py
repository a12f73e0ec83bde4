"""Is a trial ever wrong when its containers are taken away under it?

Innocent changes, breaking ones and such that delete a test are tried again and again, and at a
random moment whatever containers are there are killed, removed, stopped, or paused and killed, or
the streams to them are cut. A trial may then be right or undecided, and an undecided one must come
out right when it is run again. Run with `python -m bench.trial_kills [TIMES] [SEED]`, 200 unless
told; it ends with exit code 1 where one verdict was wrong.
"""

from __future__ import annotations

import collections
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from mai.core import Core, Submission
from mai.errors import NoEngine, Undecided
from mai.proposal import Level, Proposal, State, Verdict
from mai.sandbox.container import OWNER
from tests.servers.engine import Engine
from tests.surfaces.serving import core_of
from tests.workspace import BREAK, CALC, COMMENT, FIX, Workspace

GONE = (
    "--- a/tests/test_core.py\n+++ b/tests/test_core.py\n@@ -6,4 +6,0 @@\n-\n-\n"
    "-def test_double():\n-    assert double(4) == 8\n"
)
SLOW = {"tests/test_slow.py": "import time\n\n\ndef test_slow():\n    time.sleep(0.2)\n"}
FOUND = ("right", "undecided", "wrong")
WAYS = ("kill", "remove", "stop", "pause and kill", "cut")
MEAN, DOUBLE = "tests/test_core.py::test_mean", "tests/test_core.py::test_double"
PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Change:
    """A patch and what a trial of it must find."""

    patch: str
    verdict: Verdict
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def is_right(self, proposal: Proposal) -> bool:
        """Whether the trial found that, and nothing else."""
        trial = proposal.trial
        if trial is None or (self.changed and proposal.level is not Level.HIGH):
            return False
        found = (trial.verdict, trial.fixed, trial.broken, trial.changed)
        others = trial.missing + trial.flaky
        return not others and found == (self.verdict, self.fixed, self.broken, self.changed)


CHANGES = {
    "innocent": Change(COMMENT, Verdict.PASS),
    "mending": Change(FIX, Verdict.PASS, fixed=(MEAN,)),
    "breaking": Change(BREAK, Verdict.FAIL, broken=(DOUBLE,)),
    "deleting a test": Change(GONE, Verdict.PASS, changed=(DOUBLE,)),
}


class Striker:
    """Strikes once, after a delay, as soon as there is a container to strike at."""

    def __init__(
        self, client: docker.DockerClient, engine: Engine, way: str, delay_s: float
    ) -> None:
        self._api, self._engine, self._way, self._delay_s = client.api, engine, way, delay_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._strike)
        self.has_met = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Strike meanwhile."""
        self._thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._thread.join()

    def _strike(self) -> None:
        label = {"label": f"{OWNER}={os.getpid()}"}
        if self._is_over.wait(self._delay_s):
            return
        while not self._is_over.is_set():
            for one in self._api.containers(filters=label):
                with suppress(DockerException, requests.RequestException):
                    self._hit(one["Id"])
                    self.has_met = True
            if self.has_met:
                return
            time.sleep(0.005)

    def _hit(self, container: str) -> None:
        api = self._api
        if self._way == "kill":
            api.kill(container)
        elif self._way == "remove":
            api.remove_container(container, force=True)
        elif self._way == "stop":
            api.stop(container, timeout=0)
        elif self._way == "cut":
            self._engine.hang_up()
        else:
            api.pause(container)
            time.sleep(0.3)
            api.remove_container(container, force=True)


def tried(core: Core, change: Change, during: Callable[[], object]) -> tuple[str, Proposal]:
    """Return "right", "wrong" or "undecided", and the proposal as it is then."""
    try:
        during()
    except (Undecided, NoEngine):
        (proposal,) = core.inbox.all()
        is_kept = proposal.state is State.ASSESSED and proposal.trial is None
        return ("undecided" if is_kept else "wrong"), proposal
    (proposal,) = core.inbox.all()
    return ("right" if change.is_right(proposal) else "wrong"), proposal


def round_of(
    workspace: Workspace, change: Change, number: int, striker: Striker
) -> tuple[str, Proposal]:
    """Try `change` from nothing while `striker` is at work, and again where it is undecided."""
    data = str(workspace.folder / f"data-{number}" / "mai.db")
    with core_of(workspace, MEMORY_DB_PATH=data) as core:
        core.sandbox().image  # noqa: B018 - connected before the trouble begins
        submission = Submission(change.patch, "A change", "To see.")

        def submit() -> None:
            with striker.at_work():
                core.submit(submission)

        found, proposal = tried(core, change, submit)
        deadline = time.monotonic() + PATIENCE_S
        again = found
        while again == "undecided" and time.monotonic() < deadline:
            again, proposal = tried(core, change, core.resume)
        return (found if again == "right" else "wrong"), proposal


def main(times: int, seed: int) -> int:
    """Print the table, after Ctrl+C of what there is; return how many verdicts were wrong."""
    chance = random.Random(seed)  # noqa: S311 - a benchmark that can be repeated
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    with tempfile.TemporaryDirectory() as name, closing(docker.from_env()) as client:
        folder = Path(name)
        workspace = Workspace.make(folder, {**CALC, **SLOW})
        with Engine(folder / "engine.sock") as engine, suppress(KeyboardInterrupt):
            url = {"DOCKER_HOST": engine.url}
            workspace = replace(workspace, environment={**workspace.environment, **url})
            typical_s, number = _typical_s(workspace, client, engine), 1
            while counts.total() < times:
                kind, way = chance.choice(list(CHANGES)), chance.choice(WAYS)
                striker = Striker(client, engine, way, chance.uniform(0, typical_s))
                number += 1
                try:
                    found, proposal = round_of(workspace, CHANGES[kind], number, striker)
                except NoEngine:
                    continue  # too busy to connect to, before any strike
                if not striker.has_met:
                    continue
                counts[way, found] += 1
                if found == "wrong":
                    print("WRONG", kind, way, proposal.state, proposal.level, proposal.trial)
    print(f"{counts.total()} strikes")
    for way in WAYS:
        print(f"  {way}:", ", ".join(f"{counts[way, found]} {found}" for found in FOUND))
    totals = {found: sum(counts[way, found] for way in WAYS) for found in FOUND}
    print("  together:", ", ".join(f"{number} {found}" for found, number in totals.items()))
    return totals["wrong"]


def _typical_s(workspace: Workspace, client: docker.DockerClient, engine: Engine) -> float:
    """Return how long a trial that nothing happens to takes, a confirmed one."""
    started = time.monotonic()
    striker = Striker(client, engine, "kill", PATIENCE_S)
    found, proposal = round_of(workspace, CHANGES["breaking"], 0, striker)
    assert found == "right", proposal
    return time.monotonic() - started


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(1 if main(*(given + [200, 1][len(given) :])) else 0)
