"""Tells time that passed from a clock that was set: deadlines count the first.

A machine's clock jumps: a battery is empty, a time server is asked at last, a person mistypes a
year. Nobody had that time to answer in, so nothing expires by it. What passed while the machine was
up is known from its uptime; how long it was off is not, so of that little is believed.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from mai.protocols import Clock, KnowsUptime
from mai.store.db import Database

_NAME = "clock"
#: A time server moves a clock by less, and it is no matter for deadlines of hours.
_LEAST = timedelta(minutes=5)
_OFF_AT_MOST = timedelta(hours=1)
_MARK_EVERY_S = 600.0

_Mark = tuple[str, float, datetime]


class Timekeeper:
    """Remembers, beside one repo's proposals, what time it was at which uptime."""

    def __init__(self, database: Database, repo: str, clock: Clock) -> None:
        self._database = database
        self._repo = repo
        self._clock = clock

    def jump(self) -> timedelta:
        """Return how far the clock was set since the mark, forward or back; zero if it was not.

        Notes the time where there is no mark yet, or an old one that fits.
        """
        now = self._now()
        if now is None:
            return timedelta(0)
        mark = self._mark()
        if mark is None:
            self.mark()
            return timedelta(0)
        elapsed = now[2] - mark[2]
        if now[0] == mark[0]:
            passed = timedelta(seconds=max(0.0, now[1] - mark[1]))
        else:
            passed = min(max(elapsed, timedelta(0)), _OFF_AT_MOST)
        if abs(elapsed - passed) > _LEAST:
            return elapsed - passed
        if now[0] != mark[0] or now[1] - mark[1] > _MARK_EVERY_S:
            self.mark()
        return timedelta(0)

    def mark(self) -> None:
        """Note what time it is: from here on the clock is believed."""
        now = self._now()
        if now is not None:
            value = json.dumps([now[0], now[1], now[2].isoformat()])
            with self._database.transaction() as handle:
                handle.execute(
                    "INSERT OR REPLACE INTO surface_facts (repo, name, value) VALUES (?, ?, ?)",
                    (self._repo, _NAME, value),
                )

    def _now(self) -> _Mark | None:
        if not isinstance(self._clock, KnowsUptime):
            return None
        uptime = self._clock.uptime()
        return None if uptime is None else (*uptime, self._clock.now())

    def _mark(self) -> _Mark | None:
        rows = self._database.rows(
            "SELECT value FROM surface_facts WHERE repo = ? AND name = ?", [self._repo, _NAME]
        )
        try:
            boot, uptime_s, at = json.loads(rows[0][0])
            return str(boot), float(uptime_s), datetime.fromisoformat(at)
        except (IndexError, TypeError, ValueError):
            return None
