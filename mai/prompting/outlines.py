"""What each Python file defines and imports, read once per content and kept by git's blob id.

The same blob is the same text, so nothing here can go stale; a branch switch or a new commit reads
only what changed. On disk it is one JSON file under the user's own data directory; a damaged one
is read anew.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_BYTES = 200_000
#: CPython's parser has limits of its own; staying well under them costs nothing real code has.
MAX_NESTING = 60
#: Some 200 bytes each: a few MB for the largest repos.
MAX_KEPT = 20_000
_MAX_METHODS = 12
_MAX_DEFINITIONS = 200
_FORMAT = 1
_BRACKET = re.compile(rb"[\[\](){}]")


@dataclass(frozen=True, slots=True)
class Outline:
    """A file's definitions at its top, such as `def mean(xs)`, and the modules it imports."""

    definitions: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


class Outlines:
    """Outlines by blob id. Safe to use from any thread."""

    def __init__(self) -> None:
        self._kept: dict[str, Outline] = {}
        self._file: Path | None = None
        self._is_changed = False
        self._lock = threading.Lock()

    def remember_in(self, folder: Path) -> None:
        """Keep outlines in `folder` from now on, and read those that are there."""
        with self._lock:
            self._file = folder / "outlines.json"
            self._kept = {**_read(self._file), **self._kept}

    def of(self, blob_id: str, data: bytes | None) -> Outline | None:
        """Return the outline of a blob; None where it is not known and no `data` is given."""
        with self._lock:
            found = self._kept.pop(blob_id, None) if blob_id else None
            if found is None and data is not None:
                found = outline(data)
                self._is_changed = self._is_changed or bool(blob_id)
            if found is not None and blob_id:
                self._kept[blob_id] = found  # at the end: what was used last goes last
                while len(self._kept) > MAX_KEPT:
                    del self._kept[next(iter(self._kept))]
            return found

    def save(self) -> None:
        """Write to the folder what is new. A folder that cannot be written costs only time."""
        with self._lock:
            if self._file is None or not self._is_changed:
                return
            rows = {
                blob_id: [list(one.definitions), list(one.imports)]
                for blob_id, one in self._kept.items()
            }
            self._is_changed = False
            with contextlib.suppress(OSError):
                _write(self._file, json.dumps({"format": _FORMAT, "outlines": rows}))


#: One for the process: every repo's blobs are told apart by their ids.
shared = Outlines()


def outline(data: bytes) -> Outline:
    """Read a Python file; empty where it is too large or deep, or does not parse."""
    tree = syntax_tree(data)
    if tree is None:
        return Outline()
    found = tuple(_described(tree.body))[:_MAX_DEFINITIONS]
    return Outline(found, tuple(dict.fromkeys(_imported(tree.body))))


def syntax_tree(data: bytes) -> ast.Module | None:
    """Parse a Python file, None where it is too large or deep, or does not parse."""
    if len(data) > MAX_FILE_BYTES or _nesting(data) > MAX_NESTING:
        return None
    try:
        with warnings.catch_warnings():
            # A repo's invalid escapes are not this person's to read about in their terminal.
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _described(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            yield f"def {node.name}({', '.join(names)})"
        elif isinstance(node, ast.ClassDef):
            methods = [
                inner.name
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
                and not inner.name.startswith("_")
            ]
            shown = f": {' '.join(methods[:_MAX_METHODS])}" if methods else ""
            yield f"class {node.name}{shown}"


def _imported(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            # `from package import module` and `from module import name` look alike.
            joint = "" if module.endswith(".") else "."
            yield from (f"{module}{joint}{alias.name}" for alias in node.names)


def _nesting(data: bytes) -> int:
    """Return how deep brackets go, strings and comments not told apart."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(data):
        if bracket in b"([{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth = max(0, depth - 1)
    return deepest


def _read(file: Path) -> dict[str, Outline]:
    try:
        held = json.loads(file.read_text("utf-8"))
        if held["format"] != _FORMAT:
            return {}
        return {
            str(blob_id): Outline(tuple(map(str, definitions)), tuple(map(str, imports)))
            for blob_id, (definitions, imports) in held["outlines"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".outlines-")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
