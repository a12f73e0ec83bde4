"""Which files of a repo are its tests: by what pytest collects there, never by a name alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mai.protocols import KnowsBlobs, ReadsMany, Snapshot
from mai.suite.collection import Collection
from mai.suite.imports import Modules

_CONFTEST = "conftest.py"
_TEST_FOLDER = re.compile(r"(?:.*[_-])?tests?(?:[_-].*)?|testing", re.IGNORECASE)
_SOURCES = (".py", ".pyw")
_ENTRY_POINTS = ("pyproject.toml", "setup.cfg", "setup.py")


@dataclass(slots=True)
class Files:
    """A tree of which these files are known, and no more."""

    contents: Mapping[str, bytes] = field(default_factory=dict)
    commit: str = ""

    def paths(self) -> Sequence[str]:
        """List the paths, sorted."""
        return sorted(self.contents)

    def read(self, path: str) -> bytes | None:
        """Return a file's content, None where it is not known."""
        return self.contents.get(path)


class Suite:
    """The tests of a repo: the settings are the base's, the files those of base and head.

    Part of the tests is what pytest collects, each `conftest.py`, and all that lies in a folder of
    tests: one that is called so and from which something is collected. What the application itself
    loads is application code, wherever it lies.

    Args:
        base: the tree whose settings hold.
        head: the tree after a change. What loads a test file in either of them loads it.
        is_whole: whether the trees have all files. Where not, nothing is known to be a test, and
            to lie in a folder that is called so is to lie among the tests.
    """

    def __init__(
        self, base: Snapshot, head: Snapshot | None = None, *, is_whole: bool = True
    ) -> None:
        self._trees = (base,) if head is None else (base, head)
        self._is_whole = is_whole
        self._collection = Collection.of(base)
        self._known: dict[str, bool] = {}
        self._among_tests: dict[str, bool] = {}
        self._loads: dict[tuple[str, str], frozenset[str]] = {}
        self._loaded_at: dict[int, frozenset[str]] = {}

    def is_collected(self, path: str) -> bool:
        """Whether pytest collects tests from `path`."""
        return self._collection.has(path)

    def holds(self, path: str) -> bool:
        """Whether `path` lies where tests do, whatever else it may be."""
        if path not in self._known:
            self._known[path] = self.is_collected(path) or self._is_beside(path)
        return self._known[path]

    def is_test(self, path: str) -> bool:
        """Whether `path` is part of the tests and no part of the application."""
        return self._is_whole and self.holds(path) and path not in self._loaded

    def is_witness(self, path: str) -> bool:
        """Whether the base's version of `path` decides what a change does to the tests.

        In a folder of tests it does, whatever else loads it. Beside the code it does not where the
        application loads it: one file of the application would be from before the change.
        """
        return self.holds(path) and (self._is_beside(path) or path not in self._loaded)

    def newly_loaded(self, changed: Iterable[str]) -> frozenset[str]:
        """Return the test files that the application loads in the head and not in the base.

        Args:
            changed: the paths that differ. Without a new import in them nothing is looked through.
        """
        sources = [path for path in changed if path.endswith(_SOURCES) and not self.holds(path)]
        if not self._loaded_by(-1, sources) - self._loaded_by(0, sources):
            return frozenset()
        return self._loaded_in(-1) - self._loaded_in(0)

    # --- where tests lie -------------------------------------------------------------------------

    def _is_beside(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        if name == _CONFTEST:
            return True
        if folder not in self._among_tests:
            self._among_tests[folder] = self._is_among_tests(folder)
        return self._among_tests[folder]

    def _is_among_tests(self, folder: str) -> bool:
        parts = folder.split("/")
        return any(
            _TEST_FOLDER.fullmatch(part) and self._is_test_folder("/".join(parts[: at + 1]))
            for at, part in enumerate(parts)
        )

    def _is_test_folder(self, folder: str) -> bool:
        if not self._is_whole:
            return True
        # A folder that stood before is what it was: a test put into it makes nothing of the rest.
        return next((each[folder] for each in self._folders if folder in each), False)

    @cached_property
    def _folders(self) -> tuple[dict[str, bool], ...]:
        """Every folder of each tree, by whether something in or below it is collected."""
        return tuple(self._collected_below(tree.paths()) for tree in self._trees)

    def _collected_below(self, paths: Iterable[str]) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for path in paths:
            is_collected = self.is_collected(path)
            folder = path.rpartition("/")[0]
            while folder and found.get(folder, -1) < is_collected:
                found[folder] = is_collected
                folder = folder.rpartition("/")[0]
        return found

    # --- what the application loads --------------------------------------------------------------

    @cached_property
    def _loaded(self) -> frozenset[str]:
        """The test files that the application of a tree loads, directly or through one another."""
        return self._loaded_in(0) | self._loaded_in(-1)

    @cached_property
    def _modules(self) -> Modules:
        paths = {path for tree in self._trees for path in tree.paths()}
        return Modules(paths, (path for path in paths if self._is_held_source(path)))

    def _is_held_source(self, path: str) -> bool:
        return path.endswith(_SOURCES) and self.holds(path)

    def _loaded_in(self, at: int) -> frozenset[str]:
        at %= len(self._trees)
        if at not in self._loaded_at:
            tree = self._trees[at]
            settings = (tree.read(name) or b"" for name in _ENTRY_POINTS)
            due = {path for data in settings for path in self._modules.named_in_settings(data)}
            due |= self._loaded_by(
                at,
                (path for path in tree.paths() if path.endswith(_SOURCES) and not self.holds(path)),
            )
            found: set[str] = set()
            while due := due - found:
                found |= due
                due = self._loaded_by(at, due)
            self._loaded_at[at] = frozenset(found)
        return self._loaded_at[at]

    def _loaded_by(self, at: int, paths: Iterable[str]) -> set[str]:
        """Return the test files that the files at `paths` of a tree load themselves."""
        tree = self._trees[at]
        keys = {path: (path, _version(tree, at % len(self._trees), path)) for path in paths}
        unknown = [path for path, key in keys.items() if key not in self._loads]
        for path, data in read_many(tree, unknown):
            self._loads[keys[path]] = self._modules.loaded_by(path, data)
        return set().union(*(self._loads.get(key, frozenset()) for key in keys.values()))


def unknown() -> Suite:
    """Return the suite of files that are judged without their tree."""
    return Suite(Files(), is_whole=False)


def _version(tree: Snapshot, at: int, path: str) -> str:
    """Return what tells this version of a file from others: the same blob is read once."""
    blob_id = tree.blob_id(path) if isinstance(tree, KnowsBlobs) else None
    return blob_id or str(at)


def read_many(tree: Snapshot, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of those `paths` that are there, a batch at a time if it can be."""
    if isinstance(tree, ReadsMany):
        yield from tree.read_many(paths)
        return
    for path in paths:
        data = tree.read(path)
        if data is not None:
            yield path, data
