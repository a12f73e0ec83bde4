"""Bytes: what a reader sees must be what Python runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.proposal import Level
from mai.risk.text import MAXIMUM_BYTES, judge_bytes
from tests.risk.conftest import Score, rules


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"x = 1\n\0import os\n", "text.nul"),
        (b"x = '\xff'\n", "text.encoding"),
        (b"# -*- coding: utf-7 -*-\nx = 1\n", "text.encoding"),
        (b"#!/usr/bin/python\n# vim: set fileencoding=rot13 :\nx = 1\n", "text.encoding"),
        (b"# coding: cp1252\nx = '\x81'\n", "text.encoding"),
        (b"# coding: ascii\nx = '\xe9'\n", "text.encoding"),
        (b"# coding: shift_jis\nx = 1\n", "text.encoding"),
        (b"# coding: utf-16\nx = 1\n", "text.encoding"),
        (b"# coding: unicode_escape\nx = 1\n", "text.encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\nx = 1\n", "text.encoding"),
        (b"#\rx = '# coding: cp1252'\r", "text.encoding"),
        (b"#\r#\r# coding: cp1252\rx = 1\r", "text.encoding"),
        ("x = 1  # \u202e evil\n".encode(), "text.bidi"),
        ("x = '\u2066a\u2069'\n".encode(), "text.bidi"),
        ("\u0430dmin = 1\n".encode(), "text.look-alike"),
        ("def \u0440ay(): pass\n".encode(), "text.look-alike"),
        ("\u0435\u0445\u0435\u0441 = 1\n".encode(), "text.look-alike"),
        (b"def (:\n", "text.unreadable"),
        (b"x = " + b"(" * 500 + b")" * 500 + b"\n", "text.unreadable"),
        (b"x = 1\n" * (MAXIMUM_BYTES // 6 + 1), "text.too-large"),
    ],
)
def test_what_cannot_be_read_is_blocked(score: Score, data: bytes, rule: str) -> None:
    report = score({}, {"a.py": data})
    assert report.level is Level.BLOCKED
    assert rule in rules(report, Level.BLOCKED)


@pytest.mark.parametrize(
    "text",
    [
        "# -*- coding: utf-8 -*-\nx = 1\n",
        "# coding: ascii\nx = 1\n",
        "\ufeffx = 1\n",
        "größe = 'Ähre'\n",
        "имя = 'Анна'\n",
        "名前 = 1\n",
        "# 👍🏽 👩‍💻 ❤️\nx = '✅'\n",
        "λ = 0.5\nΔt = 1\nπ = 3.14\n",
        "μ_max = 2\n",
        "x = 1\r\ny = 2\r\n",
        "x = 1\n\x0c\ny = 2\n",
        "",
    ],
)
def test_other_languages_are_welcome(score: Score, text: str) -> None:
    assert score({}, {"a.py": text}).level is Level.LOW


def test_bidi_controls_are_blocked_in_any_text(score: Score) -> None:
    assert score({}, {"README.md": "a \u202e b\n"}).level is Level.BLOCKED


def test_what_the_base_already_had_is_no_gain(score: Score) -> None:
    base = "x = 1  # \u202e\n"
    assert score({"a.py": base}, {"a.py": base + "y = 2\n"}).level is Level.LOW


def test_an_invisible_character_in_code_is_seen(score: Score) -> None:
    assert score({}, {"a.py": "x = 'a\u200bb'\n"}).level is Level.MEDIUM


def test_a_file_that_did_not_parse_before_does_not_block_its_repair(score: Score) -> None:
    assert score({"a.py": "def (:\n"}, {"a.py": "x = 1\n"}).level is Level.LOW


@given(st.binary(max_size=400), st.none() | st.binary(max_size=400))
def test_no_bytes_are_too_odd_to_judge(data: bytes, base: bytes | None) -> None:
    for path in ("a.py", "a.txt"):
        for finding in judge_bytes(path, data, base):
            assert finding.path == path


@given(st.text(max_size=200))
def test_a_file_never_gains_over_itself(text: str) -> None:
    data = text.encode("utf-8", "replace")
    found = {finding.rule for finding in judge_bytes("a.py", data, data)}
    assert not found & {"text.nul", "text.bidi", "text.invisible", "text.look-alike"}


def test_an_encoding_that_stood_before_is_no_gain_where_all_is_ascii(score: Score) -> None:
    for name, level in (("cp1252", Level.LOW), ("latin-1", Level.LOW), ("utf-7", Level.BLOCKED)):
        base = f"# coding: {name}\nx = 1\n"
        assert score({"a.py": base}, {"a.py": base + "y = 2\n"}).level is level, name
    stood = b"# coding: latin-1\nx = 1\n"
    assert score({"a.py": stood}, {"a.py": stood + b"y = '\xe9'\n"}).level is Level.MEDIUM
    assert score({"a.py": "x = 1\n"}, {"a.py": stood}).level is Level.HIGH


ONE_BYTE = b"# coding: koi8-r\nx = '\xc1'\n"


@pytest.mark.parametrize(
    ("base", "head", "level", "rule"),
    [
        (ONE_BYTE, ONE_BYTE + b"y = 2\n", Level.LOW, None),
        (ONE_BYTE, ONE_BYTE.replace(b"koi8-r", b"KOI8_R") + b"y = 2\n", Level.LOW, None),
        (ONE_BYTE, ONE_BYTE + b"y = '\xc2'\n", Level.MEDIUM, "text.one-byte"),
        (ONE_BYTE, "x = '\u0430'\n".encode(), Level.MEDIUM, "text.one-byte"),
        (ONE_BYTE, b"x = 'a'\n", Level.LOW, None),
        (ONE_BYTE, ONE_BYTE.replace(b"koi8-r", b"cp1251"), Level.HIGH, "text.new-encoding"),
        ("x = '\u0430'\n".encode(), ONE_BYTE, Level.HIGH, "text.new-encoding"),
        (ONE_BYTE, ONE_BYTE + b"\xc1dmin = 1\n", Level.BLOCKED, "text.look-alike"),
        (ONE_BYTE, ONE_BYTE.replace(b"koi8-r", b"utf-7"), Level.BLOCKED, "text.encoding"),
    ],
)
def test_a_one_byte_encoding_is_read_as_it_is_declared(
    score: Score, base: bytes, head: bytes, level: Level, rule: str | None
) -> None:
    report = score({"a.py": base}, {"a.py": head})
    assert report.level is level
    assert rules(report, level) - {"text.unreadable"} == ({rule} if rule else set())


@pytest.mark.parametrize(
    "data",
    [
        b"# \xe9 -*- coding: latin-1 -*-\nx = '\xe9'\n",
        b"#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\r\nx = '\xa4'\n",
        b"\x0c\n \t# coding=cp1250\nx = '\x9a'\n",
    ],
)
def test_what_a_declared_encoding_hides_is_seen_by_name(score: Score, data: bytes) -> None:
    harmful = data + b"import os\nos.system(x)\n"
    report = score({"a.py": data}, {"a.py": harmful})
    assert "process.shell" in rules(report)
    assert not {"text.encoding", "text.new-encoding", "text.one-byte"} & rules(report)


def test_a_script_without_a_suffix_declares_its_encoding_too(score: Score) -> None:
    data = b"#!/usr/bin/env python3\n# coding: utf-7\nx = 1\n"
    assert "text.encoding" in rules(score({}, {"bin/go": data}), Level.BLOCKED)


def test_a_file_that_never_parsed_is_judged_by_its_changed_lines(score: Score) -> None:
    base = "import os\nprint 'a'\n\n\ndef go(x):\n    return x\n"
    for old, new, level in (
        ("return x", "return x + 1", Level.MEDIUM),
        ("return x", "return os.popen(x)", Level.HIGH),
        ("return x", "return exec(__import__('urllib.request').request.urlopen(x))", Level.HIGH),
        ("return x", "return ().__class__.__base__.__subclasses__()", Level.HIGH),
    ):
        head = base.replace(old, new)
        assert score({"a.py": base}, {"a.py": head}).level is level, new
    assert score({"a.py": base.replace("print 'a'", "print('a')")}, {"a.py": base}).level is (
        Level.BLOCKED
    )
    hostile = "x = " + "-" * 200_000 + "1\n"
    assert score({"a.py": hostile}, {"a.py": hostile + "y = 1\n"}).level is Level.BLOCKED


CODE = "def may(user):\n    # Only admins may.{}    return True\n    return user.is_admin\n"


@pytest.mark.parametrize("path", ["a.py", "a.sh", "a.yml", "requirements.txt", "README.md", "a"])
@pytest.mark.parametrize("one", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_line_behind_a_break_that_git_does_not_know_is_high(
    score: Score, path: str, one: str
) -> None:
    report = score({path: CODE.format("\n")}, {path: CODE.format(one)})
    assert "text.line-break" in rules(report, Level.HIGH)


@pytest.mark.parametrize("path", ["a.py", "a.sh", "README.md", "data.json"])
@pytest.mark.parametrize(
    "one",
    [
        *("\u00ad", "\u200b", "\u2060", "\u2800", "\u3164", "\ufe0f", "\U000e0041", "\U000e0101"),
        *("\x08", "\x1b", "\x9b", "\x7f", "\ufeff"),
    ],
)
def test_what_hides_is_a_finding_in_any_kind_of_file(score: Score, path: str, one: str) -> None:
    report = score({path: "# a\n"}, {path: f"# a\n# {one}b 'x.{one}y'\n"})
    assert "text.invisible" in rules(report, Level.MEDIUM)


def test_an_ordinary_emoji_hides_no_second_character(score: Score) -> None:
    report = score({"a.md": ""}, {"a.md": "Fine ❤️, and \u200b not.\n"})
    assert "text.invisible" in rules(report, Level.MEDIUM)


def test_one_that_goes_does_not_cover_one_that_comes(score: Score) -> None:
    report = score({"a.py": "x = 1  # \u202e\n"}, {"a.py": "x = 1\ny = 2  # \u202e\n"})
    assert report.level is Level.BLOCKED


@pytest.mark.parametrize(
    "text",
    [
        "👍🏽 👩‍💻 ❤️‍🔥 1️⃣ ‼️ ↔️ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f\n",
        "می‌خواهم\n",
        "क्‍ष\n",
        "葛\U000e0101\n",
        "one\r\ntwo\r\n",
        "one\r\r\ntwo\n",
        "page\n\x0c\nnext\n",
        "\ufeffa,b\n1,2\n",
    ],
)
def test_what_other_scripts_and_emoji_need_hides_nothing(score: Score, text: str) -> None:
    assert score({}, {"README.md": text}).level is Level.LOW
