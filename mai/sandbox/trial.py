"""The sandbox as the rest of Mai knows it."""

from __future__ import annotations

import codecs
import json
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mai.errors import SandboxError
from mai.events import Cancel
from mai.proposal import Level, Verdict
from mai.protocols import Job, Limits, RunResult, TreeFile
from mai.sandbox.container import Waiting, start_waiting
from mai.sandbox.engine import Engine, connect
from mai.sandbox.image import ensure_image
from mai.sandbox.limits import limits_for
from mai.sandbox.packing import pack
from mai.sandbox.reap import reap
from mai.sandbox.records import Listener
from mai.sandbox.run import carry_out
from mai.settings import Settings
from mai.text import plain

Say = Callable[[str], None]
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


class DockerSandbox:
    """Runs jobs in hardened, single-use containers. Safe to use from several threads.

    Connects, reaps what dead processes left behind and finds or builds the image on first use.
    """

    def __init__(self, settings: Settings, say: Say = lambda _: None) -> None:
        self._settings, self._say = settings, say
        self._engine: Engine | None = None
        self._image = ""
        self._lock = threading.Lock()
        self._running: dict[str, Waiting] = {}

    @property
    def image(self) -> str:
        """The id of the image that runs happen in, `sha256:…`."""
        return self._ready()[1]

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
        """
        engine, image = self._ready()
        packed = pack(job.files)
        try:
            waiting = start_waiting(
                engine.client,
                image,
                job.limits,
                tree_bytes=packed.disk_bytes,
                tree_inodes=packed.inodes,
            )
            with self._lock:
                self._running[waiting.id] = waiting
            try:
                return carry_out(
                    waiting, job, packed, cancel or Cancel(), image=image, listener=listener
                )
            finally:
                with self._lock:
                    self._running.pop(waiting.id, None)
        finally:
            packed.close()

    def limits_for(self, level: Level) -> Limits:
        """Return the limits that a change of this risk level gets."""
        return limits_for(level, self._settings)

    def status(self) -> dict[str, Any]:
        """Return the isolation in force, as code in a container finds it.

        Raises:
            NoEngine: no engine answers, or it cannot isolate.
            SandboxError: a container did not say.
        """
        engine, _ = self._ready()
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
            "engine": engine.version,
            "rootless": engine.is_rootless,
            "image": result.image,
            "profiles": {level.value: self.limits_for(level).profile for level in Level},
            **inside,
        }

    def run_command(
        self,
        files: Iterable[TreeFile],
        argv: Sequence[str],
        listener: Listener | None = None,
        cancel: Cancel | None = None,
    ) -> int:
        """Run a person's own command over a tree and return its exit code.

        Output goes to `listener` as it comes, or else to this process's own standard streams
        without anything that would move a terminal's cursor. A signal gives 128 and its number, a
        limit 124 for time and 137 for the rest, as shells and `timeout` have it.

        Raises:
            Cancelled, NoEngine, SandboxError: as `run` does.
        """
        job = Job(files=files, limits=self.limits_for(Level.LOW), command=tuple(argv))
        result = self.run(job, cancel, listener or Printer())
        if result.limit is not Verdict.PASS:
            sys.stderr.write(f"{result.message}\n")
            return 124 if result.limit is Verdict.TIMEOUT else 137
        code = result.exit_code or 0
        return 128 - code if code < 0 else code

    def reap(self) -> int:
        """Remove what dead processes left behind; return how many containers that were."""
        return reap(self._ready()[0])

    def close(self) -> None:
        """Remove what this process has running."""
        with self._lock:
            running, self._running = list(self._running.values()), {}
            engine, self._engine = self._engine, None
        for waiting in running:
            waiting.remove()
        if engine is not None:
            engine.close()

    def _ready(self) -> tuple[Engine, str]:
        with self._lock:
            if self._engine is None:
                engine = connect(self._settings)
                try:
                    reap(engine)
                    self._image = ensure_image(engine, self._settings, self._say)
                except BaseException:
                    engine.close()
                    raise
                self._engine = engine
            return self._engine, self._image
