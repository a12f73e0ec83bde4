"""When to think with a smaller model, and when with the larger one again: a pure state machine.

It moves down at once where a model is lost (no server, no memory), and otherwise when something
lasts: a busy machine, slow answers, failures. It moves up only after quiet minutes, and each time
that proves wrong it waits twice as long, so that it cannot flap. The numbers are those of
`docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    """How an answer went."""

    GOOD = "good"
    SLOW = "slow"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Rules:
    """When to move. Percents are from 0 to 100."""

    busy_percent: float = 85.0
    pressed_s: float = 15.0
    quiet_s: float = 300.0
    longest_wait_s: float = 3_600.0
    #: A rung left again this soon after it was climbed was climbed too early.
    proven_s: float = 1_800.0
    failures: int = 3
    slow_answers: int = 3
    #: Longer without a reading, and nobody knows what happened meanwhile.
    gap_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The machine's load at one instant of a monotonic clock.

    `is_answering`: our own model is at work, and the processor's load says nothing about others.
    """

    at_s: float
    cpu_percent: float
    memory_percent: float
    is_answering: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Where on the ladder we stand. Rung 0 is the best model."""

    rung: int = 0
    pressed_since_s: float | None = None
    quiet_since_s: float | None = None
    last_s: float | None = None
    climbed_at_s: float | None = None
    wait_s: float = 0.0
    failures: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """A step from one rung to another, and why."""

    from_rung: int
    to_rung: int
    why: str

    @property
    def is_down(self) -> bool:
        """Whether it goes to a smaller model."""
        return self.to_rung > self.from_rung


def read(
    state: State, reading: Reading, rungs: int, rules: Rules | None = None
) -> tuple[State, Move | None]:
    """Take a reading in. At most one rung is moved."""
    rules = rules or Rules()
    now = reading.at_s
    if state.last_s is not None and not 0 <= now - state.last_s <= rules.gap_s:
        # Asleep, or a clock that jumped: whatever had begun to last has to begin again.
        state = replace(state, pressed_since_s=None, quiet_since_s=None)
    state = replace(state, last_s=now)
    memory_is_busy = reading.memory_percent > rules.busy_percent
    cpu_is_busy = reading.cpu_percent > rules.busy_percent and not reading.is_answering
    if memory_is_busy or cpu_is_busy:
        since = now if state.pressed_since_s is None else state.pressed_since_s
        state = replace(state, pressed_since_s=since, quiet_since_s=None)
        if now - since < rules.pressed_s:
            return state, None
        what = "memory" if memory_is_busy else "the processor"
        percent = reading.memory_percent if memory_is_busy else reading.cpu_percent
        return _down(state, now, rungs, f"{what} has been at {percent:.0f} %", rules)
    if reading.is_answering:
        # Neither pressed nor quiet: this tells nothing about the rest of the machine.
        return replace(state, pressed_since_s=None), None
    since = now if state.quiet_since_s is None else state.quiet_since_s
    state = replace(state, pressed_since_s=None, quiet_since_s=since)
    wait_s = max(state.wait_s, rules.quiet_s)
    if state.rung and now - since >= wait_s:
        return _up(state, now, now - since)
    return state, None


def judge(
    state: State, outcome: Outcome, at_s: float, rungs: int, rules: Rules | None = None
) -> tuple[State, Move | None]:
    """Take the outcome of an answer in. At most one rung is moved."""
    rules = rules or Rules()
    match outcome:
        case Outcome.GOOD:
            return replace(state, failures=0, slow=0), None
        case Outcome.LOST:
            return _down(state, at_s, rungs, "it cannot be used", rules)
        case Outcome.SLOW:
            state = replace(state, slow=state.slow + 1, failures=0, quiet_since_s=None)
            if state.slow < rules.slow_answers:
                return state, None
            return _down(state, at_s, rungs, f"{state.slow} answers in a row were slow", rules)
        case Outcome.FAILED:
            state = replace(state, failures=state.failures + 1, quiet_since_s=None)
            if state.failures < rules.failures:
                return state, None
            return _down(state, at_s, rungs, f"it failed {state.failures} times in a row", rules)


def _down(
    state: State, now: float, rungs: int, why: str, rules: Rules
) -> tuple[State, Move | None]:
    state = replace(state, pressed_since_s=None, quiet_since_s=None, failures=0, slow=0)
    if state.rung + 1 >= rungs:
        return state, None
    was_hasty = state.climbed_at_s is not None and now - state.climbed_at_s < rules.proven_s
    wait_s = rules.quiet_s
    if was_hasty:
        wait_s = min(rules.longest_wait_s, 2 * max(state.wait_s, rules.quiet_s))
    elif state.rung:
        wait_s = max(state.wait_s, rules.quiet_s)  # still on the way down
    below = replace(state, rung=state.rung + 1, wait_s=wait_s)
    return below, Move(state.rung, below.rung, why)


def _up(state: State, now: float, quiet_s: float) -> tuple[State, Move | None]:
    above = replace(
        state,
        rung=state.rung - 1,
        pressed_since_s=None,
        # One rung at a time, and the next one after as long again.
        quiet_since_s=now,
        climbed_at_s=now,
        failures=0,
        slow=0,
    )
    why = f"the machine has been quiet for {quiet_s / 60:.0f} minutes"
    return above, Move(state.rung, above.rung, why)
