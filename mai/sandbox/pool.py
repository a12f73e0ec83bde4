"""Containers that wait for a job, so that none has to wait for a container.

Each is started ahead of time with every limit and lock already on it, blocked reading its standard
input before anything of a repo is inside, given to one job, and removed. None is ever used again.

A pool keeps what was asked for lately: a container's limits and the size of its folders are fixed
when it is made, so that one stands ready per *shape*, and most for the latest. A process that stays
(`keep`) replaces what is taken and lets go of what nobody took for a while; a command that ends
soon only has made what it said it would take next (`expect`).
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import docker
import psutil

from mai.errors import MaiError
from mai.jobs import Limits
from mai.sandbox.container import Waiting, start_waiting
from mai.sandbox.packing import Packed

Say = Callable[[str], None]

_MIB = 1 << 20
#: Trees that differ by less share a shape; it is what a tree may take of a run's memory on top.
_ROOM_STEP_BYTES = 4 * _MIB
_ROOM_STEP_INODES = 16_384
#: What a waiting container takes, two Python processes and the engine's own (measured).
_WAITING_BYTES = 64 * _MIB
_MEMORY_SHARE = 8
_PER_CORE = 2
_MOST_WAITING = 8
_MOST_SHAPES = 3
IDLE_S = 600.0
_CREW = 2
_TICK_S = 5.0
REAP_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Shape:
    """What is fixed when a container is made. Bytes and inodes are the room for the tree."""

    image: str
    limits: Limits
    room_bytes: int = _ROOM_STEP_BYTES
    room_inodes: int = _ROOM_STEP_INODES
    runtime: str = ""

    @classmethod
    def of(cls, image: str, limits: Limits, packed: Packed, runtime: str = "") -> Shape:
        """Return the shape for a tree, its size rounded up to the next 4 MiB."""
        return cls(
            image,
            limits,
            _rounded_up(packed.disk_bytes, _ROOM_STEP_BYTES),
            _rounded_up(packed.inodes, _ROOM_STEP_INODES),
            runtime,
        )

    def start(self, client: docker.DockerClient) -> Waiting:
        """Start one container of this shape. Raises NoEngine or SandboxError."""
        return start_waiting(
            client,
            self.image,
            self.limits,
            tree_bytes=self.room_bytes,
            tree_inodes=self.room_inodes,
            runtime=self.runtime,
        )


def _rounded_up(number: int, step: int) -> int:
    return max(1, -(-number // step)) * step


def pool_size(cores: float) -> int:
    """Return how many may wait: two per core, at most 8, in an eighth of the memory now free."""
    by_memory = psutil.virtual_memory().available // (_MEMORY_SHARE * _WAITING_BYTES)
    return int(max(1, min(_PER_CORE * cores, _MOST_WAITING, by_memory)))


@dataclass(slots=True)
class _Shelf:
    """The waiting containers of one shape. `wanted` is how many there should be."""

    wanted: int = 1
    used_at: float = field(default_factory=time.monotonic)
    ready: list[Waiting] = field(default_factory=list)
    starting: int = 0


class Pool:
    """Makes containers ahead of time and removes used ones, both in the background.

    Safe to use from several threads. What the engine refuses to make ahead of time is made when it
    is needed, or fails there, where somebody is told.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        size: int,
        *,
        say: Say = lambda _: None,
        idle_s: float = IDLE_S,
        reap: Callable[[], Any] = lambda: None,
    ) -> None:
        self._client, self._say, self._reap = client, say, reap
        self.size, self._idle_s = size, idle_s
        self._shelves: OrderedDict[Shape, _Shelf] = OrderedDict()  # the latest last
        self._changed = threading.Condition()
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._crew: list[threading.Thread] = []
        self._busy = self._leaving = self._taken = self._made_cold = 0
        self._is_kept = self._is_closed = False
        self._stop = threading.Event()
        self._housekeeper = threading.Thread(target=self._keep_house, daemon=True)
        self._housekeeper.start()

    # --- for whoever runs jobs

    def take(self, shape: Shape) -> Waiting | None:
        """Return a container that waits, or None where there is none of this shape.

        One that has ended meanwhile, with its engine or for want of memory, is passed over.
        """
        with self._changed:
            self._busy += 1
            shelf = self._shelves.get(shape)
            while shelf is not None and shelf.ready:
                waiting = shelf.ready.pop(0)
                if waiting.is_alive():
                    self._taken += 1
                    return waiting
                self._later(waiting.remove)
            self._made_cold += 1
            return None

    def done(self, waiting: Waiting | None) -> None:
        """Take back what `take` or `Shape.start` gave: close it now, remove it soon."""
        if waiting is not None:
            waiting.disconnect()
            with self._changed:
                self._leaving += 1
            self._later(lambda: self._see_off(waiting))
        with self._changed:
            self._busy -= 1
            self._refill()

    def _see_off(self, waiting: Waiting) -> None:
        try:
            waiting.remove()
        finally:
            with self._changed:
                self._leaving -= 1
                self._changed.notify_all()

    def expect(self, shape: Shape) -> None:
        """Have one of this shape made ahead of time; more where this process stays."""
        with self._changed:
            shelf = self._shelves.setdefault(shape, _Shelf())
            self._shelves.move_to_end(shape)
            shelf.used_at = time.monotonic()
            self._apportion()
            self._refill()

    def keep(self) -> None:
        """Keep the pool full from here on: this process is going to stay."""
        with self._changed:
            self._is_kept = True
            self._apportion()
            self._refill()

    @property
    def is_kept(self) -> bool:
        """Whether what is taken is replaced."""
        return self._is_kept

    def wait_full(self, timeout_s: float) -> bool:
        """Return once every container that should wait does, and every used one is gone."""
        with self._changed:
            return self._changed.wait_for(self._is_full, timeout_s)

    def status(self) -> dict[str, Any]:
        """Return what waits, by profile, and how often nothing did."""
        with self._changed:
            waiting: dict[str, int] = {}
            for shape, shelf in self._shelves.items():
                profile = shape.limits.profile
                waiting[profile] = waiting.get(profile, 0) + len(shelf.ready)
            return {
                "size": self.size,
                "kept": self._is_kept,
                "waiting": waiting,
                "taken": self._taken,
                "made_when_needed": self._made_cold,
                "idle_s": self._idle_s,
            }

    def close(self) -> None:
        """Remove everything that waits and everything used, and return when all of it is gone."""
        with self._changed:
            self._is_closed = True
            left = [waiting for shelf in self._shelves.values() for waiting in shelf.ready]
            self._shelves.clear()
            crew, self._crew = self._crew, []
            self._changed.notify_all()
        self._stop.set()
        for waiting in left:
            waiting.disconnect()
            with suppress(MaiError):
                waiting.remove()
        for _ in crew:
            self._tasks.put(None)
        for worker in crew:
            worker.join()
        self._housekeeper.join()

    # --- in the background

    def _apportion(self) -> None:
        """Say how many of each shape should wait: one each, and the rest of the latest."""
        while len(self._shelves) > min(_MOST_SHAPES, self.size):
            self._drop(next(iter(self._shelves)))
        for shelf in self._shelves.values():
            shelf.wanted = 1
        if self._is_kept and self._shelves:
            latest = next(reversed(self._shelves.values()))
            latest.wanted = self.size - len(self._shelves) + 1

    def _refill(self) -> None:
        """Have made what is missing. What is not urgent waits until nothing runs."""
        for shape, shelf in self._shelves.items():
            there = len(shelf.ready) + shelf.starting
            missing = shelf.wanted - there
            if self._busy and missing > 0:
                missing = 0 if there else 1
            for _ in range(missing):
                shelf.starting += 1
                self._later(lambda shape=shape, shelf=shelf: self._make(shape, shelf))  # type: ignore[misc]
        self._changed.notify_all()

    def _make(self, shape: Shape, shelf: _Shelf) -> None:
        waiting = None
        try:
            if not self._is_closed:
                waiting = shape.start(self._client)
                waiting.await_ready()
        except MaiError as error:
            if waiting is not None:
                self._later(waiting.remove)
            with self._changed:
                shelf.starting -= 1
                self._shelves.pop(shape, None)  # not tried again until somebody needs one
                self._changed.notify_all()
            self._say(f"No container could be made ahead of time: {error}")
            return
        with self._changed:
            shelf.starting -= 1
            is_wanted = self._shelves.get(shape) is shelf and len(shelf.ready) < shelf.wanted
            if waiting is not None and is_wanted and not self._is_closed:
                shelf.ready.append(waiting)
                shelf.used_at = time.monotonic()
                waiting = None
            self._changed.notify_all()
        if waiting is not None:
            waiting.disconnect()
            waiting.remove()

    def _drop(self, shape: Shape) -> None:
        for waiting in self._shelves.pop(shape).ready:
            waiting.disconnect()
            self._later(waiting.remove)

    def _is_full(self) -> bool:
        return self._leaving == 0 and all(
            len(shelf.ready) >= shelf.wanted for shelf in self._shelves.values()
        )

    def _later(self, task: Callable[[], None]) -> None:
        with self._changed:
            is_closed = self._is_closed
            if not is_closed:
                self._tasks.put(task)
                if len(self._crew) < _CREW:
                    worker = threading.Thread(target=self._work, daemon=True)
                    self._crew.append(worker)
                    worker.start()
        if is_closed:  # nobody is left to do it
            self._perform(task)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._perform(task)

    def _perform(self, task: Callable[[], None]) -> None:
        try:
            task()
        except MaiError as error:
            self._say(str(error))

    def _keep_house(self) -> None:
        reaped_at = time.monotonic()
        while not self._stop.wait(min(_TICK_S, self._idle_s)):
            now = time.monotonic()
            with self._changed:
                idle = [
                    shape
                    for shape, shelf in self._shelves.items()
                    if now - shelf.used_at > self._idle_s
                ]
                for shape in idle:
                    self._drop(shape)
                if idle:
                    self._apportion()
            if now - reaped_at > REAP_EVERY_S:
                reaped_at = now
                with suppress(MaiError):  # an engine that is away says so where it is needed
                    self._reap()
