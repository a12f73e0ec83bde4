"""Says what kind of file a path names, for the parent's process and the parser's alike."""

from __future__ import annotations

PYTHON_SUFFIXES = (".py", ".pyw", ".pyi")


def has_python_name(path: str) -> bool:
    """Whether `path` ends as Python's sources do, in whatever case."""
    return path.lower().endswith(PYTHON_SUFFIXES)


def is_python(path: str, data: bytes | None) -> bool:
    """Whether `path` is Python by its name, or `data` by its first line."""
    if has_python_name(path):
        return True
    return data is not None and data.startswith(b"#!") and b"python" in data.split(b"\n", 1)[0]
