"""JUnit reports that a command of the repo's own left."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mai.errors import SandboxError
from mai.jobs import TestOutcome
from mai.sandbox.junit import read_junit
from mai.text import one_line

# The machine may be busy with other things; that is no fault of what is tested.
PATIENT = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_each_kind_of_test_case_is_read() -> None:
    report = b"""<?xml version="1.0"?>
<testsuites><testsuite name="s">
  <testcase classname="tests.test_a" name="test_ok"/>
  <testcase classname="tests.test_a" name="test_bad"><failure message="no">why</failure></testcase>
  <testcase classname="tests.test_a" name="test_broken"><error/><failure/></testcase>
  <testcase classname="tests.test_a" name="test_later"><skipped/></testcase>
  <testcase file="spec/a.js" classname="x" name="works"><system-out>hi</system-out></testcase>
  <testcase name="twice"/><testcase name="twice"><failure/></testcase><testcase name="twice"/>
  <testcase name=""/>
</testsuite></testsuites>"""
    assert read_junit(report) == {
        "tests.test_a::test_ok": TestOutcome.PASSED,
        "tests.test_a::test_bad": TestOutcome.FAILED,
        "tests.test_a::test_broken": TestOutcome.ERROR,
        "tests.test_a::test_later": TestOutcome.SKIPPED,
        "spec/a.js::works": TestOutcome.PASSED,
        "twice": TestOutcome.FAILED,
    }


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""
EXTERNAL = b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        EXTERNAL,
        b"<a>" * 1_000_000,
        b"<a>",
        b"",
        b"not xml",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        "<a/>".encode("utf-16")[1:],
        b"<t>" + b'<testcase name="%d"/>' % 1 * 2 + b"</t",
    ],
    ids=["bomb", "external", "deep", "open", "empty", "text", "encoding", "odd", "cut"],
)
def test_what_is_no_report_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(SandboxError, match="report") as caught:
        read_junit(data)
    assert "\n" not in str(caught.value)


@PATIENT
@given(st.binary(max_size=300))
def test_any_bytes_are_a_report_or_refused(data: bytes) -> None:
    with suppress(SandboxError):
        read_junit(data)


@PATIENT
@given(st.text(max_size=50))
def test_names_are_one_line(name: str) -> None:
    escaped = "".join(f"&#{ord(character)};" for character in name)
    try:
        outcomes = read_junit(f'<testcase name="{escaped}"/>'.encode())
    except SandboxError:
        return
    assert all(found == one_line(found, 1000) for found in outcomes)
