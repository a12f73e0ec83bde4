"""The sandbox as the rest of Mai knows it."""

from __future__ import annotations

import codecs
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from docker.errors import ImageNotFound

from mai.errors import Cancelled, MaiError, SandboxError, Undecided
from mai.events import Cancel
from mai.jobs import Job, Limits, Prepared, RunResult, TreeFile
from mai.proposal import Level, Verdict
from mai.sandbox.container import Waiting
from mai.sandbox.dependencies import read_dependencies
from mai.sandbox.engine import Engine, connect
from mai.sandbox.image import ensure_image
from mai.sandbox.limits import limits_for
from mai.sandbox.packing import pack, say_left_out
from mai.sandbox.pool import Pool, Shape, pool_size
from mai.sandbox.reap import reap
from mai.sandbox.records import Listener
from mai.sandbox.repo_image import RepoImages
from mai.sandbox.run import carry_out
from mai.sandbox.stillness import STILL_S, Stillness
from mai.settings import Settings
from mai.text import plain

Say = Callable[[str], None]
_TURN_POLL_S = 0.2
_INSIDE = ("python3", "/opt/mai/sandbox/inside.py")


class Printer:
    """Passes a container's output on to a terminal as it comes, as text and nothing but text."""

    def __init__(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {False: decoder("replace"), True: decoder("replace")}

    def __call__(self, is_error: bool, data: bytes) -> None:
        """Print one piece."""
        stream = sys.stderr if is_error else sys.stdout
        stream.write(plain(self._decoders[is_error].decode(data)))
        stream.flush()


@dataclass(frozen=True, slots=True)
class _Ready:
    engine: Engine
    image: str
    pool: Pool
    repo_images: RepoImages

    def close(self) -> None:
        """Remove what waits and let go of the engine. One that still runs a job connects again."""
        self.pool.close()
        self.engine.close()


class DockerSandbox:
    """Runs jobs in hardened, single-use containers. Safe to use from several threads.

    Connects, reaps what dead processes left behind and finds or builds the image on first use.
    """

    def __init__(
        self, settings: Settings, say: Say = lambda _: None, *, still_s: float = STILL_S
    ) -> None:
        self._settings, self._say, self._still_s = settings, say, still_s
        self._connected: _Ready | None = None
        self._lock, self._connecting = threading.Lock(), threading.Lock()
        self._is_closed = False
        self._running: dict[str, Waiting] = {}
        self._cores = settings.cpu_cores_available or os.cpu_count() or 1
        self._turns = threading.BoundedSemaphore(max(1, round(self._cores)))

    @property
    def image(self) -> str:
        """The id of the image that runs happen in, `sha256:…`."""
        return self._ready().image

    def run(
        self, job: Job, cancel: Cancel | None = None, listener: Listener | None = None
    ) -> RunResult:
        """Run `job` in a fresh container.

        Args:
            job: what to run over which tree under which limits.
            cancel: set it to stop within a second.
            listener: is given output as it comes: whether it is an error stream's, and the bytes.

        Raises:
            Cancelled: it was stopped.
            NoEngine: no engine answers, or it cannot isolate.
            SandboxError: the tree cannot be put into a container, or that could not be made.
            Undecided: the run did not come to its end for a reason that is not its own.
        """
        ready, cancel = self._ready(), cancel or Cancel()
        with self._turn(cancel), closing(pack(job.files)) as packed:
            image = job.image or ready.image
            shape = Shape.of(image, job.limits, packed, ready.engine.runtime)
            with self._container(ready, shape) as waiting:
                if job.is_followed or ready.pool.is_kept:
                    ready.pool.expect(shape)
                return carry_out(
                    waiting,
                    job,
                    packed,
                    cancel,
                    image=image,
                    stillness=Stillness(self._say, self._still_s),
                    listener=listener,
                )

    @contextmanager
    def _turn(self, cancel: Cancel) -> Iterator[None]:
        """Wait until a processor is free: runs that share one only get late, not further."""
        while not self._turns.acquire(timeout=_TURN_POLL_S):
            if cancel.is_set:
                raise Cancelled("The run was stopped before it began.", stage="trial")
        try:
            yield
        finally:
            self._turns.release()

    @contextmanager
    def _container(self, ready: _Ready, shape: Shape) -> Iterator[Waiting]:
        waiting = ready.pool.take(shape)
        try:
            if waiting is None:
                waiting = self._started(ready, shape)
            with self._lock:
                self._running[waiting.id] = waiting
            yield waiting
        finally:
            if waiting is not None:
                with self._lock:
                    self._running.pop(waiting.id, None)
            ready.pool.done(waiting)

    def _started(self, ready: _Ready, shape: Shape) -> Waiting:
        try:
            return shape.start(ready.engine.client)
        except Undecided as error:
            # Somebody removed the image; the next run finds out, and has it built again.
            if isinstance(error.__cause__, ImageNotFound):
                with self._lock:
                    is_mine = self._connected is ready
                    self._connected = None if is_mine else self._connected
                if is_mine:
                    threading.Thread(target=ready.close, daemon=True).start()
            raise

    def keep_warm(self, *, may_wait: bool = False) -> None:
        """Have containers wait from here on: this process stays, and its trials should be quick.

        Connects and builds the image where need be, in the background unless it `may_wait`. An
        engine that is not there is told where it is needed, not here.
        """
        if may_wait:
            self._keep_warm()
        else:
            threading.Thread(target=self._keep_warm, daemon=True).start()

    def _keep_warm(self) -> None:
        with suppress(MaiError):
            ready = self._ready()
            ready.pool.keep()
            for level in (Level.MEDIUM, Level.LOW):  # the latest gets the most
                shape = Shape(ready.image, self.limits_for(level), runtime=ready.engine.runtime)
                ready.pool.expect(shape)

    def prepare(
        self, read: Callable[[str], bytes | None], paths: Sequence[str] | None = None
    ) -> Prepared:
        """Return the image for a tree: with what its manifests name, where that can be had.

        `paths` are the tree's files; without them only the usual places at its root are tried. An
        image of the user's own (`SANDBOX_DOCKER_IMAGE`) is expected to have it.

        Raises:
            NoEngine, SandboxError: as `run` does.
        """
        ready = self._ready()
        settings = self._settings
        if not settings.sandbox_dependencies or settings.sandbox_docker_image is not None:
            return Prepared(ready.image)
        return ready.repo_images.prepare(read_dependencies(read, paths))

    def _ask(self, command: Sequence[str]) -> str:
        """Return what a command of the image's own prints."""
        job = Job(files=(), limits=self.limits_for(Level.HIGH), command=tuple(command))
        result = self.run(job)
        if not result.is_whole or result.exit_code != 0:
            raise Undecided(f"A container did not answer {command[0]}: {result.message}")
        return result.output

    def limits_for(self, level: Level) -> Limits:
        """Return the limits that a change of this risk level gets."""
        return limits_for(level, self._settings)

    def status(self) -> dict[str, Any]:
        """Return the isolation in force, as code in a container finds it.

        Raises:
            NoEngine: no engine answers, or it cannot isolate.
            SandboxError: a container did not say.
        """
        ready = self._ready()
        pieces: list[bytes] = []
        result = self.run(
            Job(files=(), limits=self.limits_for(Level.HIGH), command=_INSIDE),
            listener=lambda is_error, data: None if is_error else pieces.append(data),
        )
        try:
            inside: dict[str, Any] = json.loads(b"".join(pieces))
        except ValueError as error:
            raise SandboxError("A container did not say how it is isolated.") from error
        return {
            "engine": ready.engine.version,
            "rootless": ready.engine.is_rootless,
            "runtime": ready.engine.runtime or "the engine's own",
            "image": result.image,
            "pool": ready.pool.status(),
            "profiles": {level.value: self.limits_for(level).profile for level in Level},
            **inside,
        }

    def run_command(
        self,
        files: Iterable[TreeFile],
        argv: Sequence[str],
        listener: Listener | None = None,
        cancel: Cancel | None = None,
        *,
        image: str = "",
    ) -> int:
        """Run a person's own command over a tree, in the `image` that `prepare` returned for it.

        Returns its exit code. Output goes to `listener` as it comes, or else to this process's own
        standard streams without anything that would move a terminal's cursor. A signal
        gives 128 and its number, a limit 124 for time and 137 for the rest, as shells and `timeout`
        have it.

        Raises:
            Cancelled, NoEngine, SandboxError: as `run` does.
        """
        limits = self.limits_for(Level.LOW)
        job = Job(files=files, limits=limits, command=tuple(argv), image=image)
        result = self.run(job, cancel, listener or Printer())
        if result.left_out:
            sys.stderr.write(f"{say_left_out(result.left_out)}\n")
        if result.limit is not Verdict.PASS:
            sys.stderr.write(f"{result.message}\n")
            return 124 if result.limit is Verdict.TIMEOUT else 137
        code = result.exit_code or 0
        return 128 - code if code < 0 else code

    def reap(self) -> int:
        """Remove what dead processes left behind; return how many containers that were."""
        return reap(self._ready().engine)

    def pool(self) -> Pool:
        """Return the containers that wait, for whoever wants to look at or wait for them."""
        return self._ready().pool

    def close(self) -> None:
        """Remove what this process has running and waiting; return when it is gone."""
        with self._lock:
            running, self._running = list(self._running.values()), {}
            ready, self._connected, self._is_closed = self._connected, None, True
        for waiting in running:
            waiting.kill()
        if ready is not None:
            ready.pool.close()
        for waiting in running:
            waiting.remove()
        if ready is not None:
            ready.engine.close()

    def _ready(self) -> _Ready:
        # Two locks: building an image takes its time, and `close` must not wait for it.
        with self._connecting:
            ready = self._connected
            if ready is None:
                ready = self._connect()
                with self._lock:
                    if not self._is_closed:
                        self._connected = ready
                        return ready
                ready.close()
                raise SandboxError("The sandbox is closed already.")
            return ready

    def _connect(self) -> _Ready:
        engine = connect(self._settings)
        try:
            reap(engine)
            image = ensure_image(engine, self._settings, self._say)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            engine.close()
            raise Undecided("The engine's answers make no sense.") from error
        except BaseException:
            engine.close()
            raise
        wanted = self._settings.sandbox_pool
        size = pool_size(self._cores) if wanted is None else wanted
        pool = Pool(engine.client, size, say=self._say, reap=lambda: reap(engine))
        images = RepoImages(engine.client, image, self._ask, self._say)
        return _Ready(engine, image, pool, images)
