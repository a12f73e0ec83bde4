"""Which test files can see a change, the nearest first.

Every doubt counts as yes. What comes out decides which tests run first and which later, never that
one need not run before a change lands.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from mai.pipeline.reach.graph import distances
from mai.pipeline.reach.kept import KeptFacts
from mai.repo.objects import Snapshot
from mai.suite import Suite

#: They say how all tests run, or what is there when they do.
_SETTINGS = frozenset(
    {".coveragerc", ".pytest.ini", ".pytest.toml", "Pipfile", "Pipfile.lock", "mai.toml"}
    | {"pdm.lock", "poetry.lock", "pyproject.toml", "pytest.ini", "pytest.toml", "setup.cfg"}
    | {"setup.py", "sitecustomize.py", "tox.ini", "usercustomize.py", "uv.lock"}
)
_REQUIREMENTS = re.compile(r"[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in)")
#: What Python imports besides `.py`, and what that is built from.
_NATIVE = frozenset({".c", ".cpp", ".h", ".pth", ".pyc", ".pyd", ".pyi", ".pyw", ".pyx", ".so"})
#: How far a file is that only names the changed one; how much nearer is a test with its name.
_NAMED, _NAMESAKE = 4, 3


@dataclass(frozen=True, slots=True)
class Reached:
    """The test files of two trees, by whether they can see what differs between them.

    `distances` holds those that can. `everything_because` says why all of them must be taken to,
    and is "" where the trees tell. `tests` is how many tests each file has, without parameters.
    """

    distances: Mapping[str, int] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    everything_because: str = ""
    tests: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_everything(self) -> bool:
        """Whether no test file is known to be out of the change's reach."""
        return not self.others

    def nearest_first(self) -> list[str]:
        """Return the test files that can see the change."""
        return sorted(self.distances, key=lambda path: (self.distances[path], path))


def reach(base: Snapshot, head: Snapshot, changed: Iterable[str], kept: KeptFacts) -> Reached:
    """Return which test files can see that the files `changed` differ between `base` and `head`.

    Args:
        base: the tree before.
        head: the tree after.
        changed: every path that differs; of a renamed file both.
        kept: what was read from sources before.
    """
    changed = frozenset(changed)
    trees = kept.of((base, head))
    suite = Suite(base)
    tests = {
        path: facts.tests
        for tree in trees
        for path, facts in tree.items()
        if suite.is_collected(path)
    }
    if why := next((f"{path} changes" for path in sorted(changed) if _concerns_all(path)), ""):
        return Reached(dict.fromkeys(tests, 0), everything_because=why, tests=tests)
    sources = {path for path in changed if path.endswith(".py")}
    seen = distances(trees, sources, _scripts(base) | _scripts(head))
    for path in sorted(changed - sources):
        naming = {one for snapshot in (base, head) for one in _naming(path, snapshot)}
        if not naming:
            why = f"nothing says what reads {path}"
            return Reached(dict.fromkeys(tests, 0), everything_because=why, tests=tests)
        for found, distance in distances(trees, naming).items():
            seen[found] = min(seen.get(found, distance + _NAMED), distance + _NAMED)
    near = {path: seen[path] for path in tests.keys() & seen.keys()}
    for path in near:
        if any(_is_namesake(path, source) for source in changed):
            near[path] -= _NAMESAKE
    return Reached(near, frozenset(tests.keys() - near.keys()), tests=tests)


def _concerns_all(path: str) -> bool:
    name = PurePosixPath(path)
    is_setting = name.name in _SETTINGS or _REQUIREMENTS.fullmatch(name.name) is not None
    return is_setting or name.suffix in _NATIVE


def _is_namesake(test: str, source: str) -> bool:
    stem = PurePosixPath(source).stem.strip("_")
    return len(stem) > 1 and stem in PurePosixPath(test).stem.split("test_")[-1]


def _naming(path: str, snapshot: Snapshot) -> Iterator[str]:
    """Yield the Python files that name a file of another kind, or the folder that it is in."""
    pure = PurePosixPath(path)
    names = {pure.name, pure.stem, pure.parent.name} - {""}
    choice = b"|".join(re.escape(name.encode("utf-8", "surrogateescape")) for name in sorted(names))
    naming = re.compile(rb"(?<![\w-])(?:" + choice + rb")(?![\w-])")
    sources = [each for each in snapshot.paths() if each.endswith(".py")]
    for source, data in snapshot.read_many(sources):
        if naming.search(data):
            yield source


def _scripts(snapshot: Snapshot) -> dict[str, str]:
    """Return the modules behind the commands that the repo installs, by their names."""
    data = snapshot.read("pyproject.toml")
    try:
        project: Any = tomllib.loads(data.decode("utf-8")) if data else {}
        tables = [project.get("project", {}), project.get("tool", {}).get("poetry", {})]
        return {
            str(name): str(target).partition(":")[0]
            for table in tables
            for name, target in table.get("scripts", {}).items()
        }
    except (ValueError, AttributeError, RecursionError):
        return {}
