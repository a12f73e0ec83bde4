"""Open the Core for one command, show its progress on stderr, and close it whatever happens."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from mai.commands.output import note

if TYPE_CHECKING:
    from mai.core import Core
    from mai.events import Cancel, Event

_SAME_WISH_S = 0.5


@contextlib.contextmanager
def opened(
    repo: Path | None,
    *,
    resume: bool = False,
    follow_branch: bool = False,
    acts: bool = False,
    **overrides: Any,
) -> Iterator[Core]:
    """Open the Core around `repo`; with `resume`, first finish what a dead process left.

    Where the ledger's end is missing, nothing is finished. A command that only looks says so here;
    one that `acts` is refused by the core with the same sentence.
    """
    from mai.core import Core

    with Core.open(repo, **overrides) as core:
        say_which_repo(core, repo)
        core.events.subscribe(_teller())
        fault = core.ledger_fault()
        if fault and not acts:
            note(str(fault))
        elif resume and not fault:
            core.resume(follow_branch=follow_branch)
        yield core


def say_which_repo(core: Core, asked_for: Path | None) -> None:
    """Say on stderr which repo is worked on, where the current folder is in none."""
    if asked_for is None and not Path.cwd().is_relative_to(core.repo.root):
        note(f"This folder is in no git repository; I work on my own code in {core.repo.root}.")


def fault_of(core: Core) -> dict[str, str] | None:
    """Return the `error` of a command that only looks: what is missing from what it shows."""
    fault = core.ledger_fault()
    return fault.as_json() if fault else None


@contextlib.contextmanager
def cancellable() -> Iterator[Cancel]:
    """Yield a Cancel that the first Ctrl-C or SIGTERM sets; a second one interrupts at once.

    A second signal right after the first is the same wish: `timeout` sends one to the process and
    one to its group.
    """
    from mai.events import Cancel

    cancel = Cancel()
    first: list[float] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not first:
            first.append(time.monotonic())
            note("I stop at the next safe point. Once more to stop at once.")
            cancel.set()
        elif time.monotonic() - first[0] > _SAME_WISH_S:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _teller() -> Any:
    """Return a listener that prints stages as they end, where a person watches stderr."""
    from mai.events import Said, StageFinished

    watched = sys.stderr.isatty()

    def tell(event: Event) -> None:
        if isinstance(event, Said):
            note(event.text)
        elif watched and isinstance(event, StageFinished):
            mark = "✓" if event.passed else "✗"
            note(f"  {mark} {event.stage:<8} {event.seconds:5.1f} s")

    return tell
