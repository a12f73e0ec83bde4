"""Whether a Python source parses, judged inside the worker: first `ast`, then libcst.

`ast` goes first because it raises where libcst would crash. What libcst then reads must come out of
it byte for byte: a file that does not is one that the tools after this one would misread.
"""

from __future__ import annotations

import ast
import warnings

import libcst

from mai.source_encoding import declared_encoding

MAX_SOURCE_BYTES = 1_000_000  # libcst takes 650 to 4,000 bytes of memory per byte of source
MAX_DEPTH = 900  # levels of `ast` nodes; a chain of 450 `elif` has 450

Finding = dict[str, str | int]


def problem_of(data: bytes, *, is_whole: bool) -> Finding | None:
    """Return what is wrong with a source, None where nothing is.

    `is_whole` false stops after `ast`: enough to know whether a file parsed before.
    """
    if len(data) > MAX_SOURCE_BYTES:
        return finding("size", f"it has {len(data)} bytes; no more than {MAX_SOURCE_BYTES} parse")
    encoding = declared_encoding(data)
    if encoding is None:
        return finding(
            "encoding", "only UTF-8, ASCII and one-byte encodings that extend it are read"
        )
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return finding("encoding", f"it is in {encoding}, and a byte here is not", line)
    problem = _tree_problem(data)
    return problem if problem is not None or not is_whole else _round_trip(text)


def _tree_problem(data: bytes) -> Finding | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except SyntaxError as error:
        return finding("syntax", error.msg, error.lineno or 0, max((error.offset or 1) - 1, 0))
    except ValueError as error:  # null bytes, before Python 3.12
        return finding("syntax", str(error))
    except (RecursionError, MemoryError):
        return finding("depth", "it nests too deeply to be parsed")
    deep = _too_deep(tree)
    return finding("depth", f"it nests more than {MAX_DEPTH} levels deep", *deep) if deep else None


def finding(kind: str, message: str, line: int = 0, column: int = 0) -> Finding:
    """Return a finding as the frame to the other side carries it."""
    return {"kind": kind, "message": message, "line": line, "column": column}


def _too_deep(tree: ast.AST) -> tuple[int, int] | None:
    stack = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
        stack += [(child, depth + 1) for child in ast.iter_child_nodes(node)]
    return None


def _round_trip(text: str) -> Finding | None:
    # libcst drops form feeds, which to Python are blanks between statements.
    text = text.replace("\f", "")
    try:
        is_same = libcst.parse_module(text).code == text
    except libcst.ParserSyntaxError as error:
        return finding("libcst", error.message, error.raw_line, error.raw_column)
    except (RecursionError, MemoryError):
        return finding("depth", "it is too deep or too long for libcst")
    return None if is_same else finding("round-trip", "libcst does not give it back unchanged")
