"""The code in an answer: fenced, tagged, in JSON or bare, with or without a path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mai.edits.labels import beside, label

_FENCE = re.compile(r"[ \t]{0,8}(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)")
_TAG = re.compile(
    r"[ \t]*<(?P<close>/?)(?:code|file|answer|python|source|content)\b[^>]*>[ \t]*", re.IGNORECASE
)
_TOLD = re.compile(r"(?:#|//|--|;|/\*|<!--|\"\"\")\s*(?P<text>.*?)\s*(?:\*/|-->|\"\"\")?\s*")
_KEYWORD = re.compile(
    r"(?:full |file |relative )?(?:path|file|filename|file name)\s*[:=]\s*", re.IGNORECASE
)
_PLACEHOLDER = re.compile(
    r"<?\s*(?:path|name) (?:of|to) (?:the |your )?file\s*>?|path/to/\S+", re.IGNORECASE
)
_SHELLS = frozenset({"bash", "sh", "shell", "console", "text", "txt", "output", "plaintext"})
# What is left of a search/replace block under the path.
_RULE = re.compile(r"\A\s*={5,}[ \t]*(?:\n|\Z)")
_LONGEST_PATH_LINE = 300


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of code in an answer.

    `path` is what the answer calls it, as it stands there, empty where it does not; `is_closed`
    is false where the answer ended inside of it.
    """

    text: str
    path: str = ""
    is_closed: bool = True


def blocks_in(answer: str) -> list[Block]:
    """Return the blocks of code in `answer`, in order; all of it as one where none is marked.

    Blocks of commands and of output are left out. A fence ends at the next line of as many marks.
    """
    answer = answer.replace("\r\n", "\n")
    lines = answer.split("\n")
    found = list(_fenced(lines))
    if found or any(_FENCE.fullmatch(line) for line in lines):
        return found
    if (inside := _in_json(answer)) is not None:
        return [Block(inside)]
    if tagged := list(_tagged(lines)):
        return tagged
    return [Block(answer.strip("\n"))] if answer.strip() else []


def without_path_line(text: str, old: str) -> tuple[str, str]:
    """Return a block's `text` without a first line that is only a path, and that path.

    A line that the file begins with already, as `old` shows, is the file's own.
    """
    first, _, rest = text.lstrip("\n").partition("\n")
    if len(first) > _LONGEST_PATH_LINE or (first.strip() and first in old.split("\n")[:3]):
        return text, ""
    match = _TOLD.fullmatch(first.strip())
    told = match["text"] if match else first.strip()
    bare = _KEYWORD.sub("", told, count=1).strip("`'\"* ")
    is_path = label(bare) is not None and ("/" in bare or "." in bare) and " " not in bare
    if _PLACEHOLDER.fullmatch(bare) or (is_path and (match or _is_no_code(first))):
        return _RULE.sub("", rest).lstrip("\n"), bare
    return text, ""


def _is_no_code(line: str) -> bool:
    return bool(re.fullmatch(r"[\w./-]+\.\w{1,5}:?", line.strip())) and "(" not in line


def _fenced(lines: list[str]) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        opening = _FENCE.fullmatch(lines[at])
        if not opening:
            at += 1
            continue
        end = _end(lines, at, opening["marks"])
        info = opening["info"].strip()
        if info.partition(" ")[0].lower() not in _SHELLS:
            path = _path(lines, at, info)
            yield Block("\n".join(lines[at + 1 : end]), path, is_closed=end < len(lines))
        at = end + 1


def _end(lines: list[str], start: int, marks: str) -> int:
    """Return where the fence that opens at `start` closes; past the last line where it does not."""
    for at in range(start + 1, len(lines)):
        match = _FENCE.fullmatch(lines[at])
        if match and not match["info"].strip() and match["marks"].startswith(marks):
            return at
    return len(lines)


def _path(lines: list[str], at: int, info: str) -> str:
    """Return the path that a fence's info or the line before it names."""
    try:
        if named := beside(info):
            return named
    except ValueError:
        return ""
    before = next((line for line in reversed(lines[max(0, at - 2) : at]) if line.strip()), "")
    return label(before) or ""


def _tagged(lines: list[str]) -> Iterator[Block]:
    start: int | None = None
    for at, line in enumerate(lines):
        match = _TAG.fullmatch(line)
        if match and not match["close"]:
            start = at
        elif match and start is not None:
            yield Block("\n".join(lines[start + 1 : at]))
            start = None
    if start is not None:
        yield Block("\n".join(lines[start + 1 :]), is_closed=False)


def _in_json(answer: str) -> str | None:
    """Return the longest text in an answer that is JSON, where it has several lines."""
    try:
        data = json.loads(answer, strict=False)
    except (ValueError, RecursionError):
        return None
    waiting, longest = [data], ""
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            longest = max(longest, one, key=len)
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return longest if "\n" in longest else None
