"""Tells what only describes a package, such as its version, from what its build runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from mai.proposal import Finding, Level
from mai.risk.calls import DESCRIBING

_KEYS = "|".join(sorted(DESCRIBING | {"__version__", "VERSION"}))
_TEXT = r"""(?!'{3}|"{3})(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
# A whole line that is blank, a comment, `version="1.2",`, `"version": "1.2",` or a classifier.
_DESCRIBES = re.compile(
    rf"\s*(?:#.*|(?:(['\"]?)(?:{_KEYS})\1\s*[=:]\s*{_TEXT}|"
    r"""(['"])[A-Z][\w .()/+#-]* :: [^'"\\]*\2)\s*,?\s*(?:#.*)?)?"""
)


def only_describes(path: str, before: bytes, after: bytes) -> bool:
    """Whether all that a `setup.py` changes is what it says of its package, in whole lines."""
    if path.rpartition("/")[2] != "setup.py":
        return False
    return list(_acting_lines(before)) == list(_acting_lines(after))


def _acting_lines(data: bytes) -> Iterator[str]:
    for line in data.decode("utf-8", "replace").splitlines():
        if not _DESCRIBES.fullmatch(line):
            yield line


def softened(findings: Iterable[Finding], described: Collection[str]) -> Iterator[Finding]:
    """Yield `findings`, those that blame a build file for its description at LOW."""
    for found in findings:
        if found.rule in {"path.build", "flow.changed"} and found.path in described:
            message = "Only what it says of the package has changed, not what its build runs."
            yield replace(found, level=Level.LOW, message=message)
        else:
            yield found
