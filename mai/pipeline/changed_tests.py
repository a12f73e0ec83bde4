"""Which of the base's tests did the change itself edit?

A test that a change edits cannot also be the witness for it. The harness runs the base's version
against the new code; what fails there and was edited is shown to the person as `changed` instead
of being called broken.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mai.protocols import Snapshot
from mai.suite import Suite

_SOURCE = PurePosixPath("src")


def edited_tests(base: Snapshot, head: Snapshot, test_ids: Iterable[str]) -> frozenset[str]:
    """Return those of the base's `test_ids` whose own source, or a helper of it, was edited.

    A helper is anything at the top of the same module, in the same class, in a `conftest.py` above
    it or in another module of the tests, that the test names, directly or through another helper. A
    test whose file is gone or no longer parses counts as edited; one whose data files changed does
    not.
    """
    pairs = _Pairs(base, head)
    return frozenset(test_id for test_id in test_ids if _is_edited(test_id, pairs))


@dataclass(frozen=True, slots=True)
class _Import:
    """`from ...module import name`; without a name the module itself, with `*` all of it."""

    module: str
    level: int = 0
    name: str = "*"


@dataclass(frozen=True, slots=True)
class _Module:
    """Per top-level or member name: its normalised source, and the names that it uses."""

    bodies: dict[str, str] = field(default_factory=dict)
    uses: dict[str, set[str]] = field(default_factory=dict)
    imports: dict[str, list[_Import]] = field(default_factory=dict)

    def add(self, name: str, node: ast.AST, *more: str) -> None:
        """Note that `node` defines `name`; a name may be defined in several places."""
        self.bodies[name] = self.bodies.get(name, "") + ast.dump(node)
        self.uses.setdefault(name, set()).update(_names_used(node), more)

    def reached(self, name: str) -> set[str]:
        """Return `name` and every name of this module or beyond that it leads to."""
        found = {name}
        waiting = [name]
        while waiting:
            fresh = self.uses.get(waiting.pop(), set()) - found
            found |= fresh
            waiting.extend(fresh)
        return found


class _Pairs:
    """Both versions of each test module, parsed once."""

    def __init__(self, base: Snapshot, head: Snapshot) -> None:
        self.base, self.head = base, head
        self.suite = Suite(base)
        self._parsed: dict[str, tuple[_Module | None, _Module | None]] = {}

    def modules(self, path: str) -> tuple[_Module | None, _Module | None]:
        if path not in self._parsed:
            old, new = self.base.read(path), self.head.read(path)
            self._parsed[path] = (_parse(old), _parse(old if new == old else new))
        return self._parsed[path]

    def are_equal(self, path: str) -> bool:
        return self.base.read(path) == self.head.read(path)


def _is_edited(test_id: str, pairs: _Pairs) -> bool:
    path, _, rest = test_id.partition("::")
    if pairs.base.read(path) is None:
        return False
    name = rest.partition("[")[0].replace("::", ".")
    old, new = pairs.modules(path)
    if old is None or new is None or name not in old.bodies:
        return not pairs.are_equal(path)
    names = old.reached(name)
    if _differ(names, old, new) or _is_helper_edited(path, names, pairs):
        return True
    for folder in PurePosixPath(path).parents:
        conftest = (folder / "conftest.py").as_posix()
        if pairs.base.read(conftest) is None or pairs.are_equal(conftest):
            continue
        old_conftest, new_conftest = pairs.modules(conftest)
        if old_conftest is None or new_conftest is None:
            return True
        fixtures = set().union(*(old_conftest.reached(name) for name in names))
        if _differ(fixtures | _automatic(old_conftest), old_conftest, new_conftest):
            return True
    return False


def _is_helper_edited(path: str, names: set[str], pairs: _Pairs) -> bool:
    """Whether what `names` of the module at `path` import from the tests' own modules differs."""
    waiting, seen = [(path, names)], set[tuple[str, _Import]]()
    while waiting:
        importer, used = waiting.pop()
        module = pairs.modules(importer)[0] or _Module()
        imports = [found for name in used | {"*"} for found in module.imports.get(name, ())]
        for step in {(place, found) for found in imports for place in _places(importer, found)}:
            helper, found = step
            if step in seen or not pairs.suite.holds(helper) or pairs.base.read(helper) is None:
                continue
            seen.add(step)
            old, new = pairs.modules(helper)
            if old is None or new is None:
                return True
            wanted = old.reached(found.name) if found.name in old.bodies else set(old.bodies)
            if _differ(wanted, old, new):
                return True
            waiting.append((helper, wanted))
    return False


def _places(importer: str, found: _Import) -> Iterator[str]:
    """Yield where the module that is imported may lie, as pytest's import paths have it."""
    folders = list(PurePosixPath(importer).parents)
    starts = folders[found.level - 1 : found.level] if found.level else [*folders, _SOURCE]
    for start in starts:
        place = start.joinpath(*filter(None, found.module.split(".")))
        for end in (f"{place}.py", f"{place}/__init__.py", f"{place}/{found.name}.py"):
            yield PurePosixPath(end).as_posix()


def _differ(names: set[str], old: _Module, new: _Module) -> bool:
    return any(name in old.bodies and old.bodies[name] != new.bodies.get(name) for name in names)


def _automatic(conftest: _Module) -> set[str]:
    # Hooks and autouse fixtures reach every test without being named by it.
    return {
        name
        for name, body in conftest.bodies.items()
        if name.startswith("pytest_") or "autouse" in body
    }


def _parse(data: bytes | None) -> _Module | None:
    if data is None:
        return None
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    module = _Module()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            _add_class(module, node)
            continue
        for name in _names_bound(node):
            module.add(name, node)
        for name, found in _imported(node):
            module.imports.setdefault(name, []).append(found)
    return module


def _add_class(module: _Module, node: ast.ClassDef) -> None:
    members = [
        member for member in node.body if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    helpers = [
        f"{node.name}.{member.name}" for member in members if not member.name.startswith("test")
    ]
    for member in members:
        module.add(f"{node.name}.{member.name}", member, node.name)
    header = ast.ClassDef(
        name=node.name,
        bases=node.bases,
        keywords=node.keywords,
        body=[statement for statement in node.body if statement not in members],
        decorator_list=node.decorator_list,
    )
    module.add(node.name, header, *helpers)


def _names_used(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            yield child.id
        elif isinstance(child, ast.arg):
            yield child.arg  # a fixture
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value  # usefixtures("name"), getfixturevalue("name")


def _imported(node: ast.stmt) -> Iterator[tuple[str, _Import]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0], _Import(alias.name)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, _Import(node.module or "", node.level, alias.name)


def _names_bound(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    return [
        child.id
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
    ]
