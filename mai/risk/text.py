"""Judges a file's bytes before they are parsed: what a reader sees must be what Python runs."""

from __future__ import annotations

import builtins
import io
import keyword
import re
import sys
import tokenize
import unicodedata
from collections.abc import Iterator

from mai.proposal import Finding
from mai.risk.kinds import has_python_name
from mai.risk.paths import finding

MAXIMUM_BYTES = 2_000_000

# Unicode TR9's explicit formatting characters; see CVE-2021-42574.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2060-\u2064\u206a-\u206f"
    "\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e01ef\u2028\u2029]|(?!\\A)\ufeff"
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_PLAIN_CODINGS = frozenset({"utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii", "u8"})
# Encodings in which ASCII is ASCII.
_WESTERN = re.compile(r"latin-?1|l1|iso-?8859-\d{1,2}|(?:windows-|cp)125\d|koi8-[ru]")
_WORD = re.compile(r"[^\W\d]\w*")
_ODD_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0e-\x1f\x7f]")


def is_binary(data: bytes) -> bool:
    """Whether git would call `data` binary: a NUL in the first 8,000 bytes."""
    return b"\0" in data[:8000]


def judge_bytes(path: str, data: bytes, base: bytes | None) -> Iterator[Finding]:
    """Yield what `data` hides. What `base`, the file before, already had is no gain.

    Args:
        path: the file's path.
        data: its content now.
        base: its content before, or None where it is new.
    """
    is_python = has_python_name(path)
    if b"\0" in data and not (base and b"\0" in base):
        if is_python or not is_binary(data):
            yield finding(
                "text.nul",
                path,
                "A NUL byte ends the file for some tools while others "
                "read on, so what was shown need not be what runs.",
            )
        return
    if is_python:
        yield from _judge_coding(path, data, base)
    if len(data) > MAXIMUM_BYTES and is_python:
        yield finding(
            "text.too-large",
            path,
            f"It has {len(data):,} bytes; Mai judges Python files of up to {MAXIMUM_BYTES:,}.",
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if is_python:
            line = data.count(b"\n", 0, error.start) + 1
            yield finding(
                "text.encoding",
                path,
                "It is not UTF-8, so readers and tools may see different code than Python runs.",
                line,
            )
        return
    if text.isascii() and not _ODD_CONTROLS.search(text):
        return
    yield from _judge_characters(path, text, _decoded(base), is_python=is_python)


def _decoded(data: bytes | None) -> str:
    return "" if data is None else data.decode("utf-8", "replace")


def _judge_coding(path: str, data: bytes, base: bytes | None) -> Iterator[Finding]:
    for number, line in enumerate(data.split(b"\n", 2)[:2], start=1):
        match = _CODING.match(line)
        name = match.group(1).decode().lower().replace("_", "-") if match else "utf-8"
        stood = data.isascii() and base is not None and line in base.split(b"\n", 2)[:2]
        if name not in _PLAIN_CODINGS and not (stood and _WESTERN.fullmatch(name)):
            yield finding(
                "text.encoding",
                path,
                f"It declares the encoding {name[:40]}, which can turn "
                "harmless-looking characters into other code.",
                number,
            )
        if not re.match(rb"^[ \t\f]*(?:#.*)?\r?$", line):
            return


def _judge_characters(path: str, text: str, base: str, *, is_python: bool) -> Iterator[Finding]:
    for pattern, rule, message in (
        (
            _BIDI,
            "text.bidi",
            "A bidirectional control here makes the line read in another order than it runs.",
        ),
        (
            _INVISIBLE,
            "text.invisible",
            "An invisible character here hides something from whoever reads the diff.",
        ),
        (
            _ODD_CONTROLS,
            "text.invisible",
            "A control character here can hide or rewrite what a terminal shows.",
        ),
    ):
        match = pattern.search(text)
        if match and len(pattern.findall(text)) > len(pattern.findall(base)):
            # Emoji need variation selectors and joiners; in code's strings and in prose they are
            # ordinary, so only bidi controls are judged outside Python.
            if rule == "text.invisible" and not (is_python and _is_hiding(text, match)):
                continue
            line = text.count("\n", 0, match.start()) + 1
            yield finding(
                rule, path, message, line, match.start() - text.rfind("\n", 0, match.start()) - 1
            )
    if is_python:
        yield from _judge_names(path, text, base)


def _is_hiding(text: str, match: re.Match[str]) -> bool:
    before = text[match.start() - 1 : match.start()]
    return not before or unicodedata.category(before) not in {"So", "Sk", "Sm", "Po"}


def _scripts(word: str) -> set[str]:
    return {
        "LATIN" if name.startswith(("LATIN", "FULLWIDTH", "MATHEMATICAL")) else name.split(" ")[0]
        for name in (unicodedata.name(letter, "UNKNOWN") for letter in word if letter.isalpha())
    }


def _judge_names(path: str, text: str, base: str) -> Iterator[Finding]:
    words = set(_WORD.findall(text))
    foreign = {word for word in words - set(_WORD.findall(base)) if not word.isascii()}
    suspicious = {word for word in foreign if _imitates(word, words)}
    if not suspicious:
        return
    for token in _name_tokens(text):
        if token.string in suspicious:
            suspicious.discard(token.string)
            scripts = " and ".join(sorted(script.title() for script in _scripts(token.string)))
            yield finding(
                "text.look-alike",
                path,
                f"The name here mixes or imitates scripts ({scripts}), so it can pass for another.",
                token.start[0],
                token.start[1],
            )


def _imitates(word: str, others: set[str]) -> bool:
    """Whether a name reads like another one in scope, or mixes scripts that nobody mixes."""
    scripts = _scripts(word)
    if "LATIN" in scripts and scripts & _NEVER_MIXED:
        return True
    shown = word.translate(_TWINS)
    return shown != word and shown.isascii() and (shown in others or shown in _KNOWN)


# Greek letters stand beside Latin ones in any formula; these scripts do not.
_NEVER_MIXED = frozenset({"CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})
_KNOWN = frozenset({*dir(builtins), *keyword.kwlist, *sys.stdlib_module_names, "self", "cls"})
# Letters that most fonts draw like a Latin one (Unicode's confusables.txt, single letters only).
_TWINS = str.maketrans(
    "асеорхуіјѕһԁԛԝАВЕКМНОРСТХУЅІЈαικνορυΑΒΕΖΗΙΚΜΝΟΡΤΥΧօսոհɑɡı",
    "aceopxyijshdqwABEKMHOPCTXYSIJaikvopuABEZHIKMNOPTYXounhagi",
)


def _name_tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                yield token
    except (tokenize.TokenError, SyntaxError):
        # The parser says so itself, with its own finding.
        return


_DRIVER = re.compile(
    rb"(?:^|\s)(?:filter=|working-tree-encoding=|textconv|merge=(?!text\b|binary\b|union\b)"
    rb"|diff=(?!python\b|html\b|cpp\b|css\b|markdown\b|rust\b|golang\b|java\b|tex\b|ruby\b))"
)


def judge_attributes(path: str, data: bytes, base: bytes | None) -> Iterator[Finding]:
    """Yield lines of `.gitattributes` that would make git run or rewrite something."""
    before = set((base or b"").splitlines())
    for number, line in enumerate(data.splitlines(), start=1):
        match = None if line in before or line.lstrip().startswith(b"#") else _DRIVER.search(line)
        if match:
            yield finding(
                "path.git-driver",
                path,
                "git would hand these files to a program, or change "
                "them, whenever it reads or writes them.",
                number,
            )
