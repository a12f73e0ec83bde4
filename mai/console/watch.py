"""Looks, once a second, whether anything changed that no event told of: other processes, time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from mai.console.messages import CareNeeded, Learnt, Listed, Measured
from mai.errors import MaiError
from mai.proposal import Proposal, State

if TYPE_CHECKING:
    from mai.core import Core

_TICK_S = 1.0
_TICKS_PER_SAMPLE = 2
#: The console lists so many of those that have ended; `mai history` has all that landed.
ENDED_MOST = 500
#: However quiet it is, catch up this often: a ref may change without a file that is watched.
_CARE_EVERY_S = 60.0


class Watcher:
    """A thread of its own, from `start` to `stop`. Tells through `tell`, from that thread."""

    def __init__(self, core: Core, tell: Callable[[Message], object]) -> None:
        self._core = core
        self._tell = tell
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._listed: list[Proposal] = []
        self._marks: tuple[object, ...] = ()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns when the last look is over."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        from mai.system.resources import Meter

        self._marks = _marks(self._core)
        cared_s, tick = time.monotonic(), 0
        with Meter(self._core.settings) as meter:
            while not self._stopped.is_set():
                self._look()
                marks = _marks(self._core)
                if marks != self._marks or time.monotonic() - cared_s > _CARE_EVERY_S:
                    self._marks, cared_s = marks, time.monotonic()
                    self._tell(CareNeeded())
                if tick % _TICKS_PER_SAMPLE == 0:
                    self._tell(Measured(meter.sample()))
                tick += 1
                self._stopped.wait(_TICK_S)

    def _look(self) -> None:
        try:
            proposals = self._core.inbox.recent(ENDED_MOST)
        except MaiError as error:  # a busy database is looked at again in a second
            self._tell(Learnt(problem=str(error)))
            return
        if proposals != self._listed:
            self._listed = proposals
            self._tell(Listed(proposals))
        now = datetime.now(UTC)
        if any(_is_overdue(proposal, now) for proposal in proposals):
            self._tell(CareNeeded())


def _is_overdue(proposal: Proposal, now: datetime) -> bool:
    return (
        proposal.state is State.PENDING
        and proposal.expires_at is not None
        and datetime.fromisoformat(proposal.expires_at) <= now
    )


def _marks(core: Core) -> tuple[object, ...]:
    """Return what changes when a branch moves: stamps of the files that git rewrites then.

    Asking git itself every second would cost more than all the rest of an idle console.
    """
    git_dir = core.repo.git_dir
    common = git_dir
    pointer = git_dir / "commondir"
    if pointer.is_file():  # a linked work tree keeps its branches in the main one
        common = (git_dir / pointer.read_text(encoding="utf-8", errors="replace").strip()).resolve()
    try:
        head = (git_dir / "HEAD").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        head = ""
    branch = head.removeprefix("ref: ")
    files = [common / branch, common / "packed-refs", common / "reftable" / "tables.list"]
    return (head, *(_stamp(path) for path in files))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino
