"""The shipped changes, what the numbers say, and measuring that can be interrupted."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mai.errors import BadAnswer, Cancelled, ProviderUnreachable
from mai.events import Cancel
from mai.review.calibration.measure import key_of, measure
from mai.review.calibration.pairs import load_pairs
from mai.review.calibration.records import Record, Records
from mai.review.calibration.statistics import (
    LINE,
    best_threshold,
    cross_validated,
    is_hopeless,
    lower_bound,
    needed,
)
from mai.review.question import QUESTIONS
from tests.review.weighing import WeighingModel

PAIRS = load_pairs().pairs
BAD = {pair.bad.strip("\n") for pair in PAIRS}


def now() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def knowing(_old: str, new: str) -> float:
    """Judge every shipped change right, with a bias that a fixed threshold would fail at."""
    return 7.0 if new in BAD else 5.0


def measured(model: WeighingModel, folder: Path, most_s: float = 60) -> Record:
    return measure(model, Records(folder), now, Cancel(), most_s=most_s)


# --- the set -----------------------------------------------------------------------------------


def test_there_are_forty_changes_at_least_of_many_kinds() -> None:
    assert 2 * len(PAIRS) >= 40
    assert len({pair.kind for pair in PAIRS}) >= 20
    assert len({pair.before for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.kind)
def test_every_change_is_python_and_the_two_ways_differ(pair: object) -> None:
    assert isinstance(pair, type(PAIRS[0]))
    trees = [ast.dump(ast.parse(code)) for code in (pair.before, pair.good, pair.bad)]
    assert len({trees[1], trees[2]}) == 2
    assert trees[0] not in trees[1:]


@pytest.mark.parametrize(
    "measure_of",
    [len, lambda code: code.count("\n"), lambda code: code.count(" "), lambda code: -len(code)],
    ids=["length", "lines", "spaces", "shortness"],
)
def test_form_does_not_tell_good_from_bad(measure_of: Callable[[str], int]) -> None:
    scores = [
        (
            float(measure_of(pair.good) - measure_of(pair.before)),
            float(measure_of(pair.bad) - measure_of(pair.before)),
        )
        for pair in PAIRS
    ]
    assert not cross_validated(scores).is_able


# --- the numbers -------------------------------------------------------------------------------


def test_a_threshold_is_chosen_where_the_most_is_right() -> None:
    assert 1.0 < best_threshold([(0.0, 2.0), (1.0, 3.0)]) < 2.0


def test_the_line_is_what_luck_does_not_reach() -> None:
    """The bounds are those of scipy's `binomtest(right, 48).proportion_ci` at 0.9, low end."""
    assert lower_bound(37, 48) == pytest.approx(0.6494, abs=1e-3)
    assert lower_bound(38, 48) == pytest.approx(0.6720, abs=1e-3)
    assert lower_bound(0, 48) == pytest.approx(0, abs=1e-9)


def test_no_pair_is_judged_by_a_threshold_of_its_own() -> None:
    """One that fits each pair alone gets none right: the others' threshold is another one."""
    scores = [(10.0 * at, 10.0 * at + 1) for at in range(24)]
    assert abs(cross_validated(scores).right - 24) <= 2
    assert not cross_validated(scores).is_able


def test_what_cannot_reach_the_line_is_given_up() -> None:
    coin = [(1.0, 0.0), (0.0, 1.0)] * 6
    assert is_hopeless(coin, 24)
    assert not is_hopeless(coin[:4], 24)
    assert not is_hopeless([(0.0, 1.0)] * 23, 24)
    assert not is_hopeless([], 24)


def test_three_of_four_must_be_right_with_luck_set_aside() -> None:
    assert needed(48) == 42
    assert lower_bound(41, 48) < LINE <= lower_bound(42, 48)
    assert needed(4) == 5  # so few show nothing


# --- measuring ---------------------------------------------------------------------------------


def test_a_model_that_knows_is_able_and_its_bias_does_not_matter(tmp_path: Path) -> None:
    record = measured(WeighingModel(knowing), tmp_path)
    assert record.is_able
    assert 5.0 < record.threshold < 7.0
    found = record.measured()
    assert (found.hits, found.bad, found.false_alarms, found.good) == (24, 24, 0, 24)
    assert found.on == "2026-01-02"
    assert record.agreeing((7.0, 5.0, 7.0)) == 2


def test_what_was_measured_is_not_asked_again(tmp_path: Path) -> None:
    first = measured(WeighingModel(knowing), tmp_path)
    again = WeighingModel(knowing)
    assert measured(again, tmp_path) == first
    assert again.requests == []


def test_another_content_of_the_same_name_is_another_model(tmp_path: Path) -> None:
    measured(WeighingModel(knowing), tmp_path)
    other = WeighingModel(lambda _old, _new: 0.0, content="c2")
    assert key_of(other) != key_of(WeighingModel(knowing))
    assert not measured(other, tmp_path).is_able


def test_one_that_answers_all_the_same_is_given_up(tmp_path: Path) -> None:
    record = measured(WeighingModel(lambda _old, _new: 3.0), tmp_path)
    assert record.is_finished
    assert not record.is_able
    assert len(record.signs) < len(PAIRS) // 2


def test_measuring_stops_when_its_time_is_over_and_goes_on_there(tmp_path: Path) -> None:
    assert measured(WeighingModel(knowing), tmp_path, most_s=0).signs == ()
    cancel = Cancel()

    def stopping(old: str, new: str) -> float:
        if len(model.requests) > 20:
            cancel.set()
        return knowing(old, new)

    model = WeighingModel(stopping)
    with pytest.raises(Cancelled):
        measure(model, Records(tmp_path), now, cancel)
    rest = WeighingModel(knowing)
    record = measured(rest, tmp_path)
    assert record.is_able
    assert len(rest.requests) < 2 * len(PAIRS) * len(QUESTIONS)


def test_one_that_answers_no_question_is_not_able(tmp_path: Path) -> None:
    def refusing(_old: str, _new: str) -> float:
        raise BadAnswer("It sings.")

    record = measured(WeighingModel(refusing), tmp_path)
    assert record.is_finished
    assert not record.is_able
    assert record.failure == "It sings."


def test_a_server_that_went_away_is_no_measurement(tmp_path: Path) -> None:
    def away(_old: str, _new: str) -> float:
        raise ProviderUnreachable("It is away.")

    with pytest.raises(ProviderUnreachable):
        measured(WeighingModel(away), tmp_path)
    assert measured(WeighingModel(knowing), tmp_path).is_able


@pytest.mark.parametrize("damage", ["", "{", '{"model": "m", "prompt": 0, "set": 0}'])
def test_a_damaged_or_older_record_is_measured_anew(tmp_path: Path, damage: str) -> None:
    measured(WeighingModel(knowing), tmp_path)
    (path,) = (tmp_path / "reviewers").iterdir()
    path.write_text(damage, "utf-8")
    assert Records(tmp_path).get(path.stem) is None
    assert measured(WeighingModel(knowing), tmp_path).is_able
