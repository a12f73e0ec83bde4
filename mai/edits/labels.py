"""The line before a fence that names the block's file, in the ways people and models write it."""

from __future__ import annotations

import re

_DECORATION = re.compile(r"^(?:#{1,6}|[-*+>]|\d{1,3}[.)])\s+")
_KEYWORD = re.compile(r"^(?:file|path|file ?name)\s*:\s*", re.IGNORECASE)
_WRAPPED = re.compile(r"(\*\*|__|`|\"|')(.+)\1")
_LONGEST_LABEL = 1000
# Files without a dot that a bare word may mean.
_KNOWN_NAMES = frozenset(
    {
        "AUTHORS",
        "BUILD",
        "CHANGELOG",
        "CHANGES",
        "CODEOWNERS",
        "CONTRIBUTING",
        "COPYING",
        "Containerfile",
        "Dockerfile",
        "GNUmakefile",
        "Gemfile",
        "Jenkinsfile",
        "Justfile",
        "LICENCE",
        "LICENSE",
        "Makefile",
        "NEWS",
        "NOTICE",
        "Pipfile",
        "Procfile",
        "README",
        "Rakefile",
        "SConstruct",
        "TODO",
        "VERSION",
        "Vagrantfile",
        "WORKSPACE",
        "justfile",
        "makefile",
        "wscript",
    }
)


def label(line: str) -> str | None:
    """Return the path that `line` consists of, None where it is prose.

    Headings, list marks, bold, quotes, `File:` and a colon at the end are taken off. A name with
    spaces needs quotes or backticks, a name without dot or slash `File:`: "Example:" is no file.
    """
    text = line.strip()
    if len(text) > _LONGEST_LABEL:
        return None
    text = _DECORATION.sub("", text)
    text, is_marked = _unwrapped(text)
    without_keyword = _KEYWORD.sub("", text)
    has_keyword = without_keyword != text
    text, is_quoted = _unwrapped(without_keyword)
    is_quoted = is_quoted or is_marked or has_keyword
    path = text.removeprefix("./")
    return path if _is_plausible(path, is_quoted=is_quoted, has_keyword=has_keyword) else None


def _unwrapped(text: str) -> tuple[str, bool]:
    """Take off a colon at the end and marks around the whole; the flag tells of quoting marks."""
    is_quoted = False
    while True:
        text = text.removesuffix(":").strip()
        match = _WRAPPED.fullmatch(text)
        if not match:
            return text, is_quoted
        is_quoted = is_quoted or match[1] in "`\"'"
        text = match[2].strip()


def _is_plausible(path: str, *, is_quoted: bool, has_keyword: bool) -> bool:
    if not path or "://" in path or any(mark in path for mark in "`()<>*|\0"):
        return False
    if path.endswith((".", "/", ",", ";", "!", "?", " ")) or not any(map(str.isalnum, path)):
        return False
    if any(character.isspace() for character in path) and not is_quoted:
        return False
    return has_keyword or path in _KNOWN_NAMES or "/" in path or "." in path


def beside(info: str) -> str | None:
    """Return the path that a fence's info string names, as in `python src/a.py`, if it does.

    Raises:
        ValueError: it names several.
    """
    words = [word for word in info.split() if "=" not in word]
    found = []
    for position, word in enumerate(words):
        language, colon, rest = word.partition(":")
        candidate = rest if colon and position == 0 and language.isalnum() else word
        # A lone word may be a language, such as `asp.net`; with a slash it is a path.
        if (position > 0 or candidate is rest or "/" in candidate) and label(candidate):
            found.append(label(candidate))
    if len(found) > 1:
        raise ValueError(info)
    return found[0] if found else None
