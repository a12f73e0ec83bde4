"""A scorer that cries wolf is switched off: everyday code and everyday fixes stay LOW."""

from __future__ import annotations

import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from mai.proposal import Level
from mai.risk import Policy, score_paths
from tests.risk.conftest import CORPORA, Score, ScoreSource, corpus


@pytest.mark.parametrize(("kind", "source"), corpus("everyday"))
def test_everyday_programs_are_low(score_source: ScoreSource, kind: str, source: str) -> None:
    assert score_source(source).level is Level.LOW


MODULE = (CORPORA / "module.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("result = 0", "result = 0.0"),
        ("result += item", "result += item or 0"),
        ("default=None", 'default=""'),
        ("with open(self.path) as file", 'with open(self.path, encoding="utf-8") as file'),
        ("def total(items):", "def total(items: list[int]) -> int:"),
        ("def total(items):", 'def total(items):\n    """Add up."""'),
        (
            "    return result\n",
            "    if result < 0:\n        raise ValueError(result)\n    return result\n",
        ),
        (
            "        return self.values\n",
            "        self.values.setdefault('a', 1)\n        return self.values\n",
        ),
        ("json.dump(self.values, file)", "json.dump(self.values, file, indent=2)"),
        ("for item in items", "for item in sorted(items)"),
        ("result", "sum_"),
        (
            "self.values = json.load(file)",
            """try:
                self.values = json.load(file)
            except json.JSONDecodeError:
                self.values = {}""",
        ),
        ("class Settings:", "class Settings(dict):"),
        ("import json\n", "import json\nimport math\n"),
        (
            MODULE[MODULE.index("def total") :],
            "def total(items):\n    return sum(items)\n",
        ),
        ("values.get(name, default)", "values.get(name.lower(), default)"),
    ],
)
def test_everyday_fixes_are_low(score: Score, old: str, new: str) -> None:
    assert old in MODULE
    head = MODULE.replace(old, new)
    assert score({"app/settings.py": MODULE}, {"app/settings.py": head}).level is Level.LOW


def test_most_of_the_standard_library_is_not_high() -> None:
    root = Path(sysconfig.get_path("stdlib"))
    skipped = {"test", "tests", "idlelib", "lib2to3", "site-packages", "__pycache__", "idle_test"}
    files = [
        path
        for path in sorted(root.rglob("*.py"))
        if not skipped & set(path.relative_to(root).parts)
    ]
    levels = Counter(report.level for report in score_paths(files, Policy()))
    assert sum(levels.values()) == len(files) > 300
    assert levels[Level.HIGH] + levels[Level.BLOCKED] <= 0.12 * len(files)
    assert levels[Level.LOW] >= 0.5 * len(files)
    assert levels[Level.BLOCKED] <= 3
