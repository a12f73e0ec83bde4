"""Containers that wait: taken once, replaced while Mai stays, gone when it goes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import psutil
import pytest

from mai.errors import Cancelled
from mai.events import Cancel
from mai.jobs import Job, Limits, RunResult, TestOutcome, TreeFile
from mai.proposal import Level, Verdict
from mai.sandbox.container import OWNER
from mai.sandbox.engine import Engine, connect
from mai.sandbox.pool import Pool, Shape, pool_size
from mai.sandbox.reap import reap
from mai.sandbox.trial import DockerSandbox
from mai.settings import load

pytestmark = pytest.mark.docker
PATIENCE_S = 60
PASSING = (TreeFile("test_a.py", 0o100644, b"def test_x(): pass\n"),)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = connect(load())
    yield engine
    engine.close()


@pytest.fixture
def box() -> Iterator[DockerSandbox]:
    box = DockerSandbox(load(sandbox_pool=2))
    yield box
    box.close()


@pytest.fixture
def pool(engine: Engine) -> Iterator[Pool]:
    pool = Pool(engine.client, 2)
    yield pool
    pool.close()


@pytest.fixture
def shape(sandbox: DockerSandbox, limits: Limits) -> Shape:
    return Shape(sandbox.image, limits)


def containers(engine: Engine, owner: int) -> set[str]:
    found = engine.client.api.containers(all=True, filters={"label": f"{OWNER}={owner}"})
    return {container["Id"] for container in found}


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        threading.Event().wait(0.05)
    return True


def passing(limits: Limits, **more: object) -> Job:
    return replace(Job(files=PASSING, limits=limits), **more)  # type: ignore[arg-type]


def test_a_command_that_ends_soon_makes_nothing_ahead_of_time(
    box: DockerSandbox, limits: Limits
) -> None:
    box.run(passing(limits))
    box.run(passing(limits))
    assert box.pool().wait_full(PATIENCE_S)
    assert box.pool().status()["waiting"] == {}
    assert box.pool().status()["made_when_needed"] == 2


def test_a_run_that_is_followed_has_the_next_container_made_meanwhile(
    box: DockerSandbox, limits: Limits
) -> None:
    box.run(passing(limits, is_followed=True))
    assert box.pool().wait_full(PATIENCE_S)
    assert box.pool().status()["waiting"] == {"untrusted": 1}
    box.run(passing(limits))
    assert box.pool().status()["taken"] == 1


def test_a_pool_that_is_kept_is_full_again_after_each_run(
    box: DockerSandbox, limits: Limits
) -> None:
    box.keep_warm(may_wait=True)
    for _ in range(3):
        assert box.pool().wait_full(PATIENCE_S)
        result = box.run(passing(limits))
        assert result.outcomes == {"test_a.py::test_x": TestOutcome.PASSED}
    assert box.pool().wait_full(PATIENCE_S)
    status = box.pool().status()
    assert sum(status["waiting"].values()) == status["size"] == 2
    assert status["made_when_needed"] <= 1


def test_no_container_serves_twice(box: DockerSandbox, limits: Limits) -> None:
    box.keep_warm(may_wait=True)
    script = "import os; print(os.path.exists('/repo/left')); open('/repo/left', 'w')"
    for _ in range(4):
        assert box.pool().wait_full(PATIENCE_S)
        result = box.run(Job(files=(), limits=limits, command=("python3", "-c", script)))
        assert result.output == "False\n"


def test_what_waits_has_the_limits_of_what_it_waits_for(box: DockerSandbox) -> None:
    box.keep_warm(may_wait=True)
    for level in (Level.LOW, Level.MEDIUM, Level.HIGH):
        limits = box.limits_for(level)
        box.pool().expect(Shape(box.image, limits))
        assert box.pool().wait_full(PATIENCE_S)
        taken = box.pool().status()["taken"]
        paths = "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
        job = Job(files=(), limits=limits, command=("sh", "-c", f"cat {paths} 2>/dev/null; true"))
        assert int(box.run(job).output) == limits.memory_bytes + (4 << 20)
        assert box.pool().status()["taken"] == taken + 1


def test_a_tree_of_another_size_gets_a_container_of_its_own(
    box: DockerSandbox, limits: Limits
) -> None:
    box.keep_warm(may_wait=True)
    large = TreeFile("data.bin", 0o100644, bytes(9 << 20))
    result = box.run(replace(passing(limits), files=(*PASSING, large)))
    assert result.limit is Verdict.PASS
    assert box.pool().status()["taken"] == 0


def test_a_container_that_has_ended_is_passed_over(pool: Pool, shape: Shape) -> None:
    pool.expect(shape)
    assert pool.wait_full(PATIENCE_S)
    (waiting,) = pool._shelves[shape].ready
    waiting.kill()
    waiting.client.api.wait(waiting.id)
    assert until(lambda: not waiting.is_alive())
    assert pool.take(shape) is None
    pool.done(None)


def test_what_nobody_takes_is_let_go(engine: Engine, shape: Shape) -> None:
    pool = Pool(engine.client, 2, idle_s=0.2)
    pool.keep()
    pool.expect(shape)
    try:
        assert pool.wait_full(PATIENCE_S)
        assert until(lambda: pool.status()["waiting"] == {})
        assert until(lambda: not containers(engine, psutil.Process().pid))
    finally:
        pool.close()


def test_closing_takes_what_waits_along(pool: Pool, shape: Shape, engine: Engine) -> None:
    pool.expect(shape)
    assert pool.wait_full(PATIENCE_S)
    ids = {waiting.id for waiting in pool._shelves[shape].ready}
    pool.expect(replace(shape, room_bytes=8 << 20))  # being made while it closes
    pool.close()
    assert not ids & containers(engine, psutil.Process().pid)


def test_an_engine_that_cannot_make_one_is_told_about_once(engine: Engine, shape: Shape) -> None:
    said: list[str] = []
    pool = Pool(engine.client, 2, say=said.append)
    impossible = replace(shape, image="sha256:" + "0" * 64)
    pool.keep()
    pool.expect(impossible)
    assert until(lambda: bool(said))
    pool.close()
    assert "ahead of time" in said[0]
    assert all("\n" not in sentence for sentence in said)


def test_the_size_follows_the_machine() -> None:
    assert pool_size(1) <= pool_size(4) <= pool_size(64) <= 8
    assert pool_size(0.5) == 1


def test_more_runs_than_processors_take_turns_and_none_is_judged_wrongly(
    sandbox: DockerSandbox, limits: Limits
) -> None:
    body = b"def test_busy():\n    sum(range(10**7))\ndef test_bad():\n    assert 0\n"
    job = Job(files=(TreeFile("test_a.py", 0o100644, body),), limits=limits)
    results: list[RunResult] = []
    workers = [threading.Thread(target=lambda: results.append(sandbox.run(job))) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expected = {
        "test_a.py::test_busy": TestOutcome.PASSED,
        "test_a.py::test_bad": TestOutcome.FAILED,
    }
    assert [(result.limit, result.outcomes) for result in results] == [(Verdict.PASS, expected)] * 8


def test_a_run_that_waits_for_its_turn_can_be_stopped(limits: Limits) -> None:
    box = DockerSandbox(load(cpu_cores_available=1, sandbox_pool=0))
    has_begun, first, second = threading.Event(), Cancel(), Cancel()

    def occupy() -> None:
        job = Job(files=(), limits=limits, command=("sh", "-c", "echo begun; exec sleep 1000"))
        with pytest.raises(Cancelled):
            box.run(job, first, lambda *_: has_begun.set())

    worker = threading.Thread(target=occupy)
    worker.start()
    try:
        assert has_begun.wait(PATIENCE_S)
        second.set()
        with pytest.raises(Cancelled, match="before it began"):
            box.run(passing(limits), second)
    finally:
        first.set()
        worker.join(PATIENCE_S)
        box.close()


OWNER_SCRIPT = """\
from mai.sandbox.trial import DockerSandbox
from mai.settings import load
import time
box = DockerSandbox(load())
box.keep_warm(may_wait=True)
box.pool().wait_full(60)
print("full", flush=True)
time.sleep(1000)
"""


def test_a_killed_owner_leaves_nothing_that_waits(engine: Engine) -> None:
    command = [sys.executable, "-c", OWNER_SCRIPT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "full\n"
        assert containers(engine, owner.pid)
        owner.kill()
    api = engine.client.api
    running = {"label": f"{OWNER}={owner.pid}", "status": "running"}
    # Before anybody reaps: each harness ends when its input does.
    assert until(lambda: not api.containers(filters=running))
    reap(engine)
    assert until(lambda: not containers(engine, owner.pid))
