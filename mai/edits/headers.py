"""The lines of a diff that name a file: quoting, prefixes, `/dev/null`.

Git quotes a name with unusual bytes like a C string, and writes `a/` and `b/` before the two sides
unless told otherwise (git-diff(1): `--no-prefix`, `diff.mnemonicPrefix`, `-R`).
"""

from __future__ import annotations

import re

from mai.edits.paths import checked_path
from mai.errors import EditError
from mai.text import one_line

_ESCAPE = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPED = {
    b"a": b"\a",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"v": b"\v",
    b"f": b"\f",
    b"r": b"\r",
    b'"': b'"',
    b"\\": b"\\",
}
# a and b; with mnemonic prefixes commit, index, object and worktree.
_PREFIX = re.compile(rb"[abciow]/")
_NOWHERE = b"/dev/null"
# After a name, where no tab ends it: what `diff` (ISO and C form) and svn put there.
_STAMP = re.compile(
    rb"\s+(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
    rb"(?:\s*(?:[-+]\d\d:?\d\d|Z|[A-Z]{3,4}))?"
    rb"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
    rb"|\((?:revision \d+|working copy|nonexistent)\))\Z"
)
# How `diff -N` (by the first second there was) and svn say that a file is not there.
_ABSENT = re.compile(
    rb"\s*(?:\(nonexistent\)"
    rb"|(?:1970-01-01|1969-12-31) \d\d:[03]0:00(?:\.0+)?(?: [-+]\d{4})?)\s*"
)
# What people and editors append to the name of the old or the new version beside a file.
_OLD_ENDINGS = (b".orig", b".old", b".bak", b"~")
_NEW_ENDING = b".new"


def shown(raw: bytes) -> str:
    """Return a piece of a patch fit for a message."""
    return one_line(raw.decode("utf-8", "replace"), 80)


def unquoted(raw: bytes) -> bytes:
    """Return the name that `raw`, quoted or not, stands for.

    Raises:
        EditError: it starts with a quote and is not a C string as git writes it.
    """
    if not raw.startswith(b'"'):
        return raw
    match = _QUOTED.fullmatch(raw)
    if not match or b"\\" in _ESCAPE.sub(b"", match[1]):
        raise EditError(f"The quoted name {shown(raw)} in the diff cannot be read.")
    return _ESCAPE.sub(_unescaped, match[1])


def _unescaped(match: re.Match[bytes]) -> bytes:
    letter = match[1]
    if letter in _ESCAPED:
        return _ESCAPED[letter]
    return bytes([int(letter, 8) & 0xFF])


def path_of(name: bytes) -> str:
    """Return a name, unquoted and without a prefix, as a path.

    Raises:
        EditError: it is not UTF-8 or not a path inside the tree.
    """
    try:
        return checked_path(name.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise EditError(f"The path {shown(name)} is not UTF-8.") from error


def git_names(rest: bytes) -> tuple[bytes, bytes] | None:
    """Return the two names, prefixes and all, in `diff --git <rest>`, None where that is unsure.

    With a space in a name the line alone can be read in several ways; that both sides have the
    same length leaves one.
    """
    quoted = _QUOTED.match(rest)
    if quoted and rest[quoted.end() : quoted.end() + 1] == b" ":
        return unquoted(quoted.group()), unquoted(rest[quoted.end() + 1 :])
    if rest.endswith(b'"') and b' "' in rest:
        first, _, second = rest.partition(b' "')
        return first, unquoted(b'"' + second)
    if rest.count(b" ") == 1:
        first, _, second = rest.partition(b" ")
        return first, second
    middle = len(rest) // 2
    if len(rest) % 2 and rest[middle : middle + 1] == b" ":
        return rest[:middle], rest[middle + 1 :]
    return None


def common_name(old: bytes, new: bytes) -> bytes | None:
    """Return the name two sides share, with or without prefixes, None where they differ.

    The prefixes may be any folders (`diff.srcPrefix`, `diff -r old new`), one on each side.
    """
    if old == new:
        return old
    _, slash, rest = old.partition(b"/")
    return rest if slash and rest and rest == new.partition(b"/")[2] else None


def side(line: bytes) -> bytes | None:
    """Return the name on a `--- ` or `+++ ` line, prefix and all, None for no file.

    What follows a tab is a time stamp, or nothing where git marks a name with a space.
    """
    raw = line[4:]
    quoted = _QUOTED.match(raw)
    if quoted:
        raw, stamp = quoted.group(), b""
    elif b"\t" in raw:
        raw, _, stamp = raw.partition(b"\t")
    else:
        raw = raw.rstrip()
        match = _STAMP.search(raw)
        raw, stamp = (raw[: match.start()], match.group()) if match else (raw, b"")
    return None if raw == _NOWHERE or _ABSENT.fullmatch(stamp) else unquoted(raw)


def is_side_of(line_name: bytes, name: bytes) -> bool:
    """Whether the name on a `--- ` or `+++ ` line is `name`, with or without a prefix."""
    return line_name == name or (bool(_PREFIX.match(line_name)) and line_name[2:] == name)


def plain_names(old: bytes | None, new: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Return the names of a diff without git's header, prefixes removed.

    Raises:
        EditError: neither side is a file, or the sides name two files: such a diff cannot say
            which of them it means.
    """
    if old is not None and new is not None:
        old, new = _without_dot(old), _without_dot(new)
        name = common_name(_without_ending(old, new), _without_ending(new, old))
        if name is None:
            raise EditError(
                f"The diff names two files, {shown(old)} and {shown(new)}; "
                "a rename needs git's own headers."
            )
        return name, name
    only = old if old is not None else new
    if only is None:
        raise EditError("The diff has /dev/null on both sides.")
    name = only[2:] if _PREFIX.match(only) else _without_dot(only)
    return (name, None) if old is not None else (None, name)


def _without_dot(name: bytes) -> bytes:
    return name.removeprefix(b"./")


def _without_ending(name: bytes, other: bytes) -> bytes:
    """Return `name` without `.orig` or its like, where it is the file of `other` but for that."""
    for ending in (*_OLD_ENDINGS, _NEW_ENDING):
        plain = name.removesuffix(ending)
        if plain != name and plain.rpartition(b"/")[2] == other.rpartition(b"/")[2]:
            return plain
    return name
