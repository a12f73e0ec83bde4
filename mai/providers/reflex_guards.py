"""What a reflex keeps its hands off, for reasons that ruff cannot see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from mai.providers.reflex_rules import Guard, Reflex
from mai.providers.reflex_words import name_of
from mai.providers.ruff import Hit

# Libraries whose objects give `==`, `in` or `not` a meaning of their own.
_OVERLOADING = re.compile(
    r"\b(?:sqlalchemy|sqlmodel|pandas|numpy|polars|pyspark|peewee|pony|dask|xarray|sympy|z3|"
    r"torch|tensorflow|jax|cupy|ibis|tinydb|mongoengine|pyparsing)\b"
)
# A default that is meant to be made once: it remembers, or is a constant under a private name.
_CACHE_NAME = re.compile(r"\A\s*_|cache|memo|seen|visited|registry|_state", re.IGNORECASE)


def worth_mending(
    reflex: Reflex, hits: Sequence[Hit], files: Mapping[str, bytes]
) -> Iterator[tuple[str, list[Hit]]]:
    """Yield what `reflex` could mend, by path, without the files a guard keeps it from.

    A guard may look through all files, so each is asked only when its file's turn comes.
    """
    found: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.code in reflex.codes and (hit.is_safe or (reflex.takes_unsafe and hit.is_fixable)):
            found.setdefault(hit.path, []).append(hit)
    for path in sorted(found):
        if not _is_guarded(reflex, path, found[path], files):
            yield path, found[path]


def _is_guarded(reflex: Reflex, path: str, hits: Sequence[Hit], files: Mapping[str, bytes]) -> bool:
    text = files[path].decode("utf-8")
    if Guard.OVERLOADS in reflex.guards and _OVERLOADING.search(text):
        return True
    if Guard.CACHES in reflex.guards:
        lines = text.removeprefix("\ufeff").split("\n")
        return any(_CACHE_NAME.search(_parameter(lines[hit.line - 1], hit.column)) for hit in hits)
    if Guard.REEXPORTS in reflex.guards:
        return PurePosixPath(path).name == "__init__.py" or _is_reexported(path, hits, files)
    return False


def _parameter(line: str, column: int) -> str:
    """Return the parameter, annotation and all, whose default stands at `column` of `line`."""
    depth = 0
    for at in range(column - 2, -1, -1):
        if line[at] in ")]}":
            depth += 1
        elif line[at] in "([{":
            depth -= 1
        if depth < 0 or (depth == 0 and line[at] == ","):
            return line[at + 1 : column - 1]
    return line[: column - 1]


def _is_reexported(path: str, hits: Sequence[Hit], files: Mapping[str, bytes]) -> bool:
    """Whether another file seems to take one of the unused names from this one."""
    stem = PurePosixPath(path).stem
    module = re.escape(stem)
    names = {name_of(hit).rpartition(".")[2] for hit in hits}
    alternatives = "|".join(sorted(re.escape(name) for name in names))
    taken = re.compile(
        rf"\bfrom\s+[\w.]*\b{module}\s+import\s+(?:\*|\([^)]*\b(?:{alternatives})\b"
        rf"|[^\n(]*\b(?:{alternatives})\b)|\b{module}\.(?:{alternatives})\b"
    )
    return any(
        stem.encode() in data and other != path and taken.search(data.decode("utf-8"))
        for other, data in files.items()
    )
