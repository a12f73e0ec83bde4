"""Edit blocks: a file's path, and after it a fence with the file, SEARCH/REPLACE, or a symbol."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from mai.edits.diffs import Budget, parse_diffs, starts_diff
from mai.edits.fences import Fence, find_fences, is_fence
from mai.edits.labels import beside, label
from mai.edits.markers import halves, is_loose_marker, is_search, is_tag, search_end
from mai.edits.nouns import Edit, SearchReplace, SymbolEdit, WholeFile
from mai.edits.paths import checked_path
from mai.edits.strays import refuse_strays
from mai.errors import EditError
from mai.text import one_line

_DIFF_LANGUAGES = frozenset({"diff", "patch", "udiff"})
_PYTHON = frozenset({"python", "py", "python3"})
# Blocks that show a command or what it printed. Without a path they change nothing; a block of
# any other kind without a path is a change whose place is unknown, and must not be dropped.
_SHOWN_ONLY = frozenset(
    {"bash", "sh", "shell", "zsh", "console", "shell-session", "powershell", "text", "output"}
)
_ACTIONS = frozenset({"replace", "insert-after", "delete"})
_COMMENT_PATH = re.compile(r"\s*(?:#|//|--|;|/\*|<!--)\s*(\S+)\s*(?:\*/|-->)?\s*")
_MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
_BEFORE_FENCE = "put the file's path alone on the line before the fence"


def parse_blocks(lines: Sequence[str], budget: Budget) -> list[Edit]:
    """Read every edit block, and every fenced diff, of a reply; prose around them is skipped.

    Raises:
        EditError: a block's kind, path or end cannot be told for certain.
    """
    edits: list[Edit] = []
    previous_end = -1
    searched = ""
    fences = find_fences(lines)
    _refuse_loose(lines, fences)
    unplaced: list[EditError] = []
    for number, fence in enumerate(fences):
        block = _Block(lines, fence, previous_end, searched)
        following = fences[number + 1] if number + 1 < len(fences) else None
        named = block.name_alone()
        if named and following and following.start == fence.end + 1:
            # The path in a fence of its own, and right after it the block that it names.
            searched = named
            continue
        try:
            made = list(block.diffs(budget) if block.is_diff else block.edits())
        except _UnplacedError as error:
            unplaced.append(error)
            made = []
        if not made:
            block.refuse_strays()
        edits.extend(made)
        previous_end = fence.end
        # A SEARCH that names no file goes on in the file of the one before.
        searched = edits[-1].path if edits and isinstance(edits[-1], SearchReplace) else ""
    # Who writes changes as SEARCH blocks shows with any other how to call them or what they print.
    if unplaced and not (edits and all(isinstance(one, SearchReplace) for one in edits)):
        raise unplaced[0]
    return edits


class _UnplacedError(EditError):
    """A block without a path, which may be a change or may only be shown."""


def _refuse_loose(lines: Sequence[str], fences: Sequence[Fence]) -> None:
    """Raise where a part of a patch or a marker is outside the fences: it would be skipped."""
    inside = {at for fence in fences for at in range(fence.start, fence.end + 1)}
    refuse_strays([b"" if at in inside else line.encode() for at, line in enumerate(lines)])


class _Block:
    def __init__(
        self, lines: Sequence[str], fence: Fence, previous_end: int, searched: str
    ) -> None:
        self._fence = fence
        self._searched = searched
        self._after = lines[fence.end + 1] if fence.end + 1 < len(lines) else ""
        first, last = (
            (fence.start, fence.end + 1) if fence.is_bare else (fence.start + 1, fence.end)
        )
        self._first = first
        self._lines = [_unindented(line, fence.indent) for line in lines[first:last]]
        self._language = fence.info.split()[0].lower() if fence.info else ""
        start = fence.start
        # A tag in place of a fence, or a fence that stands there twice.
        before = lines[start - 1] if start - 1 > previous_end else ""
        if is_tag(before) or (is_fence(before) and not fence.is_bare):
            start -= 1
        self._label = _label_before(lines, start, previous_end)

    def _error(self, message: str, at: int | None = None) -> EditError:
        line = self._fence.start if at is None else self._first + at
        return EditError(f"Line {line + 1}: {message}")

    @property
    def is_diff(self) -> bool:
        """Whether the block is a diff rather than a file that happens to look like one."""
        suffix = PurePosixPath(self._label or "").suffix
        if suffix in {".diff", ".patch"}:
            return False
        if self._language in _DIFF_LANGUAGES:
            return True
        at = self._first_filled()
        encoded = [line.encode() for line in self._lines[at : at + 3]]
        return self._label is None and bool(encoded) and starts_diff(encoded, 0)

    def _first_filled(self) -> int:
        filled = (at for at, line in enumerate(self._lines) if line.strip())
        return next(filled, len(self._lines))

    def diffs(self, budget: Budget) -> Sequence[Edit]:
        lines = [line.encode() for line in self._lines]
        return parse_diffs(lines, self._first + 1, budget, is_fenced=True)

    def edits(self) -> Iterator[Edit]:
        first = self._first_filled()
        markers = [at for at, line in enumerate(self._lines) if is_search(line)]
        if "symbol=" in self._fence.info:
            yield self._symbol()
        elif markers and (markers[0] == first or self._is_label(first, markers[0])):
            yield from self._searches(first, markers[0])
        elif markers:
            raise self._error("this block has both a SEARCH marker and text before it.", markers[0])
        elif self._has_loose_marker():
            raise self._error(
                "this block begins or ends with a marker of SEARCH and REPLACE, and the others are "
                "missing or misspelt; each stands alone at the beginning of its line."
            )
        elif path := self._path():
            yield self._whole(path, 0)
        elif inside := self._path_inside(first):
            yield self._whole(inside, first + 1)
        elif self._language not in _SHOWN_ONLY:
            raise _UnplacedError(str(self._error(self._no_path(first))))

    def refuse_strays(self) -> None:
        """Raise where a block that is passed over shows a part of a patch."""
        lines = [line.encode() for line in self._lines]
        refuse_strays(lines, self._first + 1, takes_commands=self._language in _SHOWN_ONLY)

    def _is_label(self, at: int, marker: int) -> bool:
        between = self._lines[at + 1 : marker]
        return label(self._lines[at]) is not None and not any(line.strip() for line in between)

    def name_alone(self) -> str | None:
        """Return the path that is all there is in a block that nothing else names."""
        filled = [line for line in self._lines if line.strip()]
        is_named = self._label is not None or self._fence.is_bare or len(filled) != 1
        return None if is_named else label(filled[0])

    def _has_loose_marker(self) -> bool:
        """Whether a block that reads as a whole file was meant as SEARCH and REPLACE."""
        filled = [line for line in self._lines if line.strip()]
        return bool(filled) and (is_loose_marker(filled[0]) or is_loose_marker(filled[-1]))

    def _path(self, inside: str | None = None) -> str | None:
        """Return the path that the line before, the info string and the block itself agree on."""
        try:
            named = {name for name in (self._label, beside(self._fence.info), inside) if name}
        except ValueError as error:
            raise self._error("the fence names several files.") from error
        if len(named) > 1:
            raise self._error(f"the block is named twice, and not alike; {_BEFORE_FENCE}.")
        path = next(iter(named), None)
        if path is None or not self._fits_language(path):
            return None
        return checked_path(path)

    def _path_inside(self, first: int) -> str | None:
        """Return the path that stands alone on a block's first line, where it can be nothing else.

        A block without a language may be a listing of files, so it must be said to be code.
        """
        rest = [line for line in self._lines[first + 1 :] if line.strip()]
        is_code = self._language in _PYTHON and first < len(self._lines) and bool(rest)
        path = label(self._lines[first]) if is_code else None
        # A comment with a path may be the file's own, or head a piece of it: that is asked about.
        is_bare = path is not None and not self._lines[first].lstrip().startswith("#")
        is_module = path is not None and path.endswith((".py", ".pyi"))
        is_meant = is_bare and is_module and label(rest[0]) is None
        return checked_path(path) if path and is_meant else None

    def _fits_language(self, path: str) -> bool:
        # Before a fence of Python, `Class.method` is what the block is about, not a file.
        name = PurePosixPath(path).name
        is_file = "/" in path or "." not in name or ".py" in name
        return self._language not in _PYTHON or is_file

    def _no_path(self, first: int) -> str:
        comment = _COMMENT_PATH.fullmatch(self._lines[first]) if first < len(self._lines) else None
        if comment and label(comment[1]):
            return (
                f"the path {one_line(comment[1])} stands in a comment inside the block, where it "
                f"would become part of the file; {_BEFORE_FENCE}."
            )
        return f"it is not said which file this block is; {_BEFORE_FENCE}."

    def _whole(self, path: str, start: int) -> WholeFile:
        is_markdown = PurePosixPath(path).suffix.lower() in _MARKDOWN
        if is_markdown and self._after.strip():
            raise self._error(
                f"{one_line(path)} may end too early, at a fence of its own; "
                "put more backticks around the outer block, and an empty line after it."
            )
        lines = self._lines[start:]
        if any("\0" in line for line in lines):
            raise self._error("a block cannot hold a binary file.")
        return WholeFile(path, _text(lines).encode())

    def _searches(self, first: int, marker: int) -> Iterator[SearchReplace]:
        inside = label(self._lines[first]) if first < marker else None
        path = self._path(inside) or self._searched
        if not path:
            raise self._error(f"it is not said which file this SEARCH is for; {_BEFORE_FENCE}.")
        at = marker
        while at < len(self._lines):
            if is_search(self._lines[at]):
                edit, at = self._search(path, at)
                yield edit
            elif self._lines[at].strip():
                raise self._error("this line is neither in SEARCH nor in REPLACE.", at)
            at += 1

    def _search(self, path: str, start: int) -> tuple[SearchReplace, int]:
        end = search_end(self._lines, start, is_fenced=not self._fence.is_bare)
        try:
            search, replace = halves(self._lines, start, end)
        except EditError as error:
            raise self._error(str(error), start) from error
        return SearchReplace(path, _text(search), _text(replace)), end

    def _symbol(self) -> SymbolEdit:
        given: dict[str, str] = {}
        for word in self._fence.info.split():
            key, equals, value = word.partition("=")
            if equals and (key not in {"symbol", "action"} or key in given):
                raise self._error(f"the fence's {one_line(word)} is not understood.")
            if equals:
                given[key] = value
        symbol, action = given.get("symbol", ""), given.get("action", "replace")
        source = _text(self._lines)
        if self._language not in _PYTHON:
            raise self._error("a symbol's fence must start with the word python.")
        if not all(part.isidentifier() for part in symbol.split(".")):
            raise self._error(f"{one_line(symbol) or 'nothing'} is not the name of a symbol.")
        if action not in _ACTIONS:
            raise self._error(f"{one_line(action)} is none of {', '.join(sorted(_ACTIONS))}.")
        if bool(source.strip()) == (action == "delete"):
            raise self._error(f"to {action} a symbol, the block must be " + _FILLING[action])
        return SymbolEdit(self._path(), symbol, "" if action == "delete" else source, action)


_FILLING = {"delete": "empty.", "replace": "its source.", "insert-after": "the new source."}


def _text(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _label_before(lines: Sequence[str], start: int, previous_end: int) -> str | None:
    """Return the path on the line before `start`; one blank line may be between."""
    at = start - 1
    if at > previous_end and not lines[at].strip():
        at -= 1
    return label(lines[at]) if at > previous_end else None


def _unindented(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]
