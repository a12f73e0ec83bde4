"""Tests that promise less, and checks that are gone."""

from __future__ import annotations

import pytest

from mai.proposal import Level
from tests.risk.conftest import Score, rules

BASE = """
import pytest
from app import parse


def test_one():
    assert parse("1") == 1
    assert parse("2") == 2


def test_bad():
    with pytest.raises(ValueError, match="bad"):
        parse("x")


class TestMore:
    def test_two(self):
        assert parse("3") == 3
"""


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('    assert parse("2") == 2\n', "", "test-tampering.weaker"),
        ('assert parse("2") == 2', 'assert parse("2")', "test-tampering.weaker"),
        ('assert parse("2") == 2', "assert True", "test-tampering.weaker"),
        ('assert parse("2") == 2', 'assert parse("2") == parse("2")', "test-tampering.weaker"),
        ('assert parse("2") == 2', 'assert parse("2") == 2 or True', "test-tampering.weaker"),
        ('assert parse("2") == 2', 'assert parse("2") != 9', "test-tampering.weaker"),
        ('    assert parse("1")', '    return\n    assert parse("1")', "test-tampering.weaker"),
        (
            '    assert parse("2") == 2',
            '    if False:\n        assert parse("2") == 2',
            "test-tampering.weaker",
        ),
        (
            '    assert parse("2") == 2',
            '    try:\n        assert parse("2") == 2\n    except AssertionError:\n        pass',
            "test-tampering.weaker",
        ),
        ("ValueError, match", "Exception, match", "test-tampering.weaker"),
        (', match="bad"', "", "test-tampering.weaker"),
        ("def test_one", "@pytest.mark.skip\ndef test_one", "test-tampering.skip"),
        ("def test_one", "@pytest.mark.xfail(strict=False)\ndef test_one", "test-tampering.skip"),
        (
            '    assert parse("1")',
            "    pytest.skip('x')\n    assert parse(\"1\")",
            "test-tampering.skip",
        ),
        ("class TestMore", "@pytest.mark.skip\nclass TestMore", "test-tampering.skip"),
        ("def test_one", "pytestmark = pytest.mark.skip\n\n\ndef test_one", "test-tampering.skip"),
        ("class TestMore:\n", "class TestMore:\n    __test__ = False\n", "test-tampering.skip"),
        ("def test_one", "def one", "test-tampering.dropped"),
        ("class TestMore", "class More", "test-tampering.dropped"),
        (
            "def test_bad",
            "def pytest_runtest_makereport(item):\n    pass\n\n\ndef test_bad",
            "test-tampering.hook",
        ),
        (
            "import pytest",
            "import pytest\npytest_plugins = ['x']",
            "test-tampering.hook",
        ),
        ("import pytest", "import os, pytest\nos._exit(0)", "test-tampering.exit"),
        ("def test_one():", "def test_one():\n    import sys; sys.exit(0)", "test-tampering.exit"),
        ("import pytest", "import atexit, pytest\natexit.register(print)", "test-tampering.exit"),
    ],
)
def test_a_test_that_shows_less_is_high(score: Score, old: str, new: str, rule: str) -> None:
    assert old in BASE
    head = BASE.replace(old, new, 1)
    report = score({"tests/test_app.py": BASE}, {"tests/test_app.py": head})
    assert report.level is Level.HIGH
    assert rule in rules(report, Level.HIGH)


def test_a_deleted_test_file_is_high(score: Score) -> None:
    assert "test-tampering.dropped" in rules(score({"tests/test_app.py": BASE}, {}), Level.HIGH)


def test_a_test_moved_to_another_file_is_low(score: Score) -> None:
    report = score({"tests/test_app.py": BASE}, {"tests/unit/test_parse.py": BASE})
    assert report.level is Level.LOW


def test_a_renamed_test_with_the_same_body_is_low(score: Score) -> None:
    head = BASE.replace("test_one", "test_first")
    assert score({"tests/test_app.py": BASE}, {"tests/test_app.py": head}).level is Level.LOW


def test_more_tests_and_more_asserts_are_low(score: Score) -> None:
    head = BASE.replace(
        '    assert parse("2") == 2', '    assert parse("2") == 2\n    assert parse("9") == 9'
    )
    head += "\n\ndef test_new(tmp_path):\n    (tmp_path / 'x').write_text('1')\n"
    head += "    assert parse('4') == 4\n"
    assert score({"tests/test_app.py": BASE}, {"tests/test_app.py": head}).level is Level.LOW


def test_another_expected_value_is_for_a_person_to_see(score: Score) -> None:
    head = BASE.replace("== 2", "== 3")
    assert score({"tests/test_app.py": BASE}, {"tests/test_app.py": head}).level is Level.MEDIUM


MORE = "\n\ndef test_three():\n    assert parse('5') == 5\n    assert parse('6') == 6\n"


@pytest.mark.parametrize(
    ("old", "new", "more", "level"),
    [
        ('assert parse("2") == 2', 'assert parse("2") == 3', MORE, Level.LOW),
        ('    assert parse("2") == 2\n', "", MORE, Level.MEDIUM),
        ('assert parse("2") == 2', "assert True", MORE, Level.HIGH),
        ("def test_one():", "def test_first(tmp_path):", "", Level.LOW),
        (
            'def test_two(self):\n        assert parse("3") == 3',
            'def test_six(self):\n        assert parse("6") == 6',
            "",
            Level.MEDIUM,
        ),
        (
            "class TestMore:\n",
            "class More:\n",
            "\n\nclass TestAll(More):\n    extra = 1\n",
            Level.LOW,
        ),
        (
            'with pytest.raises(ValueError, match="bad"):',
            'bad = pytest.raises(ValueError, match="bad")\n    with bad:',
            "",
            Level.LOW,
        ),
        (
            "def test_one",
            "@pytest.mark.skipif(sys.platform == 'win32', reason='paths')\ndef test_one",
            "",
            Level.MEDIUM,
        ),
        ("def test_one", "@pytest.mark.skipif(1 == 1, reason='x')\ndef test_one", "", Level.HIGH),
        ("def test_one", "@pytest.mark.xfail(sys.platform)\ndef test_one", "", Level.MEDIUM),
        ("def test_one", "@off\ndef test_one", "\n\noff = pytest.mark.skip\n", Level.HIGH),
        ("import pytest", "import pytest\noff = pytest.mark.skip", "", Level.LOW),
        ("import pytest", "import pytest\npytest.importorskip('numpy')", "", Level.MEDIUM),
        (
            'assert parse("1") == 1',
            'try:\n        assert parse("1")\n    except AssertionError:\n        pytest.skip()',
            "",
            Level.HIGH,
        ),
        (
            "def test_one():",
            "def test_one():\n    try: import a\n    except ImportError: pytest.skip()",
            "",
            Level.MEDIUM,
        ),
    ],
)
def test_what_a_bug_fix_does_to_tests_is_weighed(
    score: Score, old: str, new: str, more: str, level: Level
) -> None:
    assert old in BASE
    head = BASE.replace(old, new, 1) + more
    assert score({"tests/test_app.py": BASE}, {"tests/test_app.py": head}).level is level


@pytest.mark.parametrize(
    ("decorator", "level"),
    [
        ("@pytest.mark.skip", Level.MEDIUM),
        ("@pytest.mark.xfail", Level.MEDIUM),
        ("@pytest.mark.skipif(sys.version_info < (3, 12), reason='new')", Level.LOW),
    ],
)
def test_a_new_test_may_ask_where_it_runs(score: Score, decorator: str, level: Level) -> None:
    head = f"{BASE}\n\n{decorator}\ndef test_new():\n    assert parse('4') == 4\n"
    assert score({"tests/test_app.py": BASE}, {"tests/test_app.py": head}).level is level


def test_a_skipped_test_that_moves_is_not_a_new_one(score: Score) -> None:
    base = BASE.replace("    def test_two", "    @pytest.mark.skip\n    def test_two")
    head = base.replace("class TestMore", "class TestOthers")
    assert score({"tests/test_app.py": base}, {"tests/test_app.py": head}).level is Level.LOW


def test_asserts_that_moved_to_another_test_file_make_up_for_those_that_went(score: Score) -> None:
    base = {"tests/test_app.py": BASE}
    gone = BASE.replace('    assert parse("2") == 2\n', "")
    report = score(base, {"tests/test_app.py": gone, "tests/test_new.py": MORE})
    assert report.level is Level.MEDIUM
    assert score(base, {"tests/test_app.py": gone}).level is Level.HIGH


def test_a_fixture_that_joins_every_test_of_a_file_that_stood_is_medium(score: Score) -> None:
    fixture = "\n\n@pytest.fixture(autouse=True)\ndef calm():\n    yield\n"
    report = score({"tests/test_app.py": BASE}, {"tests/test_app.py": BASE + fixture})
    assert rules(report, Level.MEDIUM) == {"test-tampering.hook"}
    assert score({}, {"tests/test_app.py": BASE + fixture}).level is Level.LOW


def test_replacing_the_code_under_test_is_medium(score: Score) -> None:
    head = BASE.replace(
        "def test_one():", "def test_one(monkeypatch):\n    monkeypatch.setattr('app.parse', int)"
    )
    report = score({"tests/test_app.py": BASE}, {"tests/test_app.py": head})
    assert "test-tampering.patch" in rules(report, Level.MEDIUM)


CODE = """
import requests

ALLOWED = {"a", "b"}


def fetch(user, url):
    if not user.is_allowed(url):
        raise PermissionError(url)
    assert url
    try:
        return requests.get(url, timeout=5, verify=True)
    except requests.ConnectionError:
        return None


def is_safe_url(url):
    if "@" in url:
        return False
    return url.startswith("https:")
"""


@pytest.mark.parametrize(
    ("old", "new", "rule", "level"),
    [
        (", timeout=5", "", "removed.safeguard", Level.MEDIUM),
        ("timeout=5", "timeout=None", "removed.safeguard", Level.MEDIUM),
        ("verify=True", "verify=False", "net.unverified", Level.MEDIUM),
        ("not user.is_allowed(url)", "not url", "removed.check", Level.MEDIUM),
        (
            "if not user.is_allowed(url)",
            "if False and user.is_allowed(url)",
            "removed.check",
            Level.MEDIUM,
        ),
        ("        return False\n", "        return True\n", "removed.check", Level.MEDIUM),
        ("    assert url\n", "", "removed.assert", Level.LOW),
        ('{"a", "b"}', '{"a", "b", "c"}', "removed.limit", Level.MEDIUM),
        ("except requests.ConnectionError", "except KeyError", "removed.handler", Level.LOW),
        ("        raise PermissionError(url)", "        return None", "removed.raise", Level.LOW),
    ],
)
def test_a_check_that_is_gone_is_found(
    score: Score, old: str, new: str, rule: str, level: Level
) -> None:
    assert old in CODE
    report = score({"a.py": CODE}, {"a.py": CODE.replace(old, new)})
    assert rule in rules(report, level)


def test_a_check_moved_into_a_helper_is_no_loss(score: Score) -> None:
    head = CODE.replace(
        "    if not user.is_allowed(url):\n        raise PermissionError(url)\n",
        "    guard(user, url)\n",
    )
    head += (
        "\n\ndef guard(user, url):\n    if not user.is_allowed(url):\n"
        "        raise PermissionError(url)\n"
    )
    assert not {rule for rule in rules(score({"a.py": CODE}, {"a.py": head})) if "removed" in rule}


UNITTEST = """
import unittest


class TestAll(unittest.TestCase):
    def test_it(self):
        self.assertEqual(parse("1"), 1)
        self.assertTrue(b"a" in parse("2"))
        self.assertIsNone(parse(""))
        self.assertFalse(parse("0"))
"""


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ('self.assertEqual(parse("1"), 1)', 'assert 1 == parse("1")', Level.LOW),
        ('self.assertEqual(parse("1"), 1)', 'self.assertEqual(1, parse("1"))', Level.LOW),
        ('self.assertTrue(b"a" in parse("2"))', 'assert b"a" in parse("2")', Level.LOW),
        ('self.assertTrue(b"a" in parse("2"))', 'self.assertIn(b"a", parse("2"))', Level.LOW),
        ('self.assertIsNone(parse(""))', 'assert parse("") is None', Level.LOW),
        ('self.assertFalse(parse("0"))', 'assert not parse("0")', Level.LOW),
        ('self.assertIn(b"a"', 'self.assertNotIn(b"a"', Level.LOW),
        ('self.assertEqual(parse("1"), 1)', 'assert parse("1")', Level.HIGH),
        ('self.assertEqual(parse("1"), 1)', 'assert 1 <= parse("1")', Level.HIGH),
        ('self.assertFalse(parse("0"))', 'assert parse("0")', Level.MEDIUM),
    ],
)
def test_the_same_demand_in_other_words_is_the_same(
    score: Score, old: str, new: str, level: Level
) -> None:
    head = UNITTEST.replace(old, new)
    assert score({"test_a.py": UNITTEST}, {"test_a.py": head}).level is level


def test_a_mock_is_made_to_be_assigned_to_and_a_runner_is_not(score: Score) -> None:
    mock = "from unittest.mock import Mock\n\n\ndef test_new():\n    it = Mock()\n"
    mock += "    it.name = 'x'\n    it.run().value = 1\n    assert it.name == 'x'\n"
    assert score({"test_a.py": ""}, {"test_a.py": mock}).level is Level.LOW
    patched = mock + "\n\nMock.assert_called_once = lambda self: None\n"
    assert score({"test_a.py": ""}, {"test_a.py": patched}).level is Level.HIGH


CLASS = "class Sum(int):\n    __hash__ = int.__hash__\n"


@pytest.mark.parametrize(
    "code",
    [
        CLASS + "    def __eq__(self, other):\n        return 1\n",
        CLASS + "    def __eq__(self, other):\n        return self is self\n",
        CLASS + "    def __eq__(self, other):\n        return isinstance(other, int)\n",
        CLASS + "    def __eq__(self, other):\n        yes = True\n        return yes\n",
        CLASS + "    def __eq__(self, other):\n        return bool(self) or not bool(self)\n",
        CLASS + "    def __eq__(self, other):\n"
        "        self.seen = other\n        return self.seen == other\n",
        CLASS + "    def __gt__(self, other):\n        return True\n",
        CLASS + "    def __contains__(self, part):\n        return True\n",
        CLASS + "    __eq__ = lambda self, other: True\n",
        CLASS + "Sum.__eq__ = lambda self, other: True\n",
        CLASS + "setattr(Sum, '__eq__', lambda self, other: True)\n",
        CLASS + "vars(Sum)['__eq__'] = lambda self, other: True\n",
        "def same(self, other):\n    return True\n\n\n" + CLASS + "    __eq__ = same\n",
        "def make():\n    return lambda self, other: True\n\n\n" + CLASS + "    __eq__ = make()\n",
        "Sum = type('Sum', (int,), {'__eq__': lambda self, other: True})\n",
        (
            "import types\nSum = types.new_class('S', (), {}, lambda names: names.update("
            "__eq__=lambda self, other: True))\n"
        ),
        "from unittest.mock import ANY\n\n\ndef add(a, b):\n    return ANY\n",
        "from unittest import mock\n\n\ndef add(a, b):\n    return mock.ANY\n",
        "import pytest\n\n\ndef add(a, b):\n    return pytest.approx(a, abs=1e9)\n",
    ],
)
def test_a_value_that_is_equal_to_whatever_a_test_expects_is_medium(
    score: Score, code: str
) -> None:
    assert rules(score({}, {"app.py": code}), Level.MEDIUM) == {"test-tampering.equal"}


@pytest.mark.parametrize(
    "body",
    [
        "def __eq__(self, other):\n        return self.a == other.a",
        "def __eq__(self, other):\n        return isinstance(other, Point)",
        "def __eq__(self, other):\n        return type(self) is type(other)",
        "def __eq__(self, other):\n        return super().__eq__(other)",
        "def __eq__(self, other):\n        return NotImplemented",
        "def __eq__(self, other):\n        raise TypeError",
        (
            "def __eq__(self, other):\n        mine, theirs = self.key(), other.key()\n"
            "        if mine != theirs:\n            return False\n        return True"
        ),
        (
            "def __eq__(self, other):\n        for x, y in zip(self, other):\n"
            "            if x != y:\n                return False\n        return True"
        ),
        (
            "def __contains__(self, key):\n        try:\n            self[key]\n"
            "        except KeyError:\n            return False\n        return True"
        ),
        "__eq__ = tuple.__eq__",
        "__hash__, __eq__ = None, None",
        "__ne__ = lambda self, other: not self == other",
    ],
)
def test_a_comparison_that_compares_is_low(score: Score, body: str) -> None:
    assert score({}, {"app.py": f"class Point:\n    {body}\n"}).level is Level.LOW


def test_what_tests_stand_in_for_is_theirs_to_use(score: Score) -> None:
    code = "from unittest.mock import ANY\n\n\ndef test_x():\n    assert {'a': 1} == {'a': ANY}\n"
    assert score({}, {"tests/test_a.py": code}).level is Level.LOW


def test_looking_at_who_calls_is_medium(score: Score) -> None:
    code = "import traceback\n\n\ndef add(a, b):\n    return len(traceback.extract_stack())\n"
    assert rules(score({}, {"app.py": code}), Level.MEDIUM) == {"reflection.inside"}


def test_a_fixture_for_all_tests_may_have_another_name(score: Score) -> None:
    fixture = "\n\n@pytest.fixture(autouse=True)\ndef setup():\n    yield 1\n"
    base, head = BASE + fixture, BASE + fixture.replace("setup", "setup_method")
    assert score({"test_a.py": base}, {"test_a.py": head}).level is Level.LOW
    other = head.replace("yield 1", "yield 2")
    assert score({"test_a.py": base}, {"test_a.py": other}).level is Level.MEDIUM


RAISES = """
import pytest


def test_it():
    with pytest.raises(ValueError) as caught:
        parse("x")
    assert caught.value.args[0] == "bad"
"""


@pytest.mark.parametrize(
    ("head", "level"),
    [
        (r'pytest.raises(ValueError, match=r"^bad$")', Level.MEDIUM),
        (r'pytest.raises(expected_exception=ValueError, match=r"^bad$")', Level.MEDIUM),
        (r'pytest.raises(ValueError, match=".*")', Level.HIGH),
        (r'pytest.raises(Exception, match=r"^bad$")', Level.HIGH),
        (r"pytest.raises(ValueError)", Level.HIGH),
    ],
)
def test_what_an_error_says_may_be_demanded_in_another_place(
    score: Score, head: str, level: Level
) -> None:
    other = f"\nimport pytest\n\n\ndef test_it():\n    with {head}:\n        parse('x')\n"
    assert score({"test_a.py": RAISES}, {"test_a.py": other}).level is level


def test_a_test_made_of_helpers_may_have_another_name_for_a_person_to_see(score: Score) -> None:
    steps = "        self.given('x')\n        self.when_read()\n        self.then_error('bad')\n"
    base = f"class TestIt:\n    def test_bad(self):\n{steps}"
    head = base.replace("test_bad", "test_worse").replace("'bad'", "'worse'")
    assert score({"test_a.py": base}, {"test_a.py": head}).level is Level.MEDIUM
    less = head.replace("        self.when_read()\n        self.then_error('worse')\n", "")
    assert score({"test_a.py": base}, {"test_a.py": less}).level is Level.HIGH
