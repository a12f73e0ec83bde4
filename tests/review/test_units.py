"""A change as the places that a question can be asked about."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mai.proposal import FileChange
from mai.review.units import CONTEXT_LINES, MOST_LINES, Unit, units_of

OLD = """import os

LIMIT = 3


def first(xs):
    return xs[0]


class Box:
    def area(self):
        return self.width * self.height

    @property
    def empty(self):
        return not self.items
"""


def units(old: str | None, new: str | None, path: str = "a.py") -> list[Unit]:
    sides = [None if text is None else text.encode() for text in (old, new)]
    change = FileChange(path, "modified")
    found = units_of([change], lambda _: sides[0], lambda _: sides[1])
    assert found is not None
    return found


def test_a_function_that_changed_is_shown_whole_before_and_after() -> None:
    new = OLD.replace("self.width * self", "self.width + self")
    assert units(OLD, new) == [
        Unit(
            "a.py",
            11,
            "def area(self):\n    return self.width * self.height",
            "def area(self):\n    return self.width + self.height",
        )
    ]


def test_each_function_is_a_unit_and_a_decorator_belongs_to_it() -> None:
    new = OLD.replace("xs[0]", "xs[1]").replace("    @property\n", "    @cached_property\n")
    found = units(OLD, new)
    assert [unit.after.split("\n")[0] for unit in found] == ["def first(xs):", "@cached_property"]


def test_what_is_outside_of_functions_is_a_hunk() -> None:
    (unit,) = units(OLD, OLD.replace("LIMIT = 3", "LIMIT = 4"))
    assert unit.line == 3
    assert "LIMIT = 3" in unit.before
    assert "LIMIT = 4" in unit.after


def test_a_function_that_came_or_went_has_one_side() -> None:
    new = OLD + "\n\ndef last(xs):\n    return xs[-1]\n"
    assert units(OLD, new) == [Unit("a.py", 19, "", "def last(xs):\n    return xs[-1]")]
    assert units(new, OLD) == [Unit("a.py", 19, "def last(xs):\n    return xs[-1]", "")]


def test_a_new_or_deleted_file_is_seen() -> None:
    assert [unit.before for unit in units(None, "X = 1\n")] == [""]
    assert [unit.after for unit in units("X = 1\n", None)] == [""]


def test_a_long_function_is_shown_around_what_changed() -> None:
    body = "\n".join(f"    x{at} = {at}" for at in range(MOST_LINES + 20))
    old = f"def long():\n{body}\n"
    (unit,) = units(old, old.replace("x40 = 40", "x40 = 41"))
    assert "x40 = 41" in unit.after
    assert unit.after.count("\n") <= 2 * CONTEXT_LINES


def test_what_is_no_python_or_does_not_parse_is_hunks() -> None:
    assert units("a: 1\n", "a: 2\n", "a.yaml") == [Unit("a.yaml", 1, "a: 1\n", "a: 2\n")]
    assert len(units("def f(:\n  1\n", "def f(:\n  2\n")) == 1


def test_what_is_no_text_is_said() -> None:
    change = FileChange("a.bin", "modified")
    assert units_of([change], lambda _: b"\xff", lambda _: b"a") is None
    binary = FileChange("a.png", "modified", is_binary=True)
    assert units_of([binary], lambda _: b"a", lambda _: b"b") is None


@given(
    st.lists(st.sampled_from(["def f():", "    x = 1", "    return x", "", "y = 2", "#"])).map(
        "\n".join
    )
)
def test_every_change_of_text_is_in_some_unit(new: str) -> None:
    old = "def f():\n    x = 1\n    return x\n\ny = 2"
    for unit in units(old, new):
        assert unit.before != unit.after or unit.before == unit.after == ""
    lost = [line for line in new.split("\n") if line.strip() and line not in old.split("\n")]
    shown = "\n".join(unit.after for unit in units(old, new))
    assert all(line.strip() in shown for line in lost)
