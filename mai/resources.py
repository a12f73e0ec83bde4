"""Finds what ships beside the code: `prompts/`, `sandbox/`, `Dockerfile.sandbox`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """Return the path of a file or folder that ships with Mai, such as `prompts`.

    Raises:
        FileNotFoundError: the installation lacks it.
    """
    for folder in (_PACKAGE / "_bundled", _PACKAGE.parent):
        path = folder / name
        if path.exists():
            return path
    raise FileNotFoundError(f"This installation of Mai lacks {name}; install it again.")
