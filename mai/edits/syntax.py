"""Whether a Python source parses, judged inside the worker: first `ast`, then libcst.

`ast` goes first because it raises where libcst would crash. What libcst then reads must come out of
it byte for byte: a file that does not is one that the tools after this one would misread.
"""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings

import libcst

MAX_SOURCE_BYTES = 1_000_000  # libcst takes 650 to 4,000 bytes of memory per byte of source
MAX_DEPTH = 900  # levels of `ast` nodes; a chain of 450 `elif` has 450
# Python's names of the encodings in which every byte of ASCII is ASCII. In others, such as UTF-7 or
# Shift JIS, what looks harmless can be other code.
_ENCODINGS = re.compile(r"utf-8(?:-sig)?|ascii|iso8859-\d{1,2}|cp125\d|koi8-[rtu]")

Finding = dict[str, str | int]


def problem_of(data: bytes, *, is_whole: bool) -> Finding | None:
    """Return what is wrong with a source, None where nothing is.

    `is_whole` false stops after `ast`: enough to know whether a file parsed before.
    """
    if len(data) > MAX_SOURCE_BYTES:
        return finding("size", f"it has {len(data)} bytes; no more than {MAX_SOURCE_BYTES} parse")
    try:
        encoding = encoding_of(data)
    except SyntaxError as error:
        return finding("encoding", str(error.msg))
    if encoding is None:
        return finding(
            "encoding", "only UTF-8, ASCII and one-byte encodings that extend it are read"
        )
    problem = _tree_problem(data)
    if problem is not None or not is_whole:
        return problem
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:  # the parser was content with less
        return finding("encoding", f"it is not {encoding}, as it says")
    return _round_trip(text)


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


def encoding_of(data: bytes) -> str | None:
    """Return the encoding a source declares (PEP 263), None where it is not one of ours.

    Raises:
        SyntaxError: the declaration is wrong, or contradicts the byte order mark.
    """
    name, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    canonical = codecs.lookup(name).name
    return canonical if _ENCODINGS.fullmatch(canonical) else None


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
