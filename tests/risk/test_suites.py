"""A file's name decides no level: what the application loads is judged as the application."""

from __future__ import annotations

import pytest

from mai.proposal import Level
from tests.risk.conftest import Score, rules

GAIN = "import shutil\n\n\ndef clean(place):\n    shutil.rmtree(place)\n"
STOOD = "def clean(place):\n    return place\n"
TEST = "from app import go\n\n\ndef test_go():\n    assert go\n"


@pytest.mark.parametrize(
    ("path", "loads"),
    [
        ("api_tests.py", "from api_tests import clean\n"),
        ("test_api.py", "from test_api import clean\n"),
        ("api_test.py", "import api_test\n"),
        ("tests/tools.py", "from tests.tools import clean\n"),
        ("tests/tools.py", "import importlib\nimportlib.import_module('tests.tools')\n"),
    ],
)
def test_what_the_application_loads_gains_as_the_application(
    score: Score, path: str, loads: str
) -> None:
    base = {"app.py": f"{loads}go = 1\n", path: STOOD, "tests/test_go.py": TEST}
    report = score(base, {**base, path: GAIN})
    assert rules(report, Level.MEDIUM) >= {"fs-write.delete"}


def test_a_helper_of_tests_alone_may_clean_up(score: Score) -> None:
    base = {"app.py": "go = 1\n", "tests/tools.py": STOOD, "tests/test_go.py": TEST}
    assert score(base, {**base, "tests/tools.py": GAIN}).level is Level.LOW


def test_a_name_like_a_tests_is_no_test_where_pytest_collects_others(score: Score) -> None:
    base = {"test_api.py": STOOD, "pytest.ini": "[pytest]\npython_files = check_*.py\n"}
    assert score(base, {**base, "test_api.py": GAIN}).level >= Level.MEDIUM


def test_a_test_that_the_change_makes_part_of_the_application_is_new_to_it(score: Score) -> None:
    base = {"app.py": "go = 1\n", "tests/tools.py": GAIN, "tests/test_go.py": TEST}
    report = score(base, {**base, "app.py": "from tests.tools import clean\ngo = 1\n"})
    assert "tests/tools.py" in {found.path for found in report.findings}
    assert report.level >= Level.MEDIUM


def test_tests_that_the_application_loads_are_still_not_weakened(score: Score) -> None:
    base = {"app.py": "import test_go\ngo = 1\n", "test_go.py": TEST}
    assert "test-tampering.dropped" in rules(score(base, {**base, "test_go.py": "x = 1\n"}))
