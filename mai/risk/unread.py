"""Files that Python reads and Mai's own tools read in part or not at all."""

from __future__ import annotations

from mai.proposal import Finding
from mai.risk.paths import finding


def not_cross_checked(path: str, why: str, line: int) -> Finding:
    """Return what a person must know of a file that `ast` reads and libcst does not.

    Args:
        path: the file's path.
        why: what libcst says of it, in a sentence.
        line: where it stops, 0 if unknown.
    """
    return finding("text.unread-syntax", path, f"Python reads it, so it goes on. {why}", line)
