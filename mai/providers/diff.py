"""A git-style diff of two contents, exact to the byte: CRLF and a missing last newline included."""

from __future__ import annotations

import difflib
from collections.abc import Iterator


def file_diff(path: str, before: bytes, after: bytes, context: int = 3) -> str:
    r"""Return the diff of one changed file, empty where nothing changed. Both sides are UTF-8.

    `path` must need no quoting (no control character, quote or backslash).
    """
    if before == after:
        return ""
    # git ends a name that holds a space with a tab, so that a reader knows where it stops.
    end = "\t" if " " in path else ""
    lines = difflib.unified_diff(
        _lines(before), _lines(after), f"a/{path}{end}", f"b/{path}{end}", n=context, lineterm="\n"
    )
    return f"diff --git a/{path} b/{path}\n" + "".join(_terminated(lines))


def _lines(data: bytes) -> list[str]:
    # Not `splitlines`: only a line feed ends a line for git; a CR belongs to the line.
    return [line + "\n" for line in data.decode("utf-8").split("\n")[:-1]] + (
        [last] if (last := data.decode("utf-8").rpartition("\n")[2]) else []
    )


def _terminated(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
