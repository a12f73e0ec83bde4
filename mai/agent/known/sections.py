"""An answer that holds some sections of a document: those that it leaves out stay as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HEADING = re.compile(r"(?P<marks>#{1,6}) +\S.*")
_FENCE = re.compile(r"\s{0,3}(?:`{3,}|~{3,})")
_DROPS = re.compile(r"\b(?:remove|delete|drop|shorten|replace|rewrite)", re.IGNORECASE)
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is below it up to the next. `path` is it and the headings above it.

    What comes before the first heading has an empty path.
    """

    path: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def body(self) -> list[str]:
        """The lines below the heading that are not blank."""
        lines = self.lines[1:] if self.path else self.lines
        return [line.strip() for line in lines if line.strip()]


def sections(text: str) -> list[Section]:
    """Return the sections of a Markdown document, in order."""
    found: list[Section] = []
    path: tuple[str, ...] = ()
    lines: list[str] = []
    is_code = False
    for line in text.strip("\n").split("\n"):
        if _FENCE.match(line):
            is_code = not is_code
        match = None if is_code else _HEADING.fullmatch(line.rstrip())
        if match:
            if lines:
                found.append(Section(path, tuple(lines)))
            level = len(match["marks"])
            above = tuple(one for one in path if len(one.partition(" ")[0]) < level)
            path, lines = (*above, line.rstrip()), []
        lines.append(line)
    if lines:
        found.append(Section(path, tuple(lines)))
    return found


def with_the_rest(old: str, new: str, task: str) -> str:
    """Return `new` with those sections of `old` that it left out, each before what followed it.

    Where the task takes something away, or what is missing is there under another heading, the
    answer is left as it is.
    """
    before = sections(old)
    after = [_named(one, before) for one in sections(new)]
    if _DROPS.search(task) or not any(one.path for one in after):
        return new
    kept = {one.path for one in after}
    lost = _lost(before, after)
    if not lost or not any(one.path in kept for one in before):
        return new
    made = list(after)
    for section in lost:
        behind = before[before.index(section) + 1 :]
        follower = next((one.path for one in behind if one.path in kept), None)
        at = next((at for at, one in enumerate(made) if one.path == follower), len(made))
        made.insert(at, section)
    return "\n".join(_joined(made)).strip("\n") + "\n"


def _named(section: Section, before: Sequence[Section]) -> Section:
    """Return a section with the path of the one heading of `before` that is called the same."""
    same = {one.path for one in before if section.path and one.path[-1:] == section.path[-1:]}
    is_alone = len(section.path) == 1 and len(same) == 1
    return Section(same.pop(), section.lines) if is_alone else section


def _lost(before: Sequence[Section], after: Sequence[Section]) -> list[Section]:
    """Return the sections of `before` that `after` lacks, a mere heading only above another."""
    kept = {one.path for one in after}
    there = {line for one in after for line in one.body}
    lost = [
        one
        for one in before
        if one.path not in kept
        and one.body
        and sum(line in there for line in one.body) < _HALF * len(one.body)
    ]
    above = {one.path[:depth] for one in lost for depth in range(1, len(one.path))}
    return [one for one in before if one in lost or (one.path in above and one.path not in kept)]


def _joined(made: Sequence[Section]) -> list[str]:
    lines: list[str] = []
    for section in made:
        if lines and lines[-1].strip():
            lines.append("")
        lines += section.lines
    return lines
