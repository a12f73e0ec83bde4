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


def git_name(rest: bytes) -> bytes | None:
    """Return the one name that `diff --git <rest>` gives both sides, None where they differ.

    With a space in a name the line alone can be read in several ways; that both sides are the
    same name leaves one.
    """
    pair = _split(rest)
    return pair and common_name(*pair)


def _split(rest: bytes) -> tuple[bytes, bytes] | None:
    quoted = _QUOTED.match(rest)
    if quoted and rest[quoted.end() : quoted.end() + 1] == b" ":
        return unquoted(quoted.group()), unquoted(rest[quoted.end() + 1 :])
    if rest.endswith(b'"') and b' "' in rest:
        first, _, second = rest.partition(b' "')
        return first, unquoted(b'"' + second)
    middle = len(rest) // 2
    if len(rest) % 2 and rest[middle : middle + 1] == b" ":
        return rest[:middle], rest[middle + 1 :]
    return None


def common_name(old: bytes, new: bytes) -> bytes | None:
    """Return the name two sides share, with or without prefixes, None where they differ."""
    if old == new:
        return old
    has_prefixes = _PREFIX.match(old) and _PREFIX.match(new) and old[:1] != new[:1]
    return old[2:] if has_prefixes and old[2:] == new[2:] else None


def side(line: bytes) -> bytes | None:
    """Return the name on a `--- ` or `+++ ` line, prefix and all, None for `/dev/null`.

    What follows a tab is a time stamp, or nothing where git marks a name with a space.
    """
    raw = line[4:]
    quoted = _QUOTED.match(raw)
    if quoted:
        raw = quoted.group()
    elif b"\t" in raw:
        raw = raw.partition(b"\t")[0]
    else:
        raw = raw.rstrip()
    return None if raw == _NOWHERE else unquoted(raw)


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
        name = common_name(old, new)
        if name is None:
            raise EditError(
                f"The diff names two files, {shown(old)} and {shown(new)}; "
                "a rename needs git's own headers."
            )
        return name, name
    only = old if old is not None else new
    if only is None:
        raise EditError("The diff has /dev/null on both sides.")
    name = only[2:] if _PREFIX.match(only) else only
    return (name, None) if old is not None else (None, name)
