"""Where a diff's hunks go in the file: where they say, else where alone they fit."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence

from mai.edits.lines import Effort, LineIndex, Span, line_end, spliced, split, without_end
from mai.edits.nearest import nearest
from mai.edits.nouns import Hunk
from mai.errors import EditError

Key = Callable[[bytes], bytes]


def patched_text(data: bytes, hunks: Sequence[Hunk], path: str) -> bytes:
    """Return `data` with every hunk applied. All hunks are against `data` as it is.

    A hunk is first compared byte for byte. Where it fits nowhere, line ends are left out of the
    comparison, and the file keeps its own: a model is shown neither carriage returns nor whether
    the last line ends.

    Raises:
        EditError: a hunk fits nowhere, or in several places and not where it says, or two hunks
            change the same line.
    """
    try:
        return _patched(data, hunks, path)
    except EditError:
        # Who made the diff may not have seen the mark that the file begins with.
        if not data.startswith(BOM_UTF8) or _has_mark(hunks):
            raise
    return BOM_UTF8 + _patched(data.removeprefix(BOM_UTF8), hunks, path)


def _patched(data: bytes, hunks: Sequence[Hunk], path: str) -> bytes:
    lines = split(data)
    places = _Places(lines, path)
    spans = [span for hunk in hunks for span in places.spans(hunk)]
    return b"".join(spliced(lines, spans, path))


def _has_mark(hunks: Sequence[Hunk]) -> bool:
    return any(line.data.startswith(BOM_UTF8) for hunk in hunks for line in hunk.lines)


class _Places:
    def __init__(self, lines: Sequence[bytes], path: str) -> None:
        self._lines = lines
        self._path = path
        self._effort = Effort(path)
        self._keyed: dict[Key, tuple[list[bytes], LineIndex[bytes] | None]] = {}

    def spans(self, hunk: Hunk) -> list[Span]:
        exact = self._find(hunk, _as_is)
        if exact is not None:
            return _runs(hunk, exact, self._what(hunk))
        loose = self._find(hunk, _without_return if hunk.has_end_marker else without_end)
        if loose is None:
            raise EditError(
                f"{self._path}: {self._what(hunk)} does not fit. "
                + nearest(_texts(self._lines), _texts(hunk.old))
            )
        end = line_end(self._lines)
        return _runs(hunk, loose, self._what(hunk), end, keeps_end=not hunk.has_end_marker)

    def _what(self, hunk: Hunk) -> str:
        return f"the hunk on line {hunk.line} of the diff"

    def _find(self, hunk: Hunk, key: Key) -> int | None:
        """Return where the hunk's old lines start, None where they are nowhere."""
        old = [key(line) for line in hunk.old]
        if not old:
            return self._insertion(hunk)
        keys, index = self._keyed.get(key) or ([key(line) for line in self._lines], None)
        stated = None if hunk.old_start is None else max(hunk.old_start - 1, 0)
        if stated is not None and keys[stated : stated + len(old)] == old:
            self._keyed[key] = (keys, index)
            return stated
        index = index or LineIndex(keys, self._effort)
        self._keyed[key] = (keys, index)
        found = index.find(old)
        if len(found) > 1:
            places = ", ".join(str(at + 1) for at in found)
            raise EditError(
                f"{self._path}: {self._what(hunk)} fits in several places, lines {places}."
            )
        return found[0] if found else None

    def _insertion(self, hunk: Hunk) -> int:
        """Return where a hunk without any old line goes: its header alone can say."""
        if not self._lines:
            return 0
        is_stated = hunk.old_count == 0 and hunk.old_start is not None
        if not is_stated or hunk.old_start is None or hunk.old_start > len(self._lines):
            raise EditError(
                f"{self._path}: {self._what(hunk)} has no line of the file to tell its place by."
            )
        return hunk.old_start


def _as_is(line: bytes) -> bytes:
    return line


def _without_return(line: bytes) -> bytes:
    return line.replace(b"\r\n", b"\n")


def _texts(lines: Sequence[bytes]) -> list[str]:
    return [line.decode("utf-8", "replace") for line in lines]


def _runs(
    hunk: Hunk, start: int, what: str, new_end: bytes | None = None, *, keeps_end: bool = False
) -> list[Span]:
    """Return the hunk's changes without its context, which two hunks may share."""
    spans: list[Span] = []
    at = run_start = start
    new: list[bytes] = []
    for line in hunk.lines:
        if line.kind == " ":
            if new or at > run_start:
                spans.append(Span(run_start, at, tuple(new), what, keeps_end))
            at += 1
            run_start, new = at, []
        elif line.kind == "-":
            at += 1
        else:
            has_end = line.data.endswith(b"\n")
            new.append(without_end(line.data) + new_end if new_end and has_end else line.data)
    if new or at > run_start:
        spans.append(Span(run_start, at, tuple(new), what, keeps_end))
    return spans
