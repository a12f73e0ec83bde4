"""Judges a file's bytes before they are parsed: what a reader sees must be what Python runs."""

from __future__ import annotations

import builtins
import io
import keyword
import re
import sys
import tokenize
import unicodedata
from collections import Counter
from collections.abc import Iterator

from mai.proposal import Finding
from mai.risk import kinds
from mai.risk.paths import finding
from mai.source_encoding import UTF_8, declared_encoding, source_text

MAXIMUM_BYTES = 2_000_000

# Unicode TR9's explicit formatting characters; see CVE-2021-42574.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufffb\U00016fe4\U0001bca0-\U0001bca3"
    "\U0001d159\U0001d173-\U0001d17a\ufeff\U000e0000-\U000e0fff]"
)
# A flag emoji of a region is a black flag and its letters as tags.
_REGION_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e007a]{2,7}\U000e007f")
# What ends a line for Python, YAML, JavaScript or `str.splitlines`, and does not for git and in a
# diff. Nothing is hidden by one at a line's end, nor by a form feed at its beginning, which is how
# old sources divide pages.
_BREAK = re.compile("(?<=[^\n])[\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029](?=[^\n\r])")
_WORD = re.compile(r"[^\W\d]\w*")
_ODD_CONTROLS = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_VARIATIONS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_JOINERS = "\u200c\u200d"


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
    is_python = kinds.is_python(path, data)
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
    encoding = (declared_encoding(data) if is_python else None) or "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if is_python:
            line = data.count(b"\n", 0, error.start) + 1
            yield finding(
                "text.encoding",
                path,
                f"A byte here is not {_shown(encoding)}, so readers and tools may see different "
                "code than Python runs.",
                line,
            )
        text = data.decode(encoding, "replace")  # what hides in such a file is seen all the same
    if text.isascii() and not _ODD_CONTROLS.search(text) and not _BREAK.search(text):
        return
    # A byte order mark at a file's start hides nothing.
    before = _decoded(base, is_python=is_python)
    yield from _judge_characters(path, text.removeprefix("\ufeff"), before, is_python=is_python)


def _decoded(data: bytes | None, *, is_python: bool) -> str:
    if data is None:
        return ""
    return (
        source_text(data) if is_python else data.decode("utf-8", "replace").removeprefix("\ufeff")
    )


def _shown(encoding: str) -> str:
    return encoding.removesuffix("-sig").upper()


def _judge_coding(path: str, data: bytes, base: bytes | None) -> Iterator[Finding]:
    encoding = declared_encoding(data)
    before = "utf-8" if base is None else declared_encoding(base)
    if encoding is None:
        yield finding(
            "text.encoding",
            path,
            "It declares an encoding that can turn harmless-looking characters into other code.",
            1,
        )
    elif encoding != before and encoding not in UTF_8:
        yield finding(
            "text.new-encoding",
            path,
            f"It is read as {_shown(encoding)} now, in which its bytes are other characters.",
            1,
        )
    elif encoding not in UTF_8 or (before not in UTF_8 and not data.isascii()):
        stood = Counter((base or b"").split(b"\n"))
        for number, line in enumerate(data.split(b"\n"), start=1):
            if not line.isascii() and (encoding != before or not stood[line]):
                message = (
                    f"A tool that expects UTF-8 shows other characters than {_shown(encoding)}."
                )
                if encoding != before:
                    message = "The file was in another encoding before, so this may read anew."
                yield finding("text.one-byte", path, message, number)
                return


def _judge_characters(path: str, text: str, base: str, *, is_python: bool) -> Iterator[Finding]:
    for pattern, rule, message in (
        (
            _BREAK,
            "text.line-break",
            "What follows here is a line of its own where it runs, and no diff shows it as one.",
        ),
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
        found = _first_gained(pattern, text, base, is_python=is_python)
        if found is not None:
            yield finding(rule, path, message, *found)
    if is_python:
        yield from _judge_names(path, text, base)


def _first_gained(
    pattern: re.Pattern[str], text: str, base: str, *, is_python: bool
) -> tuple[int, int] | None:
    """Return line and column of the first match in a line that `base` does not have."""
    if not pattern.search(text):
        return None
    before = Counter(base.split("\n"))
    for number, line in enumerate(text.split("\n"), start=1):
        at = next(_hiding(pattern, line, is_python=is_python), None)
        if at is None:
            continue
        if before[line]:
            before[line] -= 1
            continue
        return number, at
    return None


def _hiding(pattern: re.Pattern[str], line: str, *, is_python: bool) -> Iterator[int]:
    """Yield where `line` hides something. What emoji and other scripts need is ordinary."""
    if pattern is not _INVISIBLE:
        yield from (match.start() for match in pattern.finditer(line))
        return
    flags = [match.span() for match in _REGION_FLAG.finditer(line)]
    for match in pattern.finditer(line):
        at = match.start()
        is_flag = any(start < at < end for start, end in flags)
        if not is_flag and not _is_ordinary(line[at - 1 : at], match.group(), is_python=is_python):
            yield at


def _is_ordinary(before: str, one: str, *, is_python: bool) -> bool:
    """Return whether `one` belongs to the character `before` it, as in an emoji or in Persian."""
    if not before:
        return False
    kind = unicodedata.category(before)
    if _VARIATIONS.match(one):
        return kind in {"So", "Sk", "Sm", "Po", "Nd"} or (kind == "Lo" and not is_python)
    if one not in _JOINERS:
        return False
    if kind in {"So", "Sk"} or before == "\ufe0f":
        return True
    return not is_python and kind in {"Lo", "Mn", "Mc"}


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
