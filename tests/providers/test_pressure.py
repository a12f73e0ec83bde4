"""When the model is changed, on traces made up and recorded; above all that it never flaps."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.providers.pressure import Move, Outcome, Reading, Rules, State, judge, read

RULES = Rules()
TRACES = Path(__file__).parent / "traces"


def readings(*spans: tuple[float, float, float], step_s: float = 2.0) -> Iterator[Reading]:
    """Yield readings of spans of seconds, processor and memory percent."""
    now = 0.0
    for seconds, cpu, memory in spans:
        until = now + seconds
        while now < until:
            yield Reading(now, cpu, memory)
            now += step_s


def moves_of(trace: Iterable[Reading], rungs: int = 3, state: State | None = None) -> list[Move]:
    """Return the moves a trace leads to."""
    return [move for _, move in timed_moves(trace, rungs, state)]


def timed_moves(
    trace: Iterable[Reading], rungs: int = 3, state: State | None = None
) -> list[tuple[float, Move]]:
    state = state or State()
    found = []
    for reading in trace:
        state, move = read(state, reading, rungs)
        if move is not None:
            found.append((reading.at_s, move))
    return found


@pytest.mark.parametrize(("cpu", "memory", "what"), [(95, 40, "processor"), (20, 93, "memory")])
def test_pressure_that_lasts_leads_down_and_says_why(cpu: float, memory: float, what: str) -> None:
    (move,) = moves_of(readings((20, cpu, memory)))
    assert (move.from_rung, move.to_rung) == (0, 1)
    assert what in move.why
    assert "9" in move.why


def test_a_spike_changes_nothing() -> None:
    assert moves_of(readings((10, 99, 50), (4, 10, 50), (10, 99, 50), (60, 20, 50))) == []


def test_at_85_percent_it_is_not_yet_busy() -> None:
    assert moves_of(readings((600, 85, 85))) == []


def test_five_quiet_minutes_lead_up_again_and_not_one_less() -> None:
    below = State(rung=1)
    assert moves_of(readings((299, 20, 50)), state=below) == []
    (move,) = moves_of(readings((310, 20, 50)), state=below)
    assert not move.is_down
    assert "quiet for 5 minutes" in move.why
    broken = readings((200, 20, 50), (4, 95, 50), (290, 20, 50))
    assert moves_of(broken, state=below) == []


def test_one_rung_at_a_time_each_after_as_long() -> None:
    moved = timed_moves(readings((1_000, 20, 50)), state=State(rung=2))
    assert [move.to_rung for _, move in moved] == [1, 0]
    assert moved[1][0] - moved[0][0] >= RULES.quiet_s


def test_our_own_work_on_the_processor_is_no_pressure_and_no_quiet() -> None:
    working = [Reading(at * 2.0, 100, 50, is_answering=True) for at in range(600)]
    assert moves_of(working) == []
    assert moves_of(working, state=State(rung=1)) == []
    full = [Reading(at * 2.0, 100, 95, is_answering=True) for at in range(20)]
    assert ["memory" in move.why for move in moves_of(full)] == [True, True]


def test_sleep_is_not_quiet() -> None:
    trace = [Reading(0, 10, 40), Reading(36_000, 10, 40), Reading(36_002, 10, 40)]
    assert moves_of(trace, state=State(rung=1)) == []
    assert moves_of([Reading(0, 99, 40), Reading(3_600, 99, 40)]) == []


@pytest.mark.parametrize(
    ("outcomes", "moves"),
    [
        ("failed failed failed", 1),
        ("failed failed good failed failed", 0),
        ("slow slow slow", 1),
        ("slow slow good slow", 0),
        ("lost", 1),
        ("good good good good", 0),
        ("failed failed failed failed failed failed", 2),
        ("lost lost lost lost", 2),
    ],
)
def test_outcomes(outcomes: str, moves: int) -> None:
    state, seen = State(), []
    for at, outcome in enumerate(outcomes.split()):
        state, move = judge(state, Outcome(outcome), float(at), 3)
        seen += [move] if move else []
    assert len(seen) == moves
    assert all(move.is_down for move in seen)


def test_each_climb_that_was_too_early_doubles_the_wait() -> None:
    """Where the large model itself is what fills the memory, up and down would go on for ever."""
    state, ups = State(), []
    for at in range(0, 8 * 3_600, 2):
        memory = 95.0 if state.rung == 0 else 60.0
        state, move = read(state, Reading(float(at), 20, memory), 2)
        if move and not move.is_down:
            ups.append(at)
    waits = [after - before for before, after in itertools.pairwise(ups)]
    assert waits == sorted(waits)
    assert len(ups) <= 11
    assert waits[0] >= 2 * RULES.quiet_s


spans = st.lists(
    st.tuples(
        st.floats(1, 900), st.floats(0, 100, allow_nan=False), st.floats(0, 100, allow_nan=False)
    ),
    min_size=1,
    max_size=40,
)
events = st.lists(
    st.tuples(st.floats(0, 200), st.sampled_from(["read", *Outcome]), st.floats(0, 100)),
    max_size=200,
)


@settings(max_examples=60)
@given(spans, st.integers(1, 4))
def test_it_never_flaps(trace: list[tuple[float, float, float]], rungs: int) -> None:
    moved = timed_moves(readings(*trace), rungs)
    for (before_s, before), (after_s, after) in itertools.pairwise(moved):
        assert before.to_rung == after.from_rung
        if not after.is_down:
            # Up never sooner than five minutes after whatever came before.
            assert after_s - before_s >= RULES.quiet_s
        else:
            assert after_s - before_s >= RULES.pressed_s
    for start_s, _ in moved:
        ups = [at for at, move in moved if not move.is_down and start_s <= at < start_s + 3_600]
        downs = [at for at, move in moved if move.is_down and start_s <= at < start_s + 3_600]
        assert len(ups) <= 3_600 / RULES.quiet_s
        assert len(downs) <= len(ups) + rungs


@given(events, st.integers(1, 4))
def test_any_order_of_events_stays_on_the_ladder(
    trace: list[tuple[float, str, float]], rungs: int
) -> None:
    state, now = State(), 0.0
    for pause_s, kind, percent in trace:
        now += pause_s
        if kind == "read":
            after, move = read(state, Reading(now, percent, percent), rungs)
        else:
            after, move = judge(state, Outcome(kind), now, rungs)
        assert 0 <= after.rung < rungs
        assert abs(after.rung - state.rung) == (1 if move else 0)
        if move:
            assert (move.from_rung, move.to_rung) == (state.rung, after.rung)
        state = after


def test_a_recorded_trace_of_a_machine_shared_by_builds() -> None:
    """Two cores, several builds at once, a reading every two seconds, calm stretches between."""
    rows = json.loads((TRACES / "shared-build-machine.json").read_text("utf-8"))
    trace = [Reading(at_s, cpu, memory) for at_s, cpu, memory in rows]
    assert [move.is_down for move in moves_of(trace, 2)] == [True]
    # With the same load followed by a quiet evening the large model comes back, once.
    end_s = trace[-1].at_s
    evening = [Reading(end_s + 2 * at, 5, 40) for at in range(1, 1_800)]
    assert [move.is_down for move in moves_of([*trace, *evening], 2)] == [True, False]
