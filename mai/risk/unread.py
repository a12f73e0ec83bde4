"""Files that Python reads and Mai's own tools read in part or not at all."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from mai.proposal import Finding
from mai.risk.paths import finding
from mai.source_encoding import source_text


def not_cross_checked(path: str, why: str, line: int) -> Finding:
    """Return what a person must know of a file that `ast` reads and libcst does not.

    Args:
        path: the file's path.
        why: what libcst says of it, in a sentence.
        line: where it stops, 0 if unknown.
    """
    return finding("text.unread-syntax", path, f"Python reads it, so it goes on. {why}", line)


# Words that can do harm, where nothing more can be said of the code than its words.
_POWER = re.compile(
    r"\b(?:eval|exec|compile|builtins|importlib|imp|runpy|codeop|pkgutil|import_module"
    r"|__(?!(?:init|post_init|name|main|all|future|repr|str|len|iter|doc|slots|version)__)\w+__"
    r"|subprocess|multiprocessing|pty|popen\w*|system|spawn\w*|exec[lv]\w*|posix\w*|fork\w*|kill\w*"
    r"|socket\w*|ssl|urllib\w*|http|httpx|requests|aiohttp|ftplib|smtplib|telnetlib|paramiko"
    r"|ctypes|cffi|mmap|pickle|cPickle|dill|marshal|shelve|yaml|base64|b64decode|codecs|binascii"
    r"|getattr|setattr|delattr|globals|locals|vars|attrgetter|methodcaller"
    r"|environ\w*|getenv|putenv|shutil|rmtree|removedirs|chmod|chown|symlink"
    r"|settrace|setprofile|atexit|_getframe|setuid|_exit)\b"
)
_PROMISE = re.compile(r"^\s*(?:assert\b|(?:async\s+)?def\s+test|class\s+Test|with\s.*raises\b)")
_WAY_OUT = re.compile(r"\b(?:skip\w*|xfail|importorskip|__test__|collect_ignore\w*)\b")
_MOST_SHOWN = 5


def judge_newer(
    path: str, python: str, before: bytes | None, after: bytes, *, is_test: bool
) -> Iterator[Finding]:
    """Yield what the text of a file says whose syntax only a newer Python reads.

    Args:
        path: the file's path.
        python: the Python that it needs, such as `Python 3.14`.
        before: its content before, None where it is new.
        after: its content now.
        is_test: whether it lies among the tests.
    """
    old, new = _normal(before or b""), _normal(after)
    yield finding(
        "text.unread-syntax",
        path,
        f"It needs {python}, which does not run Mai, so that only its words were judged.",
    )
    words = {word: line for line, text in _added(old, new) for word in _POWER.findall(text)}
    if words:
        shown = ", ".join(sorted(words)[:_MOST_SHOWN])
        message = f"It needs {python}, so its code was not read, and new lines say {shown}."
        yield finding("text.unread-words", path, message, min(words.values()))
    if is_test and (_promises(old) - _promises(new) or _gains(_WAY_OUT, old, new)):
        message = f"It needs {python}, so its tests were not read, and one says something else."
        yield finding("test-tampering.weaker", path, message)


def _normal(source: bytes) -> str:
    # Python reads names so, `ｅｖａｌ` as `eval`.
    return unicodedata.normalize("NFKC", source_text(source))


def _added(old: str, new: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines that `old` does not have as often."""
    stood = Counter(old.splitlines())
    for number, line in enumerate(new.splitlines(), start=1):
        if stood[line]:
            stood[line] -= 1
        else:
            yield number, line


def _promises(text: str) -> Counter[str]:
    return Counter(line.strip() for line in text.splitlines() if _PROMISE.match(line))


def _gains(pattern: re.Pattern[str], old: str, new: str) -> bool:
    return bool(Counter(pattern.findall(new)) - Counter(pattern.findall(old)))
