from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.proposal import (
    FileChange,
    Finding,
    Level,
    Opinion,
    ReviewReport,
    RiskReport,
    TestCounts,
    TrialReport,
    Verdict,
)
from mai.store import codec

any_text = st.text(st.characters())  # every code point, surrogates and NUL among them
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=20
)
json_objects = st.dictionaries(any_text, json_values)

findings = st.builds(
    Finding,
    rule=any_text,
    capability=any_text,
    level=st.sampled_from(Level),
    path=any_text,
    line=st.integers(0, 10**6),
    column=st.integers(0, 10**6),
    message=any_text,
)
tests = st.lists(any_text, max_size=4).map(tuple)
reports = st.one_of(
    st.builds(
        FileChange,
        path=any_text,
        status=st.sampled_from(["added", "modified", "deleted", "renamed"]),
        added=st.integers(0, 10**9),
        old_path=st.none() | any_text,
        is_binary=st.booleans(),
    ),
    st.builds(
        RiskReport,
        level=st.sampled_from(Level),
        score=st.integers(0, 10**9),
        findings=st.lists(findings, max_size=4).map(tuple),
    ),
    st.builds(
        TrialReport,
        verdict=st.sampled_from(Verdict),
        base=st.builds(TestCounts, passed=st.integers(0, 10**6)),
        fixed=tests,
        broken=tests,
        seconds=st.floats(0, 10**6),
        output=any_text,
    ),
    st.builds(ReviewReport, st.sampled_from(Opinion), any_text, tests),
)


def merged(value: Any) -> Any:
    """Return `value` as every reader of its JSON sees it: halves of one character are one."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        case dict():
            return {merged(key): merged(item) for key, item in value.items()}
        case list():
            return [merged(item) for item in value]
        case _:
            return value


@settings(deadline=None)
@given(json_objects)
def test_what_is_written_is_what_is_read(value: dict[str, Any]) -> None:
    text = codec.text(value)
    assert text == text.encode().decode()
    assert "\x00" not in text
    assert codec.parse(text) == merged(value)
    assert codec.text(codec.parse(text)) == text


@settings(deadline=None)
@given(any_text | st.binary().map(lambda data: data.decode("utf-8", "replace")))
def test_what_somebody_else_wrote_is_read_as_it_is_or_refused(stored: str) -> None:
    try:
        value = codec.parse(stored)
    except ValueError:
        return
    assert codec.text(value) == stored


@settings(deadline=None)
@given(json_objects, st.sampled_from([" ", "\n", "\t"]))
def test_one_value_has_one_text(value: dict[str, Any], space: str) -> None:
    text = codec.text(value)
    for other in (space + text, text + space, json.dumps(value | {"": 1}, indent=1)):
        with pytest.raises(ValueError, match="written"):
            codec.parse(other)


def test_what_is_nested_too_deeply_to_read_is_refused() -> None:
    for depth in (5_000, 500_000):
        with pytest.raises(ValueError, match=r"deeply|written"):
            codec.parse('{"a":' + "[" * depth + "]" * depth + "}")


@settings(deadline=None)
@given(reports)
def test_reports_come_back_whole(report: Any) -> None:
    stored = codec.parse(codec.text(codec.encode(report)))
    back = codec.decode(type(report), stored)
    assert codec.encode(back) == codec.encode(report)
    assert type(back) is type(report)


def test_a_report_has_its_types_back() -> None:
    finding = Finding("net.socket", "net", Level.HIGH, "a\udcff.py", 3, 0, "opens a socket")
    report = RiskReport(Level.HIGH, 9, (finding,))
    back = codec.decode(RiskReport, codec.encode(report))
    assert back == report
    assert isinstance(back.level, Level)
    assert back.level > Level.MEDIUM


def test_what_a_newer_mai_added_is_passed_over() -> None:
    assert codec.decode(ReviewReport, {"verdict": "object", "mood": "good"}) == ReviewReport(
        Opinion.OBJECT
    )


@pytest.mark.parametrize(
    "value", [None, [], "x", {}, {"verdict": "maybe"}, {"verdict": "pass", "fixed": "x"}]
)
def test_what_is_no_report_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="TrialReport"):
        codec.decode(TrialReport, value)
