"""Lines shaped like a part of some patch, wherever they are.

A tool that skips what it does not understand applies half of a change. `patch`, `git apply`, hg,
svn and bzr each understand forms that Mai does not read, so a line that looks like a header, a hunk
or a marker of any of them is allowed only where Mai reads it as one. Elsewhere it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mai.edits.markers import is_loose_marker
from mai.errors import EditError

# Blanks, byte order marks, controls and colours before the first visible ASCII character:
# patch(1) takes an indented diff for a diff.
_BEFORE = re.compile(rb"(?:\x1b\[[\d;]*[mK]|[^\x21-\x7e])*")
_RANGE = rb"\d+(?:,\d+)?"
_FORMS: dict[str, bytes] = {
    "the header of a file in a git diff": rb"diff --(?:git|cc|combined) ",
    "the header of a file in a unified diff": (rb"\+\+\+ \S|--- (?:[abciow]/\S|/dev/null|\S+\t)"),
    "the header of a hunk": rb"@@|## -%(r)s \+%(r)s ##" % {b"r": _RANGE},
    "a part of a context diff": (
        rb"\*{15}(?: .*)?\Z|\*\*\* %(r)s \*{4}|--- %(r)s -{4}" % {b"r": _RANGE}
    ),
    "a part of an envelope": (
        rb"\*\*\* (?:(?:Begin|End) Patch\Z|End of File\Z|(?:Add|Delete|Update) File:|Move to:)"
    ),
    "a header of git's": (
        rb"(?:old|new|deleted file|new file) mode [0-7]{6}\b|(?:rename|copy) (?:from|to) \S"
        rb"|(?:dis)?similarity index \d+%|index [0-9a-f]+\.\.[0-9a-f]+\b"
        rb"|GIT binary patch\Z|(?:literal|delta) \d+\Z"
    ),
    "a change that the text names and does not hold": (
        rb"Binary files? .+ (?:differ|has changed)|Files .+ and .+ differ\Z|Only in .+: \S"
        rb"|File .+ is an? .+ while file .+ is an? |Cannot display: file marked as"
        rb"|Submodule \S.*(?:[0-9a-f]{7,}\.{2,3}[0-9a-f]{7,}|\(new submodule\)|contains .+ content)"
        rb"|\* Unmerged path |Property changes on: |=== renamed |=== .+ \(prop|==== //"
    ),
    "a mark at the end of a file": rb"\\ No newline at end of file",
}
_STARTS = re.compile(
    b"|".join(b"(?P<f%d>%s)" % (number, form) for number, form in enumerate(_FORMS.values()))
)
_NAMES = list(_FORMS)
# What stands before a file's diff in svn, CVS, hg, bzr and in what `diff -r` writes.
_ANNOUNCEMENT = re.compile(
    rb"Index: (?P<svn>\S.*)|diff -\S+ \S.*?(?P<diff>[^ /]+)|RCS file: .+"
    rb"|=== (?:modified|added|removed) file '(?P<bzr>.+)'"
)
_BETWEEN = re.compile(rb"={3,}\Z|retrieving revision .+")
_NORMAL = re.compile(rb"%(r)s[acd]%(r)s\Z" % {b"r": _RANGE})
_ED = re.compile(rb"%(r)s[acdi]\Z" % {b"r": _RANGE})


def shape_at(lines: Sequence[bytes], at: int) -> str | None:
    """Return what the line looks like, None where it is like no part of any patch."""
    line = _bare(lines[at])
    if not line:
        return None
    if match := _STARTS.match(line):
        return _NAMES[int((match.lastgroup or "f0")[1:])]
    following = _bare(lines[at + 1]) if at + 1 < len(lines) else b""
    if line.startswith(b"*** ") and following.startswith(b"--- "):
        return "the header of a file in a context diff"
    if _ED.match(line) or (_NORMAL.match(line) and following[:2] in {b"< ", b"> "}):
        return "a part of a diff without context"
    if is_loose_marker(line.decode("utf-8", "replace")):
        return "a marker of SEARCH and REPLACE"
    return "the header of a file" if is_announcement(line) else None


def is_announcement(line: bytes) -> bool:
    """Whether `line` says which file the diff right after it is of."""
    return _ANNOUNCEMENT.fullmatch(line) is not None


def after_announcements(lines: Sequence[bytes], at: int) -> tuple[int, set[bytes]]:
    """Return the index after the announcements at `lines[at]`, and their files' names."""
    names = set()
    while at < len(lines):
        match = _ANNOUNCEMENT.fullmatch(lines[at])
        if match is None and not _BETWEEN.match(lines[at]):
            break
        found = match[match.lastgroup] if match and match.lastgroup else b""
        names.add(found.rpartition(b"/")[2].rstrip(b'"'))
        at += 1
    return at, names


def refuse_strays(
    lines: Sequence[bytes], first_line: int = 1, *, takes_commands: bool = False
) -> None:
    """Raise EditError where one of `lines` is shaped like a part of a patch.

    Args:
        lines: text in which no part of a patch may stand, without line feeds.
        first_line: the number of `lines[0]` in the text.
        takes_commands: it shows what to type, so that `diff -u a b` is no header.
    """
    for at, what in _shapes(lines):
        if takes_commands and is_announcement(_bare(lines[at])):
            continue
        raise stray(first_line + at, what)


def stray(number: int, what: str) -> EditError:
    """Return the error for a line that looks like `what` where nothing of the kind is read."""
    return EditError(
        f"Line {number}: this looks like {what}, but it belongs to no edit that can be read here, "
        "so nothing of the text is applied."
    )


def _shapes(lines: Sequence[bytes]) -> Iterator[tuple[int, str]]:
    for at in range(len(lines)):
        what = shape_at(lines, at)
        if what is not None:
            yield at, what


def _bare(line: bytes) -> bytes:
    return line[_BEFORE.match(line).end() :].rstrip()  # type: ignore[union-attr] # matches nothing too
