"""Keeps the inbox in order while Mai runs: finishes, expires, judges again, asks once more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from mai.core import Core
from mai.errors import MaiError
from mai.events import Cancel
from mai.proposal import Proposal, State
from mai.system.logs import fault, get
from mai.words import quoted_title

_EVERY_S = 2.0
_QUIET_S = 3.0
_BACKUP_EVERY_S = 600.0
_RETRY_FIRST_S, _RETRY_LAST_S = 5.0, 120.0
#: Unanswered for so long on a surface at a distance, the terminal asks too.
ASK_HERE_AFTER_S = 300.0


class Caretaker:
    """A thread of its own. Answers go first: while one is carried out it judges nothing again."""

    def __init__(
        self,
        core: Core,
        *,
        idle_s: Callable[[], float],
        is_paused: Callable[[], bool],
        say: Callable[[str], None],
        asks_after_s: float = ASK_HERE_AFTER_S,
    ) -> None:
        """`idle_s` tells how long no answer was being carried out; `say` speaks to the terminal."""
        self._core = core
        self._idle_s = idle_s
        self._is_paused = is_paused
        self._say = say
        self._asks_after_s = asks_after_s
        self._stopped = threading.Event()
        self._ending = Cancel()
        self._thread = threading.Thread(target=self._run, name="mai-caretaker", daemon=True)
        self._next_backup_s = time.monotonic() + _BACKUP_EVERY_S
        self._waits_s: dict[str, float] = {}
        self._not_before_s: dict[str, float] = {}
        self._waiting_since_s: dict[str, float] = {}

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, grace_s: float) -> bool:
        """Begin nothing more, and return whether what was begun ended within `grace_s`."""
        self._stopped.set()
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(grace_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._look()
            except MaiError as error:
                self._say(error.sentence)
            except Exception as error:  # noqa: BLE001 - a fault here must not end the keeping
                self._say(fault(error, "while I looked after the inbox"))
            self._stopped.wait(_EVERY_S)

    def _look(self) -> None:
        if time.monotonic() >= self._next_backup_s:
            self._next_backup_s = time.monotonic() + _BACKUP_EVERY_S
            self._core.back_up()
        working = {one.id for one in self._core.inbox.working()}
        self._finish(frozenset(working))
        self._ask_here()
        if not self._is_paused():
            self._finish_tests()
            self._judge_again()

    def _finish(self, working: frozenset[str]) -> None:
        """Finish what is due. What cannot go on, such as without an engine, is tried less often."""
        now_s = time.monotonic()
        later = {one for one in working if self._not_before_s.get(one, 0.0) > now_s}
        skip = working if self._is_paused() else frozenset(later)
        finished = {proposal.id for proposal in self._core.resume(follow_branch=False, skip=skip)}
        for proposal_id in working - skip - finished:
            wait_s = min(self._waits_s.get(proposal_id, _RETRY_FIRST_S / 2) * 2, _RETRY_LAST_S)
            self._waits_s[proposal_id] = wait_s
            self._not_before_s[proposal_id] = time.monotonic() + wait_s
        for proposal_id in finished | (self._waits_s.keys() - working):
            self._waits_s.pop(proposal_id, None)
            self._not_before_s.pop(proposal_id, None)

    def _judge_again(self) -> None:
        """Judge one outdated proposal again, unless an answer is being carried out.

        A yes judges its own proposal before it lands, so nothing depends on this: the next yes
        only comes through sooner. Judging all that waits would cost a trial each per landing.
        """
        if self._stopped.is_set() or self._idle_s() < _QUIET_S:
            return
        try:
            self._core.look_ahead()
        except MaiError as error:
            get("surfaces").info("could not judge again", why=str(error))

    def _finish_tests(self) -> None:
        """Run for one proposal what its trial left for later, so that a yes need not wait."""
        if self._stopped.is_set() or self._idle_s() < _QUIET_S:
            return
        try:
            self._core.finish_tests(self._ending)
        except MaiError as error:
            get("surfaces").info("could not finish the tests", why=str(error))

    def _ask_here(self) -> None:
        now_s = time.monotonic()
        waiting = {one.digest: one for one in self._core.inbox.pending()}
        self._waiting_since_s = {
            digest: self._waiting_since_s.get(digest, now_s) for digest in waiting
        }
        for digest, since_s in self._waiting_since_s.items():
            if now_s - since_s > self._asks_after_s:
                self._waiting_since_s[digest] = float("inf")  # once is enough
                self._say(_question(waiting[digest]))


def _question(proposal: Proposal) -> str:
    assert proposal.state is State.PENDING  # noqa: S101 - the caller listed what waits
    name, title = proposal.short_id, quoted_title(proposal.title)
    return f"{name}, {title}, still waits for you: `mai approve {name}` or `mai reject {name}`."
