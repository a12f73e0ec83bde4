"""What a trial says of a change, in both directions, through the front door."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gitrepo import Content
from tests.workspace import Workspace

pytestmark = pytest.mark.docker

TESTS = (
    "import pytest\n"
    "from app import one, two\n"
    "\n\n"
    "@pytest.mark.parametrize('n', [1, 2])\n"
    "def test_two(n):\n"
    "    assert two(n) == 2\n"
    "\n\n"
    "def test_one():\n"
    "    assert one() == 1\n"
)
GOOD = "def one():\n    return 1\n\n\ndef two(n):\n    return 2\n"
TWO = ["tests/test_app.py::test_two[1]", "tests/test_app.py::test_two[2]"]
ALL = ["tests/test_app.py::test_one", *TWO]
UNITTEST = (
    "import unittest\n\nfrom app import two\n\n\n"
    "class TwoTest(unittest.TestCase):\n"
    "    def test_two(self):\n        self.assertEqual(two(1), 2)\n"
)


def patch_between(old: str, new: str) -> str:
    """Return a patch that replaces all of `app.py`."""
    minus, plus = old.splitlines(), new.splitlines()
    lines = [
        "--- a/app.py",
        "+++ b/app.py",
        f"@@ -1,{len(minus)} +1,{len(plus)} @@",
        *(f"-{line}" for line in minus),
        *(f"+{line}" for line in plus),
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("bad", "ids"),
    [
        (GOOD.replace("    return 2", "    while True:\n        pass"), TWO),
        (GOOD.replace("    return 2", "    return two(n)"), TWO),
        (GOOD.replace("    return 2", "    raise SystemExit(0)"), TWO),
        (GOOD.replace("    return 2", "    import os\n\n    os._exit(0)"), TWO),
        (GOOD.replace("    return 2", "    return [0] * 10**11"), TWO),
        ("import nowhere\n\n\n" + GOOD, ALL),
        ("import sys\n\nsys.exit()\n\n\n" + GOOD, ALL),
        ("while True:\n    pass\n\n\n" + GOOD, ALL),
    ],
    ids=[
        "loop",
        "recursion",
        "exit",
        "hard-exit",
        "memory",
        "import",
        "import-exit",
        "import-loop",
    ],
)
def test_a_fix_fixes_what_its_reversal_breaks(tmp_path: Path, bad: str, ids: list[str]) -> None:
    for old, new, code, name in ((bad, GOOD, 0, "fixed"), (GOOD, bad, 4, "broken")):
        folder = tmp_path / name
        folder.mkdir()
        other = "def test_elsewhere():\n    pass\n"
        files: dict[str, Content] = {
            "app.py": old,
            "mai.toml": "limits = { test_s = 1 }\n",
            "tests/test_app.py": TESTS,
            "tests/test_other.py": other,
        }
        ran = Workspace.make(folder, files).submit(patch_between(old, new))
        assert ran.code == code, ran.out + ran.err
        found = {key: ran.json["trial"][key] for key in ("fixed", "broken", "missing", "flaky")}
        assert found == {"fixed": [], "broken": [], "missing": [], "flaky": [], name: ids}


@pytest.mark.parametrize(
    "tests",
    ["import nowhere\n\n\ndef test_x():\n    pass\n", "def test_x():\n    assert False\n"],
    ids=["cannot-be-imported", "fails"],
)
def test_tests_of_which_none_passes_let_nothing_land_alone(tmp_path: Path, tests: str) -> None:
    workspace = Workspace.make(tmp_path, {"app.py": "x = 1\n", "tests/test_x.py": tests})
    alone = {"MAI_AUTO_LAND_LOW": "1"}
    ran = workspace.submit(patch_between("x = 1\n", "x = 2\n"), environment=alone)
    assert ran.code == 0, ran.err
    assert ran.json["trial"]["verdict"] == "skipped"
    assert ran.json["state"] == "pending"
    assert "no test passes" in workspace.mai("show", ran.json["id"]).out


def test_a_test_command_that_is_not_there_decides_nothing(tmp_path: Path) -> None:
    files: dict[str, Content] = {"app.py": "x = 1\n", "mai.toml": 'test_command = "npm test"\n'}
    ran = Workspace.make(tmp_path, files).submit(patch_between("x = 1\n", "x = 2\n"))
    assert ran.code == 4
    assert ran.json["trial"]["verdict"] == "error"
    assert "is not in the sandbox: npm" in ran.json["error"]["message"]


def test_the_test_command_of_the_readme_judges(tmp_path: Path) -> None:
    bad = GOOD.replace("return 2", "return 3")
    command = 'test_command = "python -m unittest"\n'
    files: dict[str, Content] = {"app.py": bad, "mai.toml": command, "test_app.py": UNITTEST}
    ran = Workspace.make(tmp_path, files).submit(patch_between(bad, GOOD))
    assert ran.code == 0, ran.err
    assert ran.json["trial"]["fixed"] == ["command"]
