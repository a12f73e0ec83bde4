"""What a `setup.py` hands to `setup()` as literals. The script itself is never run."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator

from mai.sandbox.manifests.collector import Collector, Entry
from mai.sandbox.manifests.requirement_files import requirement_entries, requirement_lines
from mai.sandbox.manifests.tables import is_for_tests, parse_script

_DEEPEST = 20


def of_setup_script(collector: Collector, path: str) -> None:
    """Collect what the script at `path` names without computing it."""
    text = collector.text(path)
    if text is None:
        return
    tree = parse_script(collector, path, text)
    if tree is None:
        return
    reader = _Reader(collector, path, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "setup":
            reader.read(node)


class _Reader:
    """Follows names of the module to the literals that were assigned to them."""

    def __init__(self, collector: Collector, path: str, tree: ast.Module) -> None:
        self._collector, self._path = collector, path
        self._assigned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, (ast.AnnAssign, ast.AugAssign)):
                targets = [node.target]
            value = getattr(node, "value", None)
            for target in targets:
                if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                    self._assigned.setdefault(target.id, []).append(value)

    def read(self, call: ast.Call) -> None:
        """Collect what one call of `setup` is given."""
        own = self._collector.project(posixpath.dirname(self._path))
        given = {word.arg: word.value for word in call.keywords if word.arg}
        for word in call.keywords:
            if word.arg is None:  # `**arguments`
                given |= dict(self._pairs(word.value))
        name = given.get("name")
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            own.name = own.name or name.value
        for option in ("install_requires", "tests_require"):
            if option in given:
                self._collector.take(self._entries(given[option], option))
        for extra, value in self._pairs(given.get("extras_require")):
            entries = self._entries(value, "extras_require")
            own.add_extra(extra, entries)
            if is_for_tests(extra):
                self._collector.take(entries)

    def _pairs(self, node: ast.expr | None, depth: int = 0) -> Iterator[tuple[str, ast.expr]]:
        """Yield the keys and values of a dictionary, by whichever name it goes."""
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        elif isinstance(node, ast.Call) and _name(node.func) == "dict":
            yield from ((word.arg, word.value) for word in node.keywords if word.arg)
        elif isinstance(node, ast.Name) and depth < _DEEPEST:
            for value in self._assigned.get(node.id, []):
                yield from self._pairs(value, depth + 1)

    def _entries(self, node: ast.expr, option: str) -> list[Entry]:
        found = list(self._literals(node, 0))
        is_empty = isinstance(node, (ast.List, ast.Tuple)) and not node.elts
        if not found and not is_empty:
            place = Entry(f"{option} = {ast.unparse(node)}", self._path, node.lineno)
            self._collector.drop(place, "it is computed, and setup.py is not run")
        return found

    def _literals(self, node: ast.expr, depth: int) -> Iterator[Entry]:
        if depth > _DEEPEST:
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from requirement_lines(node.value, self._path, node.lineno)
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            for element in node.elts:
                yield from self._literals(element, depth + 1)
        elif isinstance(node, ast.Starred):
            yield from self._literals(node.value, depth + 1)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield from self._literals(node.left, depth + 1)
            yield from self._literals(node.right, depth + 1)
        elif isinstance(node, ast.Name):
            for value in self._assigned.get(node.id, []):
                yield from self._literals(value, depth + 1)
        else:
            yield from self._of_files(node)

    def _of_files(self, node: ast.expr) -> Iterator[Entry]:
        """Yield what the requirement files that an expression names ask for.

        `open("requirements.txt").read().splitlines()` and its many kinds need not be run for that.
        """
        folder = posixpath.dirname(self._path)
        for part in ast.walk(node):
            if not isinstance(part, ast.Constant) or not isinstance(part.value, str):
                continue
            path = posixpath.normpath(posixpath.join(folder, part.value))
            if path.endswith((".txt", ".in")) and self._collector.read(path) is not None:
                yield from requirement_entries(self._collector, path)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
