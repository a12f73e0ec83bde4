"""Model text to edits, edits to files, and whether what they leave behind parses.

    edits = parse(reply)                 # a diff, or edit blocks
    files = apply(edits, read)           # in memory, all or nothing
    problems = check(before, after)      # in a child process

To add an edit format: a frozen dataclass in `nouns.py`, a module that reads it, a branch in
`parse.py` and one in `apply.py`, and its cases in `tests/edits/`.
"""

from mai.edits.apply import apply
from mai.edits.check import Problem, check
from mai.edits.nouns import (
    BaseFile,
    BinaryPatch,
    Chunk,
    Edit,
    FileDiff,
    Hunk,
    HunkLine,
    SearchReplace,
    SymbolEdit,
    Update,
    WholeFile,
)
from mai.edits.parse import parse

__all__ = [
    "BaseFile",
    "BinaryPatch",
    "Chunk",
    "Edit",
    "FileDiff",
    "Hunk",
    "HunkLine",
    "Problem",
    "SearchReplace",
    "SymbolEdit",
    "Update",
    "WholeFile",
    "apply",
    "check",
    "parse",
]
