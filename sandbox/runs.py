"""One run: what a command and a test run share, and the command's own."""

from __future__ import annotations

import json
import os
import secrets
import selectors
import signal
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.children import Child
from sandbox.meter import Meter, is_anything_runnable
from sandbox.places import import_paths
from sandbox.witnesses import Witnesses

Write = Callable[[bytes, bytes], None]

_TICK_S = 0.05
#: How often the host hears that this is alive, and how much of a tick counts as time: one that took
#: longer was frozen with the whole container, which is nobody's fault in it.
_PULSE_S = 2.0
_LONGEST_TICK_S = 2.0
_CPU = struct.Struct(">d")
#: How many times its wall ceiling a run may spend waiting for a processor on top of it.
_MOST_STARVED = 3
_LINE_LIMIT = 64 << 20
_JUNIT_LIMIT = 8 << 20
_LAST_WORDS_BYTES = 1000
_OWN = "INTERNALERROR>"


class Stop(Exception):
    """The run ends here. `limit` is the verdict's name."""

    def __init__(self, limit: str, message: str = "") -> None:
        super().__init__(message)
        self.limit, self.message = limit, message


class Run:
    """What runs have in common: pipes to read, limits to watch, a result to send."""

    #: Whether what it says rests on the test files of the tree.
    judges_by_tests = True

    def __init__(
        self,
        job: dict[str, Any],
        witnesses: Witnesses,
        meter: Meter,
        write: Write,
        child: Child,
    ) -> None:
        self.witnesses = witnesses
        self.job, self.root, self.meter, self._write, self.child = (
            job,
            witnesses.root,
            meter,
            write,
            child,
        )
        self.import_paths = import_paths(self.root)
        self._last = time.monotonic()
        self._wall_s = self._starved_s = 0.0
        self._cpu_at_start = self._cpu_last = meter.cpu_s()
        self._oom_at_start, self._forks_at_start = meter.oom_kills(), meter.forks_refused()
        self._printed = 0
        self._last_words = {b"E": b"", b"O": b""}
        self._buffer = bytearray()
        self._nonce = b""
        self._told_at = self._last
        #: Why one run like this is not enough to believe it, "" where it is.
        self.doubt = ""
        #: Whether that is a contradiction, so that no number of runs proves anything.
        self.is_contradictory = False
        self.hits: set[str] = set()
        self.outcomes: dict[str, str] = {}
        self.limited: dict[str, str] = {}  # tests, and which limit of the container ended each
        self.reports: list[list[Any]] = []  # what a search found
        self.spent: dict[str, float] = {}  # CPU seconds by test file
        self.has_tests = True
        self.wake, wake_end = os.pipe()
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    # --- to be filled in

    def perform(self) -> None:
        """Do the work. Raises Stop where a limit ends it."""
        raise NotImplementedError

    def receive(self, record: list[Any]) -> None:
        """Take one report of the child's."""

    def watch(self, cpu_s: float, idle_s: float) -> None:
        """Look after what is running; called on each tick with what passed since the last."""

    def is_killing(self) -> bool:
        """Whether the child is to die by our own hand."""
        return False

    def exit_code(self) -> int | None:
        """Return how the work itself ended, None where it did not."""
        return self.child.exit_code

    # --- the result

    def carry_out(self) -> bytes:
        """Perform the run and return the result as JSON."""
        limit, message = "pass", ""
        try:
            self.perform()
        except Stop as stop:
            limit, message = stop.limit, stop.message
        if limit == "pass":
            message = " ".join(self.job["notes"])
        self.child.kill_everything()
        tampered = self.witnesses.tampered()
        if tampered is not None and self.judges_by_tests:
            self.outcomes.clear()
            limit, message = "error", f"The run changed {tampered}, which was to judge it."
        if self.meter.oom_kills() > self._oom_at_start:
            self.hits.add("oom")
        if self.meter.forks_refused() > self._forks_at_start:
            self.hits.add("pids")
        return self._encode(
            limit=limit,
            message=message,
            outcomes=self.outcomes,
            exit_code=self.exit_code(),
            hits=sorted(self.hits),
            limited=self.limited,
            doubt=self.doubt,
            is_contradictory=self.is_contradictory,
            has_tests=self.has_tests,
            spent={name: round(cpu_s, 3) for name, cpu_s in self.spent.items()},
            reports=self.reports,
            cpu_s=self.meter.cpu_s() - self._cpu_at_start,
            peak_memory_bytes=self.meter.peak_memory_bytes(),
        )

    @classmethod
    def failure(cls, message: str, *, is_full: bool, is_damaged: bool) -> bytes:
        """Return the result of a run that could not begin."""
        limit = "disk" if is_full else "error"
        return cls._encode(limit=limit, message=message, is_damaged=is_damaged)

    @staticmethod
    def _encode(**result: Any) -> bytes:
        return json.dumps(result).encode()

    # --- the loop

    def pump(self, arguments: dict[str, Any]) -> None:
        """Hand the child its job and look after it until it ends.

        Raises:
            Stop: a limit of the whole run is reached.
        """
        self._nonce = secrets.token_hex(16).encode()
        self._buffer = bytearray()
        self._last_words = {b"E": b"", b"O": b""}
        self.child.send(
            {
                "nonce": self._nonce.decode(),
                "root": self.root,
                "rlimits": self.job["rlimits"],
                "import_paths": self.import_paths,
                "argv": self.job["argv"],
                **arguments,
            }
        )
        child, oom_before = self.child, self.meter.oom_kills()
        with selectors.DefaultSelector() as selector:
            for descriptor in (0, self.wake, child.report_fd, child.output_fd, child.errors_fd):
                selector.register(descriptor, selectors.EVENT_READ)
            while not child.reap():
                for key, _ in selector.select(_TICK_S):
                    if not self._read(key.fd):
                        selector.unregister(key.fd)
                self._tick()
            is_killed = child.exit_code == -signal.SIGKILL and not self.is_killing()
            if is_killed and self.meter.oom_kills() == oom_before:
                # By itself, or from outside: the next run tells.
                self.doubt = "The process under test was killed."
            child.kill_everything()
            # What it wrote before it died is still in the pipes.
            while ready := [
                key.fd for key, _ in selector.select(0) if key.fd not in (0, self.wake)
            ]:
                for descriptor in ready:
                    if not self._read(descriptor):
                        selector.unregister(descriptor)

    def _read(self, descriptor: int) -> bool:
        data = os.read(descriptor, 1 << 16)
        if descriptor == 0:
            if not data:
                os._exit(0)  # the owner is gone, and nobody waits for a result
        elif descriptor == self.child.report_fd:
            self._parse(data)
        elif descriptor != self.wake:
            self._forward(b"E" if descriptor == self.child.errors_fd else b"O", data)
        return bool(data)

    def _forward(self, kind: bytes, data: bytes) -> None:
        kept = self._last_words[kind] + data[-_LAST_WORDS_BYTES:]
        self._last_words[kind] = kept[-_LAST_WORDS_BYTES:]
        room = self.job["output_bytes"] - self._printed
        self._printed += len(data)
        if data[:room] and room > 0:
            self._write(kind, data[:room])
        if len(data) > room:
            raise Stop("output", "It printed more than it may.")

    def last_words(self) -> str:
        """Return the last line that the child wrote, of its errors if there are any."""
        for text in self._last_words.values():
            lines = [line for line in text.decode("utf-8", "replace").split("\n") if line.strip()]
            # What pytest says of an error of its own comes before its summary.
            for line in reversed([line for line in lines if line.startswith(_OWN)] or lines):
                return line.removeprefix(_OWN).removeprefix("E  ").removeprefix("ERROR: ").strip()
        return ""

    def _parse(self, data: bytes) -> None:
        self._buffer += data
        if b"\n" not in data:
            if len(self._buffer) > _LINE_LIMIT:
                raise Stop("error", "A report was too long.")
            return
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            nonce, _, text = line.partition(b" ")
            if nonce != self._nonce:
                raise Stop("error", "Something other than the test runner wrote to its report.")
            try:
                self.receive(json.loads(text))
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
                raise Stop("error", "A report of the test runner cannot be read.") from error

    def _tick(self) -> None:
        now, cpu = time.monotonic(), self.meter.cpu_s()
        wall_s, cpu_s = now - self._last, max(0.0, cpu - self._cpu_last)
        self._last, self._cpu_last = now, cpu
        wall_s = min(wall_s, max(_LONGEST_TICK_S, cpu_s))
        if now - self._told_at > _PULSE_S:
            self._told_at = now
            self._write(b"H", _CPU.pack(cpu - time.process_time()))
        # Waiting for a processor on a busy machine is not the test's fault; sleeping is.
        idle_s = max(0.0, wall_s - cpu_s)
        if idle_s > cpu_s and is_anything_runnable():
            self._starved_s, idle_s = self._starved_s + idle_s, 0.0
        self._wall_s += wall_s
        if cpu - self._cpu_at_start > self.job["cpu_s"]:
            raise Stop("timeout", f"It used more than its {self.job['cpu_s']:g} s of CPU time.")
        ceiling_s = self.job["wall_s"] + min(self._starved_s, _MOST_STARVED * self.job["wall_s"])
        if self._wall_s > ceiling_s:
            raise Stop("timeout", f"It took longer than {self.job['wall_s']:g} s.")
        self.watch(cpu_s, idle_s)


class CommandRun(Run):
    """Runs a command: a person's, whatever it does, or the repo's own, which leaves a report."""

    @property
    def judges_by_tests(self) -> bool:  # type: ignore[override]
        """Whether a report is asked for."""
        return bool(self.job["junit"])

    def perform(self) -> None:
        """Run it and read the JUnit report it was told to leave."""
        self.pump({})
        if self.job["junit"]:
            self._write(b"J", self._junit())

    def _junit(self) -> bytes:
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(Path(self.root, self.job["junit"]), flags)
        except OSError:
            return b""
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _JUNIT_LIMIT:
                return b""
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(_JUNIT_LIMIT)
        finally:
            os.close(descriptor)
