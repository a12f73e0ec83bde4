"""`mai serve`: no screen; the inbox is kept, and people are met where they are.

Protected core: a yes from a distance passes through what this starts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from mai.commands.options import JsonOption, RepoOption

if TYPE_CHECKING:
    from mai.errors import SettingsError
    from mai.events import Event
    from mai.settings import Settings

#: Less than service managers give before they kill.
_GRACE_S = 8.0


def serve(repo: RepoOption = None, as_json: JsonOption = False) -> None:
    """Keep the inbox and Discord running without a screen."""
    from mai.commands.output import Exit, answering, note, print_json
    from mai.core import Core
    from mai.surfaces.host import Host

    with answering(as_json):
        core = Core.open(repo)
        with contextlib.ExitStack() as unless_it_serves:
            unless_it_serves.callback(core.close)
            _refuse_half_a_discord(core.settings)
            unless_it_serves.pop_all()
        stopped = threading.Event()
        first = _FirstLook(stopped)
        core.events.subscribe(first.hear)
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
            print_json(
                {"stopped": True, "error": first.refusal.as_json() if first.refusal else None}
            )
        if has_ended:
            core.close()
            note("Stopped.")
            if first.refusal:
                raise Exit(first.refusal.exit_code)
            return
        # Work that is cut here is cut as by a crash, which loses nothing. Closing the engine
        # under a running trial instead would be taken for that trial's failure.
        note("Stopped; what I was at goes on at the next start.")
        sys.stdout.flush()
        os._exit(first.refusal.exit_code if first.refusal else 0)


class _FirstLook:
    """Ends a serving that Discord refuses from the start: nobody would be met there.

    Refused later, such as by a token that was reset, the inbox is kept: others may need it.
    """

    def __init__(self, stopped: threading.Event) -> None:
        self.refusal: SettingsError | None = None
        self._stopped = stopped
        self._was_connected = False

    def hear(self, event: Event) -> None:
        """Listen."""
        from mai.errors import SettingsError
        from mai.events import SurfaceChanged

        if not isinstance(event, SurfaceChanged):
            return
        self._was_connected |= event.state == "connected"
        if event.state == "refused" and not self._was_connected:
            self.refusal = SettingsError(f"Discord: {event.detail}")
            self._stopped.set()


def _refuse_half_a_discord(settings: Settings) -> None:
    from mai.errors import SettingsError
    from mai.surfaces.discord.settings import Account

    missing = Account.missing(settings)
    if missing:
        other = {"DISCORD_BOT_TOKEN", "DISCORD_USER_ID"} - {missing}
        raise SettingsError(
            f"{missing} is not set although {other.pop()} is: Discord needs both, `mai doctor` "
            "and docs/discord.md say how, and serving without Discord needs neither."
        )


def _stopper(stopped: threading.Event) -> Callable[[int, object], None]:
    def stop(_number: int, _frame: object) -> None:
        if stopped.is_set():
            os._exit(130)  # twice is: now
        stopped.set()

    return stop


def _teller(*, as_json: bool) -> Callable[[Event], None]:
    """Return a listener that says what happens: a line each on stderr, or JSON lines on stdout."""
    import json

    from mai.commands.output import note

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
    from mai.commands.show import MARKS
    from mai.events import ProposalChanged, Said, SurfaceChanged
    from mai.proposal import State
    from mai.text import one_line
    from mai.words import quoted_title, said

    match event:
        case Said(text):
            return one_line(text, 500)
        case SurfaceChanged(_, "refused", _):
            return None  # it was said with what mends it
        case SurfaceChanged(name, state, detail):
            return f"{name}: {state}{' ' + detail if detail else ''}"
        case ProposalChanged(proposal) if proposal.state is State.PENDING:
            level = MARKS[proposal.level]
            return f"{proposal.short_id} {quoted_title(proposal.title)}: waits for you, {level}"
        case ProposalChanged(proposal) if proposal.state.is_end or proposal.approval:
            why = f": {said(proposal.error.message)}" if proposal.error else ""
            where = f" as {proposal.landed.commit[:10]}" if proposal.landed else ""
            return (
                f"{proposal.short_id} {quoted_title(proposal.title)}: {proposal.state}{where}{why}"
            )
    return None
