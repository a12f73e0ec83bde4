"""What is to blame comes first, and an exception made for a test's value never comes at all."""

from __future__ import annotations

import pytest

from mai.repair.candidate import token_distance
from mai.repair.inputs import function_at, make_inputs
from mai.repair.localise import localise, spread
from mai.repair.rank import is_special_case, usualness
from mai.repair.runner import Measured, Trace
from mai.repair.unused import leaves_unused
from mai.suite import Files
from mai.suite.named import named_tests


def _measured() -> Measured:
    return Measured(
        {"t::bad": "failed", "t::good": "passed"},
        {"t::bad": 0.1, "t::good": 0.1},
        {"t::bad": "KeyError: 1"},
        {
            "t::bad": Trace({"a.py": frozenset({2, 3, 5})}, (("t.py", 9), ("a.py", 5))),
            "t::good": Trace({"a.py": frozenset({2, 3, 4})}),
        },
    )


def test_lines_that_only_failing_tests_run_are_the_most_suspicious() -> None:
    lines = localise(_measured())["a.py"]

    assert lines[5] > lines[2] == lines[3]
    assert 4 not in lines


def test_a_statement_is_as_suspicious_as_its_worst_line() -> None:
    data = b"def f(a):\n    b = (\n        a\n    )\n    return b\n"

    lines = spread(data, {3: 0.8})

    assert [lines[number] for number in (2, 3, 4)] == [0.8] * 3
    assert 0 < lines[1] < 0.8
    assert lines[5] == 0


@pytest.mark.parametrize(
    ("edited", "is_special"),
    [
        ("def f(n):\n    if n == 37:\n        return 111\n    return n * 2\n", True),
        ("def f(n):\n    return n * 2 if n != 37 else 111\n", True),
        ("def f(n):\n    return n * 3\n", False),
        ("def f(n):\n    if n == 0:\n        return 0\n    return n * 2\n", False),
    ],
)
def test_an_exception_for_a_tests_value_is_told(edited: str, is_special: bool) -> None:
    before = b"def f(n):\n    return n * 2\n"
    test = b"def test_f():\n    assert f(37) == 111\n"

    assert is_special_case(before, edited.encode(), [test]) is is_special


def test_inputs_vary_one_value_at_a_time() -> None:
    inputs = make_inputs([["[3, 1]", "2"]])

    assert inputs[0] == "([3, 1], 2,)"
    assert "([], 2,)" in inputs
    assert "([3, 1], 0,)" in inputs


def test_the_tests_that_a_task_names_are_found() -> None:
    tree = Files(
        {
            "tests/test_a.py": b"def test_one(): pass\n",
            "tests/test_b.py": b"def test_two(): pass\n",
            "a.py": b"",
        }
    )

    assert named_tests("tests/test_a.py fails", tree) == (["tests/test_a.py"], [])
    assert named_tests("test_b.py::test_two is red.", tree) == (
        ["tests/test_b.py"],
        ["tests/test_b.py::test_two"],
    )
    assert named_tests("make test_two pass", tree) == (["tests/test_b.py"], [])
    assert named_tests("rename a.py", tree) == ([], [])


def test_small_helpers() -> None:
    assert token_distance(b"a = b\n", b"a = c\n") == 1
    assert function_at(b"x = 1\ndef f():\n    return 1\n", 3) == "f"
    assert function_at(b"x = 1\ndef f():\n    return 1\n", 1) == ""
    assert function_at(b"class A:\n    def f(self):\n        return 1\n", 3) == "A.f"


def test_an_edit_written_as_the_rest_of_the_file_is_usual() -> None:
    before = b"a[i - 1] = b[j]\n"

    assert usualness(before, b"a[i - 1] = b[j - 1]\n") > usualness(before, b"a[i - 1] = b[j + 1]\n")


def test_a_name_that_nothing_reads_is_idle() -> None:
    assert leaves_unused(
        b"def f(a):\n    b = a\n    return b\n", b"def f(a):\n    b = a\n    return a\n"
    )
