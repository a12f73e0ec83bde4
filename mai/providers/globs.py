"""Globs over paths inside a repo, as `--path`, `mai.toml` and ruff's `exclude` mean them."""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^]/]+\]|.", re.DOTALL)
_MEANING = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matches(path: str, pattern: str) -> bool:
    """Whether `path` (`/`-separated, relative) is what `pattern` names, or lies below it.

    `*` and `?` stay within one name, `**` crosses folders; a pattern without a slash matches at
    any depth, as in `.gitignore`.
    """
    return _compiled(pattern).fullmatch(path) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    pattern = pattern.removeprefix("./").rstrip("/")
    anywhere = "" if "/" in pattern else "(?:[^/]+/)*"
    body = "".join(_translated(token) for token in _TOKEN.findall(pattern.lstrip("/")))
    try:
        return re.compile(f"{anywhere}{body}(?:/.*)?", re.DOTALL)
    except re.error:  # a range such as [z-a]: take every sign for itself
        return re.compile(f"{anywhere}{re.escape(pattern)}(?:/.*)?", re.DOTALL)


def _translated(token: str) -> str:
    if token in _MEANING:
        return _MEANING[token]
    if token.startswith("[") and token.endswith("]") and len(token) > len("[]"):
        inside = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return f"[{'^' + inside[1:] if inside.startswith('!') else inside}]"
    return re.escape(token)
