"""Which lines of which files a diff shows, so that a concern can point at one of them.

Hunks are counted by their headers: a line of a file that looks like a header is content.
"""

from __future__ import annotations

from collections.abc import Mapping

from mai.hunk_headers import read_hunk_header

_NOWHERE = "/dev/null"


def shown_lines(diff: str) -> Mapping[str, frozenset[int]]:
    """Return, by path, the line numbers that the diff shows: of the new file, or of one deleted."""
    found: dict[str, set[int]] = {}
    old_path = path = ""
    is_deleted = False
    old_left = new_left = old_at = new_at = 0
    for line in diff.split("\n"):
        if old_left > 0 or new_left > 0:
            kind = line[:1]
            if kind not in {"+", "\\"}:
                if is_deleted:
                    found.setdefault(path, set()).add(old_at)
                old_left, old_at = old_left - 1, old_at + 1
            if kind not in {"-", "\\"}:
                if not is_deleted:
                    found.setdefault(path, set()).add(new_at)
                new_left, new_at = new_left - 1, new_at + 1
        elif line.startswith("--- "):
            old_path = _name(line)
        elif line.startswith("+++ "):
            new_path = _name(line)
            is_deleted = new_path == _NOWHERE
            path = old_path if is_deleted else new_path
            found.setdefault(path, set())
        elif numbers := read_hunk_header(line):
            old_at, new_at = numbers.old_start, numbers.new_start
            old_left, new_left = numbers.old_count, numbers.new_count
    return {name: frozenset(lines) for name, lines in found.items()}


def located(path: str, line: int, text: str, shown: Mapping[str, frozenset[int]]) -> str:
    """Return a concern as `path:line text`; what the diff does not show is not pointed at."""
    if path not in shown:
        path = path.strip().removeprefix("a/").removeprefix("b/")
    if path not in shown:
        return text
    return f"{path}:{line} {text}" if line in shown[path] else f"{path} {text}"


def _name(line: str) -> str:
    name = line[4:].partition("\t")[0].strip().strip('"')
    return name if name == _NOWHERE else name[2:]
