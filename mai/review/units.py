"""Split a change into what one question can be about: a function before and after, or a hunk."""

from __future__ import annotations

import ast
import difflib
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mai.proposal import FileChange

#: A longer function is shown as its changed lines and some around them.
MOST_LINES = 60
CONTEXT_LINES = 8
#: Of a longer file hunks are shown.
MOST_CHARACTERS = 200_000

Read = Callable[[str], bytes | None]
_Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Unit:
    """One place of a change. `line` is the new file's, or the old one's where all of it went."""

    path: str
    line: int
    before: str
    after: str


def units_of(files: Sequence[FileChange], before: Read, after: Read) -> list[Unit] | None:
    """Return the places that `files` change, None where something changed that is no text.

    `before` and `after` read a path on the two sides. A function that changed is one unit; what
    changed outside of functions, and in files of other languages, is a unit for each hunk.
    """
    found: list[Unit] = []
    for change in files:
        old_path = change.old_path or change.path
        old, new = _text(before(old_path)), _text(after(change.path))
        if change.is_binary or old is None or new is None:
            return None
        found += _units(change.path, old, new)
    return found


def _text(data: bytes | None) -> str | None:
    if data is None:
        return ""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _units(path: str, old: str, new: str) -> Iterator[Unit]:
    old_lines, new_lines = old.split("\n"), new.split("\n")  # as git and `ast` count lines
    old_spans = _functions(path, old)
    new_spans = _functions(path, new)
    done_old: set[int] = set()
    done_new: set[int] = set()
    for name in dict.fromkeys((*new_spans, *old_spans)):
        was, now = old_spans.get(name), new_spans.get(name)
        before = _cut(old_lines, was)
        after = _cut(new_lines, now)
        if max(len(before), len(after)) > MOST_LINES:
            continue
        done_old.update(range(*was) if was else ())
        done_new.update(range(*now) if now else ())
        if before != after:
            at = now or was or (0, 0)
            yield Unit(path, at[0] + 1, _joined(before), _joined(after))
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        changed_old = {at for tag, i, j, _, _ in group if tag != "equal" for at in range(i, j)}
        changed_new = {at for tag, _, _, i, j in group if tag != "equal" for at in range(i, j)}
        rest = [old_lines[at] for at in changed_old - done_old]
        rest += [new_lines[at] for at in changed_new - done_new]
        if not any(line.strip() for line in rest):
            continue
        first, last = group[0], group[-1]
        before, after = old_lines[first[1] : last[2]], new_lines[first[3] : last[4]]
        line = min(changed_new or {first[3]}) + 1
        yield Unit(path, line, _joined(before), _joined(after))


def _functions(path: str, text: str) -> dict[str, tuple[int, int]]:
    """Return, by qualified name, first line (from 0) and end of every outermost function."""
    if not path.endswith(".py") or len(text) > MOST_CHARACTERS:
        return {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a repo's invalid escapes
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return dict(_named(tree.body, ""))


def _named(body: Sequence[ast.stmt], prefix: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for node in body:
        if isinstance(node, _Definition):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            yield prefix + node.name, (first - 1, node.end_lineno or node.lineno)
        elif isinstance(node, ast.ClassDef):
            yield from _named(node.body, f"{prefix}{node.name}.")


def _cut(lines: Sequence[str], span: tuple[int, int] | None) -> Sequence[str]:
    return lines[span[0] : span[1]] if span else ()


def _joined(lines: Sequence[str]) -> str:
    return textwrap.dedent("\n".join(lines))
