"""Replies that a real 1.5B model gave to the tasks of `bench/tasks`, read as a person would.

Each file in `replies/` holds the task, how it was asked, the answer as it came, and `wanted`: the
whole file that a reader takes the answer to mean, right or wrong; without it the reader can make
no file of it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from bench.solving.tasks import FOLDER, load
from mai.agent.known.read import fitted
from mai.agent.known.splice import UnfitError

_REPLIES = sorted(Path(__file__).with_name("replies").glob("*.toml"))
_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply should become and what it did become, None for no file."""

    wanted: str | None
    made: str | None
    why: str = ""

    @property
    def is_applied(self) -> bool:
        return _lines(self.made) == _lines(self.wanted)

    @property
    def is_wrong(self) -> bool:
        return self.made is not None and not self.is_applied


def _lines(text: str | None) -> list[str] | None:
    """Blank lines are a formatter's business, and say nothing about how an answer was read."""
    return None if text is None else [line.rstrip() for line in text.split("\n") if line.strip()]


@cache
def _reading(path: Path) -> Reading:
    data = tomllib.loads(path.read_text("utf-8"))
    task = load(FOLDER / f"{data['task']}.toml")
    target = task.targets[0]
    others = task.files.keys() - {target}
    try:
        made = fitted(
            data["reply"], target, task.files.get(target, ""), task.task, others.__contains__
        )
    except UnfitError as error:
        return Reading(data.get("wanted"), None, str(error))
    return Reading(data.get("wanted"), made)


def test_there_are_enough_replies_in_every_form() -> None:
    forms = {tomllib.loads(path.read_text("utf-8"))["form"] for path in _REPLIES}
    assert len(_REPLIES) >= 28
    assert forms >= {"plain", "code", "write", "search"}


@pytest.mark.parametrize("path", _REPLIES, ids=lambda path: path.stem)
def test_no_reply_is_applied_otherwise_than_a_reader_would(path: Path) -> None:
    reading = _reading(path)
    assert not reading.is_wrong, reading.made


def test_nine_of_ten_replies_are_applied_as_a_reader_would() -> None:
    missed = {path.stem: _reading(path).why for path in _REPLIES if not _reading(path).is_applied}
    assert len(missed) <= (1 - _SHARE) * len(_REPLIES), missed
