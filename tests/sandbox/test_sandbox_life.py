"""Containers come and go: after a run, a stop, a crash of Mai's, none stays."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest
from docker.errors import APIError, NotFound

from mai.errors import Cancelled, SandboxError, Undecided
from mai.events import Cancel
from mai.jobs import Job, Limits, RunResult, TestOutcome, TreeFile
from mai.sandbox.container import HOST, OWNER, STARTED, host_name, owner_labels, start_waiting
from mai.sandbox.engine import Engine, connect
from mai.sandbox.reap import reap
from mai.sandbox.stillness import Stillness
from mai.sandbox.trial import DockerSandbox
from mai.settings import load

pytestmark = pytest.mark.docker
Trial = Callable[..., RunResult]
PATIENCE_S = 60


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = connect(load())
    yield engine
    engine.close()


def own_containers(engine: Engine, pid: int) -> list[str]:
    found = engine.client.api.containers(all=True, filters={"label": f"{OWNER}={pid}"})
    return [container["Id"] for container in found]


def is_running(engine: Engine, container_id: str) -> bool:
    try:
        return bool(engine.client.api.inspect_container(container_id)["State"]["Running"])
    except NotFound:
        return False  # another process that started meanwhile has reaped it


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.05)
    return True


def test_a_run_leaves_no_container(trial: Trial, engine: Engine) -> None:
    result = trial({"test_a.py": "def test_x(): pass\n"})
    assert result.outcomes == {"test_a.py::test_x": TestOutcome.PASSED}
    assert until(lambda: own_containers(engine, psutil.Process().pid) == [])


def test_a_run_that_is_stopped_ends_at_once_and_leaves_no_container(
    sandbox: DockerSandbox, limits: Limits, engine: Engine
) -> None:
    cancel, has_begun = Cancel(), threading.Event()
    ended: list[Exception] = []

    def run() -> None:
        job = Job(files=(), limits=limits, command=("sh", "-c", "echo begun; exec sleep 1000"))
        try:
            sandbox.run(job, cancel, lambda *_: has_begun.set())
        except Cancelled as error:
            ended.append(error)

    worker = threading.Thread(target=run)
    worker.start()
    assert has_begun.wait(PATIENCE_S)
    cancel.set()
    worker.join(PATIENCE_S)
    assert not worker.is_alive()
    assert len(ended) == 1
    assert until(lambda: own_containers(engine, psutil.Process().pid) == [])


def test_a_run_that_was_stopped_before_it_began_runs_nothing(
    sandbox: DockerSandbox, limits: Limits, engine: Engine
) -> None:
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled):
        sandbox.run(Job(files=(), limits=limits, command=("true",)), cancel)
    assert until(lambda: own_containers(engine, psutil.Process().pid) == [])


def test_runs_side_by_side_do_not_mix(sandbox: DockerSandbox, limits: Limits) -> None:
    found: dict[int, str] = {}

    def run(number: int) -> None:
        job = Job(files=(), limits=limits, command=("echo", str(number)))
        found[number] = sandbox.run(job, Cancel()).output

    workers = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == {number: f"{number}\n" for number in range(4)}


def test_closing_the_sandbox_ends_what_runs(limits: Limits, engine: Engine) -> None:
    box = DockerSandbox(load())
    has_begun = threading.Event()
    ended: list[Undecided] = []

    def run() -> None:
        job = Job(files=(), limits=limits, command=("sh", "-c", "echo begun; exec sleep 1000"))
        try:
            box.run(job, Cancel(), lambda *_: has_begun.set())
        except Undecided as error:
            ended.append(error)

    worker = threading.Thread(target=run)
    worker.start()
    assert has_begun.wait(PATIENCE_S)
    box.close()
    worker.join(PATIENCE_S)
    assert not worker.is_alive()
    assert len(ended) == 1
    assert until(lambda: own_containers(engine, psutil.Process().pid) == [])


OWNER_SCRIPT = """\
import sys
from mai.proposal import Level
from mai.protocols import Job
from mai.sandbox.stillness import Stillness
from mai.sandbox.trial import DockerSandbox
from mai.settings import load
box = DockerSandbox(load())
command = ("sh", "-c", "echo begun; exec sleep 1000")
job = Job(files=(), limits=box.limits_for(Level.LOW), command=command)
box.run(job, listener=lambda *_: print("begun", flush=True))
"""


def test_a_killed_owner_leaves_nothing_running_and_nothing_behind(engine: Engine) -> None:
    command = [sys.executable, "-c", OWNER_SCRIPT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "begun\n"
        (container,) = own_containers(engine, owner.pid)
        owner.kill()
    # Before anybody reaps: the harness itself ends when its input does.
    assert until(lambda: not is_running(engine, container))
    reap(engine)
    assert until(lambda: own_containers(engine, owner.pid) == [])


def test_reaping_spares_the_living_and_other_machines(
    sandbox: DockerSandbox, limits: Limits, engine: Engine
) -> None:
    waiting = start_waiting(engine.client, sandbox.image, limits)
    api = engine.client.api
    elsewhere = {OWNER: "1", STARTED: "1.0", HOST: f"not-{host_name()}"}
    stranger = api.create_container(sandbox.image, labels=elsewhere)["Id"]
    reused = {**owner_labels(), STARTED: "1.0"}
    orphan = api.create_container(sandbox.image, labels=reused)["Id"]
    try:
        reap(engine)
        left = {container["Id"] for container in api.containers(all=True, filters={"label": OWNER})}
        assert waiting.id in left
        assert stranger in left
        assert orphan not in left
    finally:
        waiting.remove()
        api.remove_container(stranger, force=True)


def test_a_container_that_nobody_gives_a_job_ends_with_its_stream(
    sandbox: DockerSandbox, limits: Limits, engine: Engine
) -> None:
    waiting = start_waiting(engine.client, sandbox.image, limits)
    try:
        assert waiting.stream.recv(1)
        waiting.stream.shutdown(2)
        assert until(lambda: not is_running(engine, waiting.id))
    finally:
        waiting.remove()


def test_a_tree_that_is_refused_costs_no_container(
    sandbox: DockerSandbox, limits: Limits, engine: Engine
) -> None:
    with pytest.raises(SandboxError, match="leaves the tree"):
        sandbox.run(Job(files=[TreeFile("../x", 0o100644, b"")], limits=limits))
    assert until(lambda: own_containers(engine, psutil.Process().pid) == [])


def test_limits_that_the_engine_refuses_are_one_sentence(
    sandbox: DockerSandbox, limits: Limits, engine: Engine
) -> None:
    with pytest.raises(Undecided, match="cannot start a container") as caught:
        sandbox.run(Job(files=(), limits=replace(limits, cpus=4096)))
    assert "\n" not in str(caught.value)
    assert until(lambda: own_containers(engine, psutil.Process().pid) == [])


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137)],
)
def test_a_persons_command_streams_its_output_and_returns_its_code(
    sandbox: DockerSandbox, capfd: pytest.CaptureFixture[str], script: str, code: int
) -> None:
    files = [TreeFile("a.txt", 0o100644, b"hello\n")]
    assert sandbox.run_command(files, ("sh", "-c", f"cat a.txt; echo no >&2; {script}")) == code
    assert capfd.readouterr() == ("hello\n", "no\n")


def test_a_container_that_is_paused_is_told_of_once_and_loses_no_time(
    limits: Limits, engine: Engine
) -> None:
    """It is frozen for longer than the run may take, and the notice comes within a second."""
    said: list[str] = []
    box = DockerSandbox(load(), said.append, still_s=1)
    api = engine.client.api

    def freeze(*_: object) -> None:
        if frozen:
            return
        for container in own_containers(engine, psutil.Process().pid):
            with suppress(APIError):  # of other tests, and on its way out
                api.pause(container)
                frozen.append(container)
        threading.Event().wait(7)
        for container in frozen:
            with suppress(APIError):
                api.unpause(container)

    frozen: list[str] = []
    file = TreeFile("test_a.py", 0o100644, b"print('begun', flush=True)\ndef test_x(): pass\n")
    try:
        job = Job(files=[file], limits=replace(limits, wall_s=6))
        result = box.run(job, listener=freeze)
    finally:
        box.close()
    assert result.outcomes == {"test_a.py::test_x": TestOutcome.PASSED}
    assert result.is_whole
    (sentence,) = said
    assert "neither computed nor printed for 1 s" in sentence
    assert "Ctrl+C" in sentence


def test_a_container_that_prints_or_computes_is_not_told_of() -> None:
    said: list[str] = []
    stillness = Stillness(said.append, 0.5)
    with stillness.watched():
        for tick in range(12):
            threading.Event().wait(0.1)
            stillness.pulse(tick * 0.25 if tick < 6 else None)
    assert said == []
    stillness = Stillness(said.append, 0.2)
    with stillness.watched():
        for tick in range(20):
            threading.Event().wait(0.1)
            stillness.pulse(tick * 0.005)
    assert len(said) == 1
