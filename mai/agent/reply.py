"""Reading what a model answered: a title, a reason, and the edits as they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mai.text import one_line, prose
from mai.words import title_line

TITLE_CHARACTERS = 60
WHY_CHARACTERS = 600

_FIELD = re.compile(r"[ \t#*_>]*(?P<name>title|why)[ \t*_]*:[ \t*_]*(?P<text>.*)", re.IGNORECASE)
_FENCE = re.compile(r"[ \t]*(?:`{3,}|~{3,})(?P<info>.*)")
_DIFF = re.compile(r"diff --git |--- \S|@@ |\s*\*\*\* Begin Patch\s*$")
_SEARCH = re.compile(r"<{5,9} ?SEARCH>?\s*$|<(?:source|code|pre|codeblock|sourcecode)>\w*\s*$")
_NOTHING = frozenset({"none", "nothing", "no change", "n/a"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer taken apart. `title` and `why` may be empty; `edits` is text for `mai.edits`."""

    title: str
    why: str
    edits: str

    @property
    def is_nothing(self) -> bool:
        """Whether the model says that there is nothing to change."""
        return not self.edits and self.title.lower().rstrip(".") in _NOTHING


def read_reply(text: str) -> Reply:
    """Take an answer apart; what it lacks is empty.

    Only the lines before the first edit are looked at for title and reason, so that a file which
    holds a line `Title:` keeps it. Where the first edit is a block, the line before it goes along,
    because that is where its path stands.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    first = next((at for at, line in enumerate(lines) if _starts_edit(line)), len(lines))
    start = first
    if first < len(lines) and not _DIFF.match(lines[first]):
        before = [at for at in range(first) if lines[at].strip()]
        if before and not _FIELD.match(lines[before[-1]]):
            start = before[-1]
    fields = _fields(lines[:start])
    return Reply(
        title_line(fields.get("title", "").rstrip("*_ "), TITLE_CHARACTERS),
        prose(one_line(fields.get("why", "").rstrip("*_ "), WHY_CHARACTERS)),
        "\n".join(lines[start:]) if first < len(lines) else "",
    )


def _starts_edit(line: str) -> bool:
    return bool(_FENCE.match(line) or _SEARCH.match(line) or _DIFF.match(line))


def _fields(lines: list[str]) -> dict[str, str]:
    """Read `Title:` and `Why:`; the latter goes on until an empty line."""
    fields: dict[str, str] = {}
    current = ""
    for line in lines:
        match = _FIELD.match(line)
        if match:
            current = match.group("name").lower()
            fields.setdefault(current, match.group("text").strip())
        elif not line.strip():
            current = ""
        elif current == "why":
            fields["why"] += " " + line.strip()
    return fields
