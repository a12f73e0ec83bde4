"""Moving functions to other modules is LOW, as long as they mean there what they did."""

from __future__ import annotations

import pytest

from mai.proposal import FileChange, Level
from tests.risk.conftest import Score, rules

QUOTE = 'def quoted(path):\n    return ["ls", "--", path]\n'
LIMITS = "class Limits:\n    longest = 9\n\n    def cut(self, path):\n        return path[:9]\n"
HEAD = "import subprocess\n\nfrom app.text import clean\n"
GO = """
def go(path):
    return subprocess.run(quoted(clean(Limits().cut(path))))


def widen():
    Limits.longest = 99
"""
BASE = {
    "app/__init__.py": "",
    "app/text.py": "def clean(path):\n    return path.strip()\n",
    "app/evil.py": "def clean(path):\n    return path\n",
    "app/go.py": f"{HEAD}\n\n{QUOTE}\n\n{LIMITS}\n{GO}",
}
MOVED = {
    **BASE,
    "app/parts.py": f"{QUOTE}\n\n{LIMITS}",
    "app/go.py": f"{HEAD}from app.parts import Limits, quoted\n\n{GO}",
}


@pytest.mark.parametrize(
    "line",
    [
        "from app.parts import Limits, quoted\n",
        "from .parts import Limits, quoted\n",
        "from .parts import (\n    Limits,\n    quoted,  # for `go`\n)\n",
    ],
)
def test_a_module_that_is_split_is_low(score: Score, line: str) -> None:
    head = {**MOVED, "app/go.py": f"{HEAD}{line}\n{GO}"}
    assert score(BASE, head).level is Level.LOW


def test_the_half_that_acts_may_move_as_well(score: Score) -> None:
    moved = f"{HEAD}from app.go import Limits, quoted\n\n{GO}"
    head = {**BASE, "app/go.py": f"{QUOTE}\n\n{LIMITS}", "app/acts.py": moved}
    assert score(BASE, head).level is Level.LOW
    other = {**head, "app/acts.py": moved.replace("app.text", "app.evil")}
    assert "flow.changed" in rules(score(BASE, other), Level.MEDIUM)


def test_a_function_that_moves_to_a_file_that_stood_is_low(score: Score) -> None:
    base = {**BASE, "app/parts.py": "size = 1\n"}
    head = {**MOVED, "app/parts.py": "size = 1\n\n\n" + MOVED["app/parts.py"]}
    assert score(base, head).level is Level.LOW


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("app/parts.py", '"--"', '"-R"'),
        ("app/parts.py", "path[:9]", "path[:9] + '*'"),
        ("app/go.py", "clean(Limits()", "(Limits()"),
        (
            "app/go.py",
            "from app.parts import Limits, quoted",
            "from app.parts import Limits\nfrom app.evil import clean as quoted",
        ),
        ("app/go.py", "from app.text", "from app.evil"),
    ],
)
def test_what_a_move_does_besides_is_seen(score: Score, path: str, old: str, new: str) -> None:
    assert old in MOVED[path]
    head = {**MOVED, path: MOVED[path].replace(old, new)}
    assert score(BASE, head).level >= Level.MEDIUM


@pytest.mark.parametrize(
    "line",
    [
        "from app.evil import clean\n",
        "from app.evil import *\n",
        "clean = str\n",
        "def clean(path):\n    return path\n",
        "import app.evil as clean\n",
    ],
)
def test_the_same_words_beside_other_imports_are_other_code(score: Score, line: str) -> None:
    inner = "def inner(path):\n    return clean(path)\n"
    go = "\n\ndef go(path):\n    return subprocess.run(inner(path))\n"
    base = {**BASE, "app/go.py": f"{HEAD}\n\n{inner}{go}"}
    head = {
        **BASE,
        "app/parts.py": f"from app.text import clean\n\n\n{inner}",
        "app/go.py": f"import subprocess\n\nfrom app.parts import inner\n{go}",
    }
    assert score(base, head).level is Level.LOW
    other = {**head, "app/parts.py": f"{line}\n\n{inner}"}
    assert score(base, other).level >= Level.MEDIUM


def test_what_a_class_reads_moves_with_it(score: Score) -> None:
    read = "class Port:\n    default = os.environ.get('PORT')\n"
    base = {"a.py": f"import os\n\n\n{read}\n\nclass Rest:\n    x = os.sep\n", "b.py": "x = 1\n"}
    head = {
        "a.py": "import os\n\n\nclass Rest:\n    x = os.sep\n",
        "b.py": f"import os\n\n\n{read}",
    }
    assert score(base, head).level is Level.LOW
    twice = {**base, "b.py": head["b.py"]}
    assert score(base, twice).level is Level.MEDIUM
    other = {**head, "b.py": head["b.py"].replace("'PORT'", "'TOKEN'")}
    assert score(base, other).level is Level.MEDIUM


IMPORTS = "import subprocess\n\nfrom ..text import clean\nfrom .parts import Limits, quoted\n"
PACKAGE = {
    "app/__init__.py": "",
    "app/text.py": BASE["app/text.py"],
    "app/evil.py": BASE["app/evil.py"],
    "app/go/__init__.py": "from .acts import go, widen\nfrom .parts import Limits, quoted\n",
    "app/go/acts.py": f"{IMPORTS}{GO}",
    "app/go/parts.py": f"{QUOTE}\n\n{LIMITS}",
}


@pytest.mark.parametrize("heir", [None, "app/go/acts.py", "app/go/parts.py"])
def test_a_module_that_becomes_a_package_is_low(score: Score, heir: str | None) -> None:
    base = {**BASE, "app/go.py": BASE["app/go.py"].replace("app.text", ".text")}
    files = [FileChange(path, "added") for path in PACKAGE if path not in {*BASE, heir}]
    if heir is None:
        files.append(FileChange("app/go.py", "deleted"))
    else:
        files.append(FileChange(heir, "renamed", old_path="app/go.py"))
    assert score(base, PACKAGE, files=files).level is Level.LOW
    for path, old, new in (
        ("app/go/acts.py", "..text", "..evil"),
        (
            "app/go/acts.py",
            "from .parts import Limits, quoted",
            "from ..evil import Limits, quoted",
        ),
        ("app/go/parts.py", '"--"', '"-R"'),
    ):
        head = {**PACKAGE, path: PACKAGE[path].replace(old, new)}
        assert head != PACKAGE
        assert score(base, head, files=files).level >= Level.MEDIUM, new
