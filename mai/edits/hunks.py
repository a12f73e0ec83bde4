"""The body of a diff: hunks, read by their counts where those hold, else by their look.

Models miscount. A hunk whose counts hold is read by them, because only they tell a removed line
`-- x` from the next file's `--- x`. Where they do not hold, the hunk goes on for as long as lines
look like a hunk's, and must end where a person too would see an end; anything else is refused
rather than cut short, because half a hunk may well apply.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mai.edits.nouns import Hunk, HunkLine
from mai.errors import EditError
from mai.hunk_headers import read_hunk_header

# What models write where they know no numbers.
_BARE_HEADER = re.compile(rb"@@(?: ?(?:\.\.\.)? ?@@.*)?\s*")
_VERSION = re.compile(rb"\d+\.\d+")
# The name of a side, as programs write it.
_NAME = re.compile(rb"... (?:[abciow]/\S|/dev/null\Z|\S+\t)")
_BULLET = re.compile(rb"[-+] \S")

_STRIPPED = frozenset({b"", b"\r"})

Body = tuple[list[HunkLine], int]


def starts_file(lines: Sequence[bytes], at: int) -> bool:
    """Whether the header of a file's diff starts at `lines[at]`; false past the end."""
    if at >= len(lines):
        return False
    line = lines[at]
    if line.startswith(b"diff --git "):
        return True
    return (
        line.startswith(b"--- ")
        and at + 2 < len(lines)
        and lines[at + 1].startswith(b"+++ ")
        and lines[at + 2].startswith(b"@@")
    )


class HunkReader:
    """Reads hunks out of the lines of a patch.

    `lines` are without line feeds; `first_line` is the number of `lines[0]` in the reply. In a
    fence nothing but diff may stand, so that less has to be guessed.
    """

    def __init__(self, lines: Sequence[bytes], first_line: int, *, is_fenced: bool) -> None:
        self._lines = lines
        self._first_line = first_line
        self._is_fenced = is_fenced

    def is_signature(self, at: int) -> bool:
        """Whether git-format-patch's `-- ` and its version, or the end, stand at `at`."""
        if self._line(at).rstrip() != b"--":
            return False
        following = self._line(at + 1)
        return not following.strip() or bool(_VERSION.match(following))

    def read_all(self, at: int, *, is_git: bool) -> tuple[tuple[Hunk, ...], int]:
        """Read the hunks that start at `at`; return them and the index after the last.

        Raises:
            EditError: one cannot be read for certain. The sentence names its line.
        """
        hunks = []
        while self._line(at).startswith(b"@@"):
            hunk, at = self._read(at, is_git=is_git)
            hunks.append(hunk)
        return tuple(hunks), at

    def number(self, at: int) -> int:
        """Return the line number, in the reply, of `lines[at]`."""
        return self._first_line + at

    def _line(self, at: int) -> bytes:
        return self._lines[at] if at < len(self._lines) else b""

    def _read(self, at: int, *, is_git: bool) -> tuple[Hunk, int]:
        header, line = self._lines[at], self.number(at)
        if header.startswith(b"@@@"):
            raise EditError(f"Line {line}: a combined diff of a merge cannot be applied.")
        numbers = read_hunk_header(header.decode("latin-1"))
        start = count = None
        body: Body | None = None
        if numbers is not None:
            start, count = numbers.old_start, numbers.old_count
            body = self._counted(at + 1, count, numbers.new_count, is_git=is_git)
        elif not _BARE_HEADER.fullmatch(header):
            raise EditError(f"Line {line}: this hunk header cannot be read.")
        lines, end = body or self._by_look(at + 1)
        self._check(lines, line)
        has_end_marker = any(not one.data.endswith(b"\n") for one in lines)
        return Hunk(start, count, tuple(lines), line, has_end_marker), end

    def _counted(self, at: int, old: int, new: int, *, is_git: bool) -> Body | None:
        """Read a body by its counts; None where they cannot be right."""
        lines: list[HunkLine] = []
        while old > 0 or new > 0:
            line = self._line(at)
            kind = self._kind(at)
            # Without git's own header the next file's looks like a removed and an added line. A
            # count that is one too high on both sides is the commonest slip there is.
            if kind is None or (not is_git and starts_file(self._lines, at)):
                return None
            if kind == "\\":
                self._mark_end(lines, at)
            else:
                old -= kind != "+"
                new -= kind != "-"
                lines.append(_body_line(kind, line))
            at += 1
        if old < 0 or new < 0:
            return None
        if self._kind(at) == "\\":
            self._mark_end(lines, at)
            at += 1
        return (lines, at) if self._ends(at) else None

    def _ends(self, at: int) -> bool:
        """Whether a body that is complete by its counts looks complete too."""
        if at >= len(self._lines) or starts_file(self._lines, at) or self.is_signature(at):
            return True
        if self._lines[at].strip():
            return self._kind(at) is None
        while at < len(self._lines) and not self._lines[at].strip():
            at += 1
        if not self._is_fenced or at >= len(self._lines):
            return True
        return self._kind(at) is None or starts_file(self._lines, at) or self.is_signature(at)

    def _by_look(self, at: int) -> Body:
        """Read a body for as long as it looks like one."""
        lines: list[HunkLine] = []
        blank_count = 0
        while (
            at < len(self._lines) and not starts_file(self._lines, at) and not self.is_signature(at)
        ):
            line, kind = self._lines[at], self._kind(at)
            if kind is None:
                break
            if self._is_half_header(at):
                raise EditError(
                    f"Line {self.number(at)}: this may be a part of the hunk before it or of the "
                    "next file's header; the hunk's counts are wrong, so it cannot be told."
                )
            if kind == "\\":
                self._mark_end(lines, at)
            else:
                lines.append(_body_line(kind, line))
            blank_count = blank_count + 1 if not line.strip(b"\r") else 0
            at += 1
        if blank_count:
            del lines[-blank_count:]
        elif self._line(at) and not (
            starts_file(self._lines, at)
            or self.is_signature(at)
            or self._line(at).startswith(b"@@")
        ):
            raise EditError(
                f"Line {self.number(at)}: the hunk's counts are wrong and this line is not part "
                "of it, so its end cannot be told; every line must start with a space, + or -."
            )
        return lines, at

    def _is_half_header(self, at: int) -> bool:
        """Whether a line looks like the rest of a file's header of which a line was lost."""
        line = self._line(at).lstrip()
        if not line.startswith((b"--- ", b"+++ ")):
            return False
        following = [self._line(at + ahead).lstrip()[:4] for ahead in (1, 2)]
        return (
            _NAME.match(line) is not None
            or following[0] == b"+++ "
            or any(start[:2] == b"@@" for start in following)
        )

    def _kind(self, at: int) -> str | None:
        """Return the first character of a body's line, None for any other line and past the end."""
        if at >= len(self._lines):
            return None
        line = self._lines[at]
        # Editors and models strip the one space of an empty context line.
        first = line[:1] if line not in _STRIPPED else b" "
        return first.decode() if first in {b" ", b"+", b"-", b"\\"} else None

    def _mark_end(self, lines: list[HunkLine], at: int) -> None:
        if not lines or not lines[-1].data.endswith(b"\n"):
            raise EditError(f"Line {self.number(at)}: there is no line that could lack its end.")
        lines[-1] = HunkLine(lines[-1].kind, lines[-1].data[:-1])

    @staticmethod
    def _check(lines: list[HunkLine], line: int) -> None:
        if not lines:
            raise EditError(f"Line {line}: the hunk is empty.")
        for unlike in "+-":
            ending = [one.data.endswith(b"\n") for one in lines if one.kind != unlike]
            if not all(ending[:-1]):
                raise EditError(f"Line {line}: a line that is not the file's last lacks its end.")

    def is_stray(self, at: int) -> bool:
        """Whether a line between the diffs of two files looks like a lost part of a hunk."""
        line = self._lines[at]
        return bool(line.strip()) if self._is_fenced else is_body_line(line)


def is_body_line(line: bytes) -> bool:
    """Whether a line in prose looks like an added or removed one: no rule, and no bullet."""
    is_rule = not line.strip(b"-+ ")
    return line[:1] in {b"+", b"-"} and not is_rule and not _BULLET.match(line)


def _body_line(kind: str, line: bytes) -> HunkLine:
    return HunkLine(kind, (line if line in _STRIPPED else line[1:]) + b"\n")
