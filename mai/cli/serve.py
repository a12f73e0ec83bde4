"""`mai serve`: no screen; the inbox is kept, and people are met where they are.

Protected core: a yes from a distance passes through what this starts.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from mai.cli.options import JsonOption, RepoOption

if TYPE_CHECKING:
    from mai.events import Event

#: Less than service managers give before they kill.
_GRACE_S = 8.0


def serve(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Keep the inbox and Discord running, without a screen, until it is stopped."""
    from mai.cli.output import answering, note, print_json
    from mai.core import Core
    from mai.surfaces.host import Host

    with answering(as_json):
        core = Core.open(repo)
        stopped = threading.Event()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            signal.signal(number, _stopper(stopped))
        core.events.subscribe(_teller(as_json=as_json))
        host = Host(core)
        host.start()
        note(f"Mai serves {core.repo.root.name}. Ctrl-C ends it.")
        stopped.wait()
        has_ended = host.stop(_GRACE_S)
        for number, handler in before.items():
            signal.signal(number, handler)
        if as_json:
            print_json({"stopped": True, "error": None})
        if has_ended:
            core.close()
            note("Stopped.")
            return
        # Work that is cut here is cut as by a crash, which loses nothing. Closing the engine
        # under a running trial instead would be taken for that trial's failure.
        note("Stopped; what I was at goes on at the next start.")
        sys.stdout.flush()
        os._exit(0)


def _stopper(stopped: threading.Event) -> Callable[[int, object], None]:
    def stop(_number: int, _frame: object) -> None:
        if stopped.is_set():
            os._exit(130)  # twice is: now
        stopped.set()

    return stop


def _teller(*, as_json: bool) -> Callable[[Event], None]:
    """Return a listener that says what happens: a line each on stderr, or JSON lines on stdout."""
    import json

    from mai.cli.output import note

    def tell(event: Event) -> None:
        line = _line(event)
        if line is None:
            return
        now = datetime.now().astimezone()
        if as_json:
            told = {"at": now.isoformat(timespec="seconds"), "text": line}
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            note(f"{now:%H:%M:%S}  {line}")

    return tell


def _line(event: Event) -> str | None:
    from mai.cli.show import MARKS
    from mai.events import ProposalChanged, Said, SurfaceChanged
    from mai.proposal import State
    from mai.text import one_line

    match event:
        case Said(text):
            return one_line(text, 500)
        case SurfaceChanged(name, state, detail):
            return f"{name}: {state}{' ' + detail if detail else ''}"
        case ProposalChanged(proposal) if proposal.state is State.PENDING:
            level = MARKS[proposal.level]
            return f"{proposal.short_id} {one_line(proposal.title, 72)}: waits for you, {level}"
        case ProposalChanged(proposal) if proposal.state.is_end or proposal.approval:
            why = f": {one_line(proposal.error.message)}" if proposal.error else ""
            where = f" as {proposal.landed.commit[:10]}" if proposal.landed else ""
            return (
                f"{proposal.short_id} {one_line(proposal.title, 72)}: {proposal.state}{where}{why}"
            )
    return None
