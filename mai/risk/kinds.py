"""Says what kind of file a path names, for the parent's process and the parser's alike."""

from __future__ import annotations

PYTHON_SUFFIXES = (".py", ".pyw", ".pyi")


def is_test(path: str) -> bool:
    """Whether pytest would collect tests from `path`, or it lies in a folder of tests."""
    parts = path.split("/")
    name = parts[-1]
    return (
        name.startswith("test_")
        or name.endswith(("_test.py", "_tests.py"))
        or name in {"tests.py", "test.py"}
        or any(part in {"tests", "test", "testing"} for part in parts[:-1])
    )


def is_python(path: str, data: bytes | None) -> bool:
    """Whether `path` is Python by its name, or `data` by its first line."""
    if path.endswith(PYTHON_SUFFIXES):
        return True
    return data is not None and data.startswith(b"#!") and b"python" in data.split(b"\n", 1)[0]
