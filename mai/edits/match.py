"""Where the lines of a SEARCH block stand in a file, although a model rarely copies exactly.

Four comparisons, each laxer than the one before: exact; without trailing space; with all lines
shifted by one indentation; with typographic punctuation taken for plain. The first that finds
anything decides, and it must find exactly one place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mai.edits.elision import elided
from mai.edits.lines import Effort, LineIndex
from mai.edits.nearest import nearest
from mai.errors import EditError

_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′ʼ", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2008\u2009\u200a\u202f\u3000", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
        "…": "...",
    }
)
_INDENT = re.compile(r"[ \t]*")
_PAIRS_COMPARED = 40_000  # difflib's time grows with the square of this at worst


@dataclass(frozen=True, slots=True)
class Match:
    """A SEARCH block found at `lines[start:end]`, and what to put there, lines without ends."""

    start: int
    end: int
    new: tuple[str, ...]


class Matcher:
    """Finds SEARCH blocks in one file. `lines` are its lines without their ends."""

    def __init__(self, lines: Sequence[str], path: str) -> None:
        self._lines = lines
        self._path = path
        self._effort = Effort(path)
        self._indexes: dict[Callable[[str], str], LineIndex[str]] = {}

    def match(
        self,
        search: Sequence[str],
        replace: Sequence[str],
        fits: Callable[[int], bool] = lambda _start: True,
        *,
        takes_first: bool = False,
    ) -> Match:
        """Return where `search` stands and the lines that `replace` puts there.

        `fits` may turn down the index of a line where it could begin. `takes_first`: something
        else has told where to look, so that the first of several places is the one.

        Where the comparison was lax, lines that `replace` has unchanged stay as the file has them,
        and the others are shifted to the file's indentation.

        Raises:
            EditError: it is nowhere, or in several places; the sentence has the line numbers.
        """
        size = len(search)
        for key in (_exact, str.rstrip, _stripped, _plain):
            found = self._find(search, key, fits)
            if len(found) > 1 and not takes_first:
                raise self._ambiguous(found)
            if found:
                base = self._lines[found[0] : found[0] + size]
                new = replace if key is _exact else _adapted(base, search, replace, key)
                return Match(found[0], found[0] + size, tuple(new))
        if line := elided(search):
            raise EditError(
                f"{self._path}: the SEARCH text leaves lines out ({line}); "
                "every line must stand there, or use several smaller blocks."
            )
        raise EditError(
            f"{self._path}: the SEARCH text is not in the file. " + nearest(self._lines, search)
        )

    def _find(
        self, search: Sequence[str], key: Callable[[str], str], fits: Callable[[int], bool]
    ) -> list[int]:
        if key not in self._indexes:
            self._indexes[key] = LineIndex([key(line) for line in self._lines], self._effort)
        if key in {_exact, str.rstrip}:
            return self._indexes[key].find([key(line) for line in search], fits)

        def is_shifted(start: int) -> bool:
            base = self._lines[start : start + len(search)]
            return fits(start) and _shift(base, search) is not None

        return self._indexes[key].find([key(line) for line in search], is_shifted)

    def _ambiguous(self, found: Sequence[int]) -> EditError:
        places = ", ".join(str(at + 1) for at in found)
        return EditError(
            f"{self._path}: the SEARCH text is in several places, lines {places}; "
            "it needs more of the lines around it."
        )


def _exact(line: str) -> str:
    return line


def _stripped(line: str) -> str:
    return line.strip(" \t")


def _plain(line: str) -> str:
    return line.translate(_PUNCTUATION).strip()


@dataclass(frozen=True, slots=True)
class _Shift:
    """What must be put before, or taken off, every line to come to the file's indentation."""

    add: str = ""
    remove: str = ""

    def apply(self, line: str) -> str:
        if not line.strip():
            return line
        if self.remove and not line.startswith(self.remove):
            raise EditError(
                "A REPLACE line is indented less than its SEARCH, which is indented more than the "
                "file; the indentation cannot be told."
            )
        return self.add + line.removeprefix(self.remove)


def _indent(line: str) -> str:
    match = _INDENT.match(line.translate(_PUNCTUATION))
    return match.group() if match else ""


def _shift(base: Sequence[str], search: Sequence[str]) -> _Shift | None:
    """Return the one shift between the indentations of two runs of lines, None if there is none."""
    shift: _Shift | None = None
    for ours, theirs in zip(base, search, strict=True):
        if not ours.strip() or not theirs.strip():
            continue
        is_deeper = len(_indent(ours)) >= len(_indent(theirs))
        deep, shallow = (
            (_indent(ours), _indent(theirs)) if is_deeper else (_indent(theirs), _indent(ours))
        )
        if not deep.endswith(shallow):
            return None
        extra = deep[: len(deep) - len(shallow)]
        this = _Shift(add=extra) if is_deeper else _Shift(remove=extra)
        if shift is not None and this != shift:
            return None
        shift = this
    return shift or _Shift()


def _adapted(
    base: Sequence[str], search: Sequence[str], replace: Sequence[str], key: Callable[[str], str]
) -> list[str]:
    """Return `replace` with the file's own version of every line it shares with `search`."""
    shift = _shift(base, search) if key in {_stripped, _plain} else _Shift()
    shift = shift or _Shift()
    foreign = _foreign(base, search) if key is _plain else {}
    new: list[str] = []
    for tag, start, end, replace_start, replace_end in opcodes(search, replace):
        if tag == "equal":
            new += base[start:end]
        else:
            lines = replace[replace_start:replace_end]
            new += [shift.apply(line.translate(foreign)) for line in lines]
    return new


def _foreign(base: Sequence[str], search: Sequence[str]) -> dict[int, str]:
    """Return how to write plainly the typography that the block has and the file has not."""
    ours = set("".join(base))
    theirs = set("".join(search))
    table: dict[int, str] = _PUNCTUATION
    return {code: plain for code, plain in table.items() if chr(code) in theirs - ours}


def opcodes(search: Sequence[str], replace: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    """Return what turns `search` into `replace`, in difflib's form.

    Equal ends are found first; a middle too large for difflib is one replacement.
    """
    shorter = min(len(search), len(replace))
    head = next((at for at in range(shorter) if search[at] != replace[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if search[-1 - at] != replace[-1 - at]), rest)
    old, new = search[head : len(search) - tail], replace[head : len(replace) - tail]
    middle: list[tuple[str, int, int, int, int]] = [("replace", 0, len(old), 0, len(new))]
    if len(old) * len(new) <= _PAIRS_COMPARED:
        matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
        middle = list(matcher.get_opcodes())
    moved = [(tag, a + head, b + head, c + head, d + head) for tag, a, b, c, d in middle]
    search_tail, replace_tail = len(search) - tail, len(replace) - tail
    return [
        ("equal", 0, head, 0, head),
        *moved,
        ("equal", search_tail, len(search), replace_tail, len(replace)),
    ]
