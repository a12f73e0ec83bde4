"""A file as lines: finding a run of them, replacing runs, and how its lines end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mai.errors import EditError

Key = TypeVar("Key", str, bytes)

# How many lines may be compared to place the edits of one file. A file of a million like lines
# and a hunk of thousands of them would otherwise take hours.
_COMPARISONS = 20_000_000
_SHOWN_PLACES = 5


class Effort:
    """Counts the lines compared for one file, and stops where that gets out of hand."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._left = _COMPARISONS

    def spend(self, line_count: int) -> None:
        """Note that `line_count` lines were compared.

        Raises:
            EditError: it was too many.
        """
        self._left -= line_count
        if self._left < 0:
            raise EditError(f"{self._path} has too many places that look alike to place the edits.")


class LineIndex(Generic[Key]):
    """Finds runs of lines by their rarest line. `keys` are the lines in the form compared."""

    def __init__(self, keys: Sequence[Key], effort: Effort) -> None:
        self._keys: list[Key] = list(keys)
        self._effort = effort
        self._places: dict[Key, list[int]] = defaultdict(list)
        for at, key in enumerate(keys):
            self._places[key].append(at)

    def find(self, wanted: Sequence[Key], fits: Callable[[int], bool] | None = None) -> list[int]:
        """Return where the run `wanted` starts: every place, up to a handful.

        `fits` may turn a place down.
        """
        if not wanted or any(key not in self._places for key in wanted):
            return []
        offset = min(range(len(wanted)), key=lambda at: len(self._places[wanted[at]]))
        found: list[int] = []
        for place in self._places[wanted[offset]]:
            start = place - offset
            self._effort.spend(len(wanted))
            if start < 0 or self._keys[start : start + len(wanted)] != list(wanted):
                continue
            if fits is None or fits(start):
                found.append(start)
            if len(found) >= _SHOWN_PLACES:
                break
        return found


@dataclass(frozen=True, slots=True)
class Span:
    """Replaces `lines[start:end]` by `new`; `what` names the edit for a message.

    `keeps_end`: the last line of the file keeps having, or lacking, its line feed whatever `new`
    says, because the edit's author could not see it.
    """

    start: int
    end: int
    new: tuple[bytes, ...]
    what: str
    keeps_end: bool = False


def split(data: bytes) -> list[bytes]:
    """Return the lines of `data` with their ends. Only a line feed ends a line, as in git."""
    return data.splitlines(keepends=True) if b"\r" not in data else _split_at_feeds(data)


def _split_at_feeds(data: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def spliced(lines: Sequence[bytes], spans: Iterable[Span], path: str) -> list[bytes]:
    """Return `lines` with every span replaced.

    Raises:
        EditError: two spans change the same line, or two insert at one place, so that the order
            decides; or a line inside the file would lack its end.
    """
    made: list[bytes] = []
    position = 0
    previous: Span | None = None
    keeps_end = False
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if previous and (span.start < previous.end or _insert_together(previous, span)):
            raise EditError(
                f"{path}: {previous.what} and {span.what} both change line {span.start + 1}."
            )
        made += lines[position : span.start]
        made += span.new
        position = span.end
        keeps_end = keeps_end or (span.keeps_end and span.end == len(lines))
        previous = span
    made += lines[position:]
    return _with_end_kept(made, lines) if keeps_end else _checked(made, path)


def _insert_together(one: Span, other: Span) -> bool:
    return one.start == one.end == other.start == other.end


def _checked(made: list[bytes], path: str) -> list[bytes]:
    for line in made[:-1]:
        if not line.endswith(b"\n"):
            raise EditError(f"{path}: the change would leave a line without its end in the middle.")
    return made


def _with_end_kept(made: list[bytes], base: Sequence[bytes]) -> list[bytes]:
    feed = line_end(base)
    ended = [line if line.endswith(b"\n") else line + feed for line in made]
    if ended and base and not base[-1].endswith(b"\n"):
        ended[-1] = without_end(ended[-1])
    return ended


def without_end(line: bytes) -> bytes:
    """Return a line without its line feed, and without the carriage return before that."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def line_end(lines: Sequence[bytes]) -> bytes:
    """Return what ends most of `lines`: a line feed, or that with a carriage return before it."""
    ended = [line for line in lines if line.endswith(b"\n")]
    returns = sum(line.endswith(b"\r\n") for line in ended)
    return b"\r\n" if returns * 2 > len(ended) else b"\n"
