"""The tests that a sentence names: by file, by id, or by the name of the function alone."""

from __future__ import annotations

import re

from mai.protocols import Snapshot
from mai.suite.files import Suite

_TEST_ID = re.compile(r"[\w./-]+\.py(?:::[\w\[\].,-]+)*")
_TEST_NAME = re.compile(r"\btest_\w+")
_MOST_FILES = 60


def named_tests(task: str, snapshot: Snapshot) -> tuple[list[str], list[str]]:
    """Return the test files that `task` names, and the ids or functions of tests among them."""
    suite = Suite(snapshot)
    collected = [path for path in snapshot.paths() if suite.is_collected(path)]
    paths: dict[str, None] = {}
    tests: list[str] = []
    for match in _TEST_ID.finditer(task):
        path, *rest = match.group().strip().split("::")
        path = path.removeprefix("./")
        whole = [one for one in collected if one == path or one.endswith(f"/{path}")]
        if len(whole) == 1:
            paths[whole[0]] = None
            if rest:
                tests.append("::".join([whole[0], *(one.strip(" .,") for one in rest)]))
    if not paths:
        for name in _TEST_NAME.findall(task):
            pattern = re.compile(rf"^\s*(?:async )?def {re.escape(name)}\b".encode(), re.MULTILINE)
            for path in collected[: 10 * _MOST_FILES]:
                if pattern.search(snapshot.read(path) or b""):
                    paths[path] = None
    return list(paths)[:_MOST_FILES], tests
