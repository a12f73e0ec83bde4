"""Dependencies, where they come from, and what building runs."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.edits import parse
from mai.pipeline.unplaced import patched_files
from mai.proposal import Level
from mai.risk import Policy, score_hunks
from mai.risk.manifests import judge_manifest
from tests.risk.conftest import Score, rules

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "app"
version = "1.0"
description = "An app."
dependencies = ["requests>=2.31", "rich"]

[project.optional-dependencies]
extra = ["numpy"]

[project.scripts]
app = "app:main"

[dependency-groups]
dev = ["pytest"]

[tool.ruff]
line-length = 100

[tool.mypy]
strict = true

[tool.pytest.ini_options]
addopts = "-ra"
"""


@pytest.mark.parametrize(
    ("old", "new", "rule", "word"),
    [
        ('"rich"]', '"rich", "leftpad"]', "deps.changed", "leftpad"),
        ("requests>=2.31", "requests>=2.32", "deps.changed", "requests"),
        (', "rich"]', "]", "deps.changed", "rich"),
        ('"rich"', '"rich @ git+https://example.org/rich"', "deps.source", "example.org"),
        ('["numpy"]', '["numpy", "torch"]', "deps.changed", "torch"),
        ('["pytest"]', '["pytest", "evil"]', "deps.changed", "evil"),
        ('"hatchling.build"', '"backend"', "path.build", "build"),
        ('["hatchling"]', '["hatchling", "x"]', "path.build", "build"),
        ('"app:main"', '"app:other"', "deps.entry-point", "app"),
        ('"-ra"', '"-p no:x"', "path.test-settings", "pytest"),
        (
            "[tool.ruff]",
            "[tool.hatch.build.hooks.custom]\npath = 'x.py'\n[tool.ruff]",
            "path.build",
            "hatch",
        ),
        ("[tool.ruff]", "[tool.uv.sources]\nrich = {git = 'x'}\n[tool.ruff]", "deps.source", "uv"),
        ("strict = true", "strict = true\nplugins = ['x.py']", "path.build", "mypy"),
        ("[project.scripts]", "[project.scripts", "path.build", "TOML"),
    ],
)
def test_these_changes_of_pyproject_are_high(
    score: Score, old: str, new: str, rule: str, word: str
) -> None:
    assert old in PYPROJECT
    report = score(
        {"pyproject.toml": PYPROJECT}, {"pyproject.toml": PYPROJECT.replace(old, new, 1)}
    )
    assert report.level is Level.HIGH
    assert any(finding.rule == rule and word in finding.message for finding in report.findings)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version = "1.0"', 'version = "1.1"'),
        ("An app.", "A better app."),
        ("line-length = 100", "line-length = 88"),
        ("strict = true", "strict = false"),
        ('["requests>=2.31", "rich"]', '["rich", "requests>=2.31"]'),
        ("[tool.ruff]", "# A comment.\n[tool.ruff]"),
    ],
)
def test_these_changes_of_pyproject_are_low(score: Score, old: str, new: str) -> None:
    assert old in PYPROJECT
    report = score(
        {"pyproject.toml": PYPROJECT}, {"pyproject.toml": PYPROJECT.replace(old, new, 1)}
    )
    assert report.level is Level.LOW


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("evil==1.0", "deps.changed"),
        ("requests==2.32", "deps.changed"),
        ("--index-url https://example.org/simple", "deps.source"),
        ("--extra-index-url=https://example.org", "deps.source"),
        ("-e ./local", "deps.source"),
        ("git+ssh://git@example.org/x.git", "deps.source"),
        ("x @ https://example.org/x.whl", "deps.source"),
        ("-f https://example.org", "deps.source"),
    ],
)
@pytest.mark.parametrize(
    "path", ["requirements.txt", "requirements/dev.txt", "requirements-dev.in"]
)
def test_a_new_line_of_requirements_is_high(score: Score, path: str, line: str, rule: str) -> None:
    base = "requests==2.31\n# A comment.\n"
    report = score({path: base}, {path: base + line + "\n"})
    assert report.level is Level.HIGH
    assert rule in rules(report)


@pytest.mark.parametrize("head", ["requests==2.31\n", "# Other.\nrequests==2.31  # why\n", ""])
def test_comments_and_removals_in_requirements_are_low(score: Score, head: str) -> None:
    base = "# Some.\nrequests==2.31\n"
    assert score({"requirements.txt": base}, {"requirements.txt": head}).level is Level.LOW


@pytest.mark.parametrize(
    ("section", "level"),
    [
        ("[tool:pytest]\naddopts = -x\n", Level.HIGH),
        ("[options]\ninstall_requires = evil\n", Level.HIGH),
        ("[options.entry_points]\nconsole_scripts = x = y:z\n", Level.HIGH),
        ("[build_ext]\ninplace = 1\n", Level.HIGH),
        ("[flake8]\nmax-line-length = 90\n", Level.LOW),
        ("[metadata]\nname = app\n", Level.LOW),
        ("no section\n", Level.HIGH),
    ],
)
def test_setup_cfg(score: Score, section: str, level: Level) -> None:
    assert score({"setup.cfg": ""}, {"setup.cfg": section}).level is level


@given(st.binary(max_size=300), st.none() | st.binary(max_size=300))
def test_no_manifest_is_too_odd_to_judge(data: bytes, base: bytes | None) -> None:
    for path in ("pyproject.toml", "setup.cfg", "requirements.txt", "Pipfile"):
        for finding in judge_manifest(path, data, base):
            assert finding.path == path


SETUP = """from setuptools import setup

version = "1.0"

setup(
    name="app",
    version="1.0.0",
    description="It isn't much",
    classifiers=[
        'Programming Language :: Python :: 3.12',
    ],
    install_requires=["six"],
)
"""


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ('version="1.0.0"', 'version="1.0.1"', Level.LOW),
        ('version = "1.0"', 'version = "1.1"  # again', Level.LOW),
        ("It isn't much", 'It is \\"more\\"', Level.LOW),
        ("setup(\n", "# What is built.\nsetup(\n", Level.LOW),
        (
            "3.12',\n",
            "3.12',\n        'Programming Language :: Python :: 3.13',\n",
            Level.LOW,
        ),
        ('name="app"', 'name="other"', Level.HIGH),
        ('["six"]', '["six", "seven"]', Level.HIGH),
        ('"1.0.0"', '__import__("os").popen("id").read()', Level.HIGH),
        ('version = "1.0"', 'version = """1.0"\n"""', Level.HIGH),
        ('version = "1.0"', 'version = "1.0"; import evil', Level.HIGH),
        ('version = "1.0"', 'version = f"{print(1)}"', Level.HIGH),
        ("setup(\n", "setup(\n    cmdclass={},\n", Level.HIGH),
    ],
)
def test_what_a_setup_script_says_of_its_package_is_not_what_it_runs(
    score: Score, old: str, new: str, level: Level
) -> None:
    assert old in SETUP
    head = SETUP.replace(old, new)
    assert score({"setup.py": SETUP}, {"setup.py": head}).level is level
    before, after = SETUP.splitlines(keepends=True), head.splitlines(keepends=True)
    hunks = "".join(difflib.unified_diff(before, after, "a/setup.py", "b/setup.py", n=1))
    edits = parse(f"diff --git a/setup.py b/setup.py\n{hunks}")
    assert score_hunks(patched_files(edits), Policy()).level is level
