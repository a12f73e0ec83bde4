"""What the readers of tables share: looking into them, and which names speak of tests."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from mai.sandbox.manifests.collector import Collector, Entry

_TESTING = frozenset(
    {
        *("test", "tests", "testing", "tester", "pytest", "unittest", "unittests", "unit"),
        *("dev", "devel", "develop", "development", "developer", "ci", "check", "checks"),
    }
)
_OFF_TOPIC = frozenset(
    {
        *("doc", "docs", "documentation", "rtd", "readthedocs", "lint", "linting", "linters"),
        *("typing", "types", "mypy", "format", "formatting", "release", "publish", "build"),
        *(
            "bench",
            "benchmark",
            "benchmarks",
            "profiling",
            "style",
            "pre",
            "precommit",
            "notebooks",
        ),
        *("deploy", "examples", "example", "tutorial", "demo"),
    }
)


def is_for_tests(name: str) -> bool:
    """Whether an extra, group or file of this name holds what tests need."""
    words = set(canonicalize_name(name).split("-"))
    return bool(words & _TESTING) and not words & _OFF_TOPIC


def is_off_topic(name: str) -> bool:
    """Whether a group or file of this name is for documentation, linters and the like."""
    return bool(set(canonicalize_name(name).split("-")) & _OFF_TOPIC)


def parse_toml(collector: Collector, path: str, text: str) -> dict[str, Any]:
    """Return the tables in `text`, none where it is not TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        collector.drop(Entry("", path), "it is not TOML")
        return {}


def parse_script(collector: Collector, path: str, text: str) -> ast.Module | None:
    """Return the syntax tree of a script, None where it is not Python."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        collector.drop(Entry("", path), "it cannot be parsed")
        return None


def table(tables: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the table below `names`, an empty one where there is none."""
    found: Any = tables
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def strings(value: object) -> list[str]:
    """Return the strings of a list; a string by itself is a list of one."""
    if isinstance(value, str):
        return [value]
    entries: Iterable[object] = value if isinstance(value, list) else ()
    return [entry for entry in entries if isinstance(entry, str)]


def line_of(text: str, wanted: str) -> int:
    """Return the number of the first line that has `wanted` as a word, 0 where none has."""
    match = re.search(rf"(?<![\w.-]){re.escape(wanted)}(?![\w-])", text)
    return text.count("\n", 0, match.start()) + 1 if match else 0
