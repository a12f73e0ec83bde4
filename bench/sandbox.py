"""What a trial costs, beside the same command in a plain hardened container, in one process run.

Prints medians and ratios; the machine may be busy, so trust the ratios. `make bench` runs it, or
`python bench/sandbox.py [SECTION…]`. Sections: pair, stage, burst, first-byte, tree, crowd, memory.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mai.core import Core
from mai.events import Event, StageFinished
from mai.jobs import Job, TestOutcome, TreeFile
from mai.proposal import Level, Submission, Verdict
from mai.sandbox.container import _host_options
from mai.sandbox.packing import pack
from mai.sandbox.pool import Shape
from mai.sandbox.trial import DockerSandbox
from mai.settings import load

RUNS = 20
PATIENCE_S = 120
TRIVIAL = (TreeFile("test_a.py", 0o100644, b"def test_x():\n    assert 1\n"),)
PLAIN = (
    "cd /repo && echo 'def test_x(): assert 1' > test_a.py && "
    "exec python3 -m pytest -q -p no:cacheprovider --junitxml=/tmp/report.xml"
)


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds that `work` takes."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def trivial(box: DockerSandbox) -> None:
    """Run one trivial test and check that it was run."""
    result = box.run(Job(files=TRIVIAL, limits=box.limits_for(Level.LOW)))
    assert result.outcomes == {"test_a.py::test_x": TestOutcome.PASSED}, result


def plain(box: DockerSandbox) -> None:
    """Do the same in a container of its own with the same flags, made, started, removed."""
    api = box.pool()._client.api  # noqa: SLF001 - the same engine through the same connection
    options = _host_options(box.limits_for(Level.LOW), 0, 0)
    container = api.create_container(
        box.image,
        entrypoint=["sh", "-c", PLAIN],
        user="65534:65534",
        host_config=api.create_host_config(**options),
    )["Id"]
    api.start(container)
    assert api.wait(container)["StatusCode"] == 0
    api.remove_container(container, force=True)


def full(box: DockerSandbox) -> None:
    """Wait until everything that should wait does."""
    assert box.pool().wait_full(PATIENCE_S)


def pair(box: DockerSandbox) -> None:
    """One trivial test, pool full, in turns with the plain way."""
    ours, theirs = [], []
    for _ in range(RUNS):
        full(box)
        ours.append(timed(lambda: trivial(box)))
        full(box)
        theirs.append(timed(lambda: plain(box)))
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(f"one trivial test, pool full      {mine:7.1f} ms")
    print(f"plain hardened container, same   {other:7.1f} ms")
    print(f"ratio                            {mine / other:7.3f}")


def first_byte(box: DockerSandbox) -> None:
    """From asking for a run to the first byte that the command prints."""
    found = []
    for _ in range(RUNS):
        full(box)
        at: list[float] = []
        started = time.perf_counter()
        job = Job(files=(), limits=box.limits_for(Level.LOW), command=("/bin/echo", "x"))
        box.run(job, listener=lambda *_, at=at: at.append(time.perf_counter()))
        found.append((at[0] - started) * 1000)
    print(f"first byte from the pool         {statistics.median(found):7.1f} ms")


def burst(box: DockerSandbox) -> None:
    """Without a pause: what the pool cannot hold must be made meanwhile."""
    full(box)

    def all_of_them() -> None:
        for _ in range(RUNS):
            trivial(box)

    took = timed(all_of_them) / 1000
    print(f"without a pause, {RUNS} in a row     {RUNS / took:7.1f} trials/s")


def tree(box: DockerSandbox) -> None:
    """Ten thousand files, 36 MB of blobs (some 60 MB on a disk), and `true` run over them."""
    chance = random.Random(1)  # noqa: S311 - content of no consequence, the same each time
    files = [
        TreeFile(
            f"p{n % 200}/s{n % 7}/m{n}.py", 0o100644, chance.randbytes(chance.randint(500, 6700))
        )
        for n in range(10_000)
    ]
    limits = box.limits_for(Level.LOW)
    found = []
    for _ in range(RUNS // 2):
        packed = pack(files)
        box.pool().expect(Shape.of(box.image, limits, packed))
        packed.close()
        full(box)
        found.append(timed(lambda: box.run(Job(files=files, limits=limits, command=("true",)))))
    print(f"10,000 files in, whole run       {statistics.median(found):7.1f} ms")


def stage(box: DockerSandbox) -> None:
    """The trial stage of real proposals: a repo, a ledger, a cached base, one run."""
    del box
    seconds: list[float] = []

    def heard(event: Event) -> None:
        if isinstance(event, StageFinished) and event.stage == "trial":
            seconds.append(event.seconds)

    with tempfile.TemporaryDirectory(prefix="mai-bench-") as name:
        folder = Path(name)
        repo = folder / "repo"
        repo.mkdir()
        (repo / "test_a.py").write_text("def test_x():\n    assert 1\n")
        (repo / "README.md").write_text("0\n")
        for words in ("init -q", "add .", "-c user.name=b -c user.email=b@b commit -q -m base"):
            subprocess.run(["git", *words.split()], cwd=repo, check=True)
        os.environ |= {
            "MAI_CONFIG_DIR": str(folder / "config"),
            "MEMORY_DB_PATH": str(folder / "mai.db"),
            "MAI_LOG_DIR": str(folder / "logs"),
            "MAI_PROVIDER": "reflex",
        }
        with Core.open(repo) as core:
            core.events.subscribe(heard)
            core.keep_warm()
            for number in range(1, RUNS + 2):
                patch = f"--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-0\n+{number}\n"
                core.submit(Submission(patch, f"Say {number}", "To measure", "bench"))
                sandbox = core.sandbox()
                assert isinstance(sandbox, DockerSandbox)
                full(sandbox)
    assert len(seconds) == RUNS + 1
    print(f"trial stage, base cached         {statistics.median(seconds[1:]) * 1000:7.1f} ms")


def crowd(box: DockerSandbox) -> None:
    """Eight at once: none starved into a wrong verdict."""
    body = b"def test_busy():\n    sum(range(3 * 10**7))\ndef test_bad():\n    assert 0\n"
    job = Job(files=(TreeFile("test_a.py", 0o100644, body),), limits=box.limits_for(Level.MEDIUM))
    wrong: list[object] = []

    def one() -> None:
        result = box.run(job)
        outcomes = [str(outcome) for outcome in result.outcomes.values()]
        if result.limit is not Verdict.PASS or outcomes != ["passed", "failed"]:
            wrong.append(result)

    workers = [threading.Thread(target=one) for _ in range(8)]

    def all_of_them() -> None:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    took = timed(all_of_them)
    print(f"8 busy trials at once            {took:7.0f} ms, {len(wrong)} wrong verdicts")
    assert not wrong, wrong


def memory(box: DockerSandbox) -> None:
    """Memory of this process over five hundred trials."""
    process = psutil.Process()
    for _ in range(20):
        trivial(box)
    before = process.memory_info().rss
    for _ in range(500):
        trivial(box)
    after = process.memory_info().rss
    print(f"memory before 500 trials         {before / 2**20:7.1f} MiB")
    print(f"memory after                     {after / 2**20:7.1f} MiB")


SECTIONS = {
    "pair": pair,
    "stage": stage,
    "burst": burst,
    "first-byte": first_byte,
    "tree": tree,
    "crowd": crowd,
    "memory": memory,
}


def main() -> None:
    """Measure and print."""
    box = DockerSandbox(load())
    box.keep_warm(may_wait=True)
    try:
        for name in sys.argv[1:] or SECTIONS:
            SECTIONS[name](box)
    finally:
        box.close()


if __name__ == "__main__":
    main()
