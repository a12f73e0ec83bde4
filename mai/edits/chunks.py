"""Where an envelope's chunks go in their file: by their lines, in order, or after an anchor."""

from __future__ import annotations

from collections.abc import Sequence

from mai.edits.elision import elided
from mai.edits.lines import Span, line_end, spliced
from mai.edits.match import Matcher
from mai.edits.nouns import Chunk, Update
from mai.edits.texts import opened, put, text
from mai.errors import EditError
from mai.text import one_line


def chunked(update: Update, base: bytes) -> bytes:
    """Return the content of a file after all chunks of `update`; its last line has an end then.

    Raises:
        EditError: it is binary, or a chunk stands nowhere, or in several places that nothing tells
            apart.
    """
    path = one_line(update.path)
    every = "".join(line for chunk in update.chunks for line in chunk.new)
    mark, lines = opened(base, path, every)
    placing = _Placing(lines, path)
    made = b"".join(spliced(lines, [placing.span(chunk) for chunk in update.chunks], path))
    is_unended = bool(update.chunks and made) and not made.endswith(b"\n")
    return mark + made + (line_end(lines) if is_unended else b"")


class _Placing:
    def __init__(self, lines: Sequence[bytes], path: str) -> None:
        self._lines = lines
        self._texts = [text(line) for line in lines]
        self._path = path
        self._matcher = Matcher(self._texts, path)
        self._next = 0

    def span(self, chunk: Chunk) -> Span:
        what = f"the chunk on line {chunk.line}"
        if line := elided(list(chunk.new), {line.strip() for line in chunk.old}):
            raise EditError(
                f"{self._path}: {what} leaves lines out ({line}); every line must stand there."
            )
        if chunk.starts_over:
            self._next = 0
        if not chunk.old:
            return self._added(chunk, what)
        anchored = self._after(chunk.anchors)
        least = self._next if anchored is None else anchored
        size, count = len(chunk.old), len(self._lines)

        def fits(start: int) -> bool:
            return start >= least and (not chunk.is_at_end or start + size == count)

        match = self._matcher.match(chunk.old, chunk.new, fits, takes_first=anchored is not None)
        self._next = match.end
        return put(match, self._lines, what)

    def _after(self, anchors: Sequence[str]) -> int | None:
        """Return the line after the last anchor, None where they do not name one place."""
        at = self._next
        for anchor in anchors:
            wanted = anchor.strip()
            found = [
                one for one in range(at, len(self._texts)) if self._texts[one].strip() == wanted
            ]
            if len(found) != 1:
                return None
            at = found[0] + 1
        return at if anchors else None

    def _added(self, chunk: Chunk, what: str) -> Span:
        """Return what a chunk without any old line puts at the end of the file."""
        if chunk.anchors and not chunk.is_at_end:
            raise EditError(
                f"{self._path}: {what} has no line of the file to tell its place by; show the "
                "lines before and after it."
            )
        end = line_end(self._lines)
        new = [line.encode() + end for line in chunk.new]
        last = len(self._lines)
        if self._lines and not self._lines[-1].endswith(b"\n"):
            # The line that was the last lacks its end, which it needs now.
            last -= 1
            new.insert(0, self._lines[-1] + end)
        self._next = len(self._lines)
        return Span(last, len(self._lines), tuple(new), what)
