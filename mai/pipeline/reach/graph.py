"""Who loads whom: the edges between the Python files of a tree, and how far each is from a change.

Every doubt adds an edge. A name may be that of several files, as nobody knows here what is on the
import path when it is imported; all of them are meant then.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from mai.pipeline.reach.facts import Facts, Import

#: How far a step is: an import that always runs, one in a function, a name in a string, a
#: `conftest.py`, which all tests below it share, and a file that may load anything.
_EAGER, _LAZY, _NAMED, _CONFTEST, _ANYTHING = 2, 3, 4, 5, 8
_INIT, _CONFTEST_NAME = "__init__.py", "conftest.py"


class Modules:
    """Finds the files that a dotted name may stand for."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = frozenset(paths)
        self._folders: dict[str, list[str]] = defaultdict(list)
        self._named: dict[str, set[str]] = defaultdict(set)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._imported: dict[tuple[str, str, int, str], tuple[str, ...]] = {}
        for path in sorted(self.paths):
            folder, _, name = path.rpartition("/")
            self._folders[folder].append(path)
            self._by_name[name].append(path)
            parts = (folder if name == _INIT else path.removesuffix(".py")).split("/")
            for start in range(len(parts)):
                root = "/".join(parts[:start])
                # A folder that is a package is no place that modules are imported from.
                if not root or f"{root}/{_INIT}" not in self.paths:
                    self._named[".".join(parts[start:])].add(path)

    def named(self, dotted: str) -> set[str]:
        """Return the files that importing `dotted` may run, without its parents."""
        return self._named.get(dotted, set())

    def mentioned(self, dotted: str) -> Iterator[str]:
        """Yield the files that a text such as `package.module.Class` may name."""
        parts = dotted.split(".")
        for end in range(len(parts), 0, -1):
            if found := self.named(".".join(parts[:end])):
                yield from found
                return

    def below(self, dotted: str) -> Iterator[str]:
        """Yield the modules of a package, and those of the packages in it."""
        for place in self.named(dotted):
            folder = place.removesuffix(_INIT)
            yield from (path for path in self.paths if path.startswith(folder))

    def ending(self, name: str) -> Iterator[str]:
        """Yield the files whose path ends with `name`, such as `tools/run.py`."""
        tail = PurePosixPath(name)
        wanted = [part for part in tail.parts if part not in {".", ".."}]
        for path in self._by_name.get(tail.name, ()):
            if path.split("/")[-len(wanted) :] == wanted:
                yield path

    def imported(self, importer: str, found: Import) -> Iterable[str]:
        """Return the files that one import statement may run."""
        # It means the same in all files of a folder.
        key = importer.rpartition("/")[0], found.module, found.level, found.name
        if key not in self._imported:
            self._imported[key] = tuple(self._found(importer, found))
        return self._imported[key]

    def _found(self, importer: str, found: Import) -> Iterator[str]:
        folders = _folders_of(importer)
        if found.level:
            yield from self._within(folders[min(found.level, len(folders)) - 1], found)
            return
        parts = found.module.split(".")
        for end in range(1, len(parts) + 1):
            yield from self.named(".".join(parts[:end]))
        if found.name == "*":
            for place in self.named(found.module):
                if place.endswith(_INIT):
                    yield from self._folders[place.rpartition("/")[0]]
        elif found.name:
            yield from self.named(f"{found.module}.{found.name}")
        # A script's own folder, or one that a setting adds, is on the path although a package.
        for folder in folders:
            yield from self._within(folder, found)

    def _within(self, folder: str, found: Import) -> Iterator[str]:
        place = f"{folder}/" if folder else ""
        for part in filter(None, found.module.split(".")):
            yield from self._present(f"{place}{part}.py", f"{place}{part}/{_INIT}")
            place += f"{part}/"
        yield from self._present(f"{place}{_INIT}")
        if found.name == "*":
            yield from self._folders.get(place.rstrip("/"), ())
        elif found.name:
            yield from self._present(f"{place}{found.name}.py", f"{place}{found.name}/{_INIT}")

    def _present(self, *paths: str) -> Iterator[str]:
        yield from (path for path in paths if path in self.paths)

    def packages(self, path: str) -> Iterator[str]:
        """Yield the packages that `path` is in: importing it runs them."""
        return self._above(path, _INIT)

    def conftests(self, path: str) -> Iterator[str]:
        """Yield each `conftest.py` that pytest loads for the tests in `path`."""
        return self._above(path, _CONFTEST_NAME)

    def _above(self, path: str, name: str) -> Iterator[str]:
        for folder in _folders_of(path):
            yield from self._present(f"{folder}/{name}" if folder else name)


def _folders_of(path: str) -> list[str]:
    """Return the folders that `path` is in, the nearest first and the tree itself, "", last."""
    found = []
    while path:
        path = path.rpartition("/")[0]
        found.append(path)
    return found


class _Node(NamedTuple):
    """A file of which only the import ran, or of which functions were called too."""

    path: str
    is_used: bool


def distances(
    trees: Sequence[Mapping[str, Facts]],
    changed: Iterable[str],
    scripts: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """Return every Python file that can see one of the `changed`, and how far it is from it.

    Args:
        trees: the facts of each tree, by path; an edge counts that any of them has.
        changed: the paths that differ, of any kind.
        scripts: the modules behind the names of commands that the repo installs.
    """
    edges = _Edges(trees, scripts or {})
    loaders: dict[_Node, dict[_Node, int]] = defaultdict(dict)
    for loader, loaded, step in edges.all():
        steps = loaders[loaded]
        steps[loader] = min(step, steps.get(loader, step))
    waiting = [
        *((0, path, is_used) for path in changed for is_used in (False, True)),
        *((_ANYTHING, node.path, node.is_used) for node in edges.load_anything()),
    ]
    heapq.heapify(waiting)
    found: dict[_Node, int] = {}
    while waiting:
        distance, path, is_used = heapq.heappop(waiting)
        node = _Node(path, is_used)
        if node not in found:
            found[node] = distance
            for loader, step in loaders[node].items():
                heapq.heappush(waiting, (distance + step, loader.path, loader.is_used))
    return {node.path: distance for node, distance in found.items() if node.is_used}


class _Edges:
    def __init__(self, trees: Sequence[Mapping[str, Facts]], scripts: Mapping[str, str]) -> None:
        self._modules = Modules(path for tree in trees for path in tree)
        self._scripts = scripts
        self._facts: dict[str, list[Facts]] = defaultdict(list)
        for tree in trees:
            for path, facts in tree.items():
                if facts not in self._facts[path]:
                    self._facts[path].append(facts)

    def all(self) -> Iterator[tuple[_Node, _Node, int]]:
        """Yield who loads whom, and how far that is."""
        for path, versions in self._facts.items():
            for facts in versions:
                for loaded, step in self._loads(path, facts):
                    yield _Node(path, is_used=True), _Node(loaded, is_used=True), step
                    if step == _EAGER:
                        yield _Node(path, is_used=False), _Node(loaded, is_used=False), step
                for conftest in self._modules.conftests(path):
                    is_used = self._uses(facts, conftest)
                    yield _Node(path, is_used=True), _Node(conftest, is_used), _CONFTEST

    def load_anything(self) -> Iterator[_Node]:
        """Yield the files that may load any other."""
        for path, versions in self._facts.items():
            for facts in versions:
                if not facts.is_readable or self._is_open(facts):
                    yield _Node(path, is_used=True)
                if not facts.is_readable:
                    yield _Node(path, is_used=False)

    def _uses(self, facts: Facts, conftest: str) -> bool:
        """Whether tests here ask for a fixture that `conftest` has."""
        asked = set(facts.arguments)
        return any(not asked.isdisjoint(each.fixtures) for each in self._facts[conftest])

    def _loads(self, path: str, facts: Facts) -> Iterator[tuple[str, int]]:
        modules = self._modules
        for found in facts.imports:
            for loaded in modules.imported(path, found):
                yield loaded, _LAZY if found.is_lazy else _EAGER
        yield from ((loaded, _EAGER) for loaded in modules.packages(path))
        for dotted in facts.modules:
            yield from ((loaded, _NAMED) for loaded in modules.mentioned(dotted))
        for package in facts.packages:
            yield from ((loaded, _NAMED) for loaded in modules.below(package))
        for name in facts.files:
            yield from ((loaded, _NAMED) for loaded in modules.ending(name))
        for word in facts.words:
            for dotted in filter(None, (word, f"{word}.__main__", self._scripts.get(word))):
                yield from ((loaded, _NAMED) for loaded in modules.mentioned(dotted))

    def _is_open(self, facts: Facts) -> bool:
        """Whether a name known only at run time is imported, and nothing says which it can be.

        A table of dotted names in the same file does.
        """
        return facts.loads_anything and not any(
            next(self._modules.mentioned(dotted), None) for dotted in facts.modules
        )
