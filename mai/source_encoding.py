"""The encoding of a Python source, as CPython finds it (PEP 263), and which of them Mai reads."""

from __future__ import annotations

import codecs
import re

# Python's names of the encodings in which every byte of ASCII is ASCII. In others, such as UTF-7 or
# Shift JIS, what looks harmless can be other code.
_READ = re.compile(r"utf-8(?:-sig)?|ascii|iso8859-\d{1,2}|cp125\d|koi8-[rtu]")
_DECLARATION = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_SAYS_NOTHING = re.compile(rb"^[ \t\f]*(?:#.*)?$")
UTF_8 = frozenset({"utf-8", "utf-8-sig", "ascii"})


def declared_encoding(source: bytes) -> str | None:
    """Return Python's name of the encoding that `source` is in, `utf-8` where it declares none.

    None where it is none that Mai reads, contradicts the byte order mark, or depends on whether a
    lone CR ends a line: the two tokenizers of CPython do not agree on that.
    """
    has_mark = source.startswith(codecs.BOM_UTF8)
    start = source.removeprefix(codecs.BOM_UTF8)
    # A declaration is in one of the first two lines, whatever ends them.
    lines = re.split(rb"\r\n|\n", start, maxsplit=2)[:2]
    named = _named(lines)
    if any(b"\r" in line for line in lines) and named != _named(
        re.split(rb"\r\n?|\n", start, maxsplit=2)
    ):
        return None
    if named is None:
        return "utf-8-sig" if has_mark else "utf-8"
    try:
        encoding = codecs.lookup(named.decode("ascii")).name
    except LookupError:
        return None
    if not _READ.fullmatch(encoding) or (has_mark and encoding not in {"utf-8", "utf-8-sig"}):
        return None
    return "utf-8-sig" if has_mark else encoding


def _named(lines: list[bytes]) -> bytes | None:
    for line in lines[:2]:
        if match := _DECLARATION.match(line):
            return match.group(1)
        if not _SAYS_NOTHING.match(line):
            return None
    return None


def source_text(source: bytes) -> str:
    """Return `source` decoded as it declares, with U+FFFD for what is not in that encoding."""
    return source.decode(declared_encoding(source) or "utf-8", "replace").removeprefix("\ufeff")
