"""What a repo says it needs, as names and version specifiers and nothing else.

Everything else that pip reads in such files (options, addresses, paths, `${VARIABLES}`) is left
out: an index in a requirements file would be told what is in the environment, and an address would
be fetched and built.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

Read = Callable[[str], bytes | None]

_PYPROJECT = "pyproject.toml"
_TESTING = ("test", "tests", "testing", "dev", "develop", "development")
#: The files that are read, where the repo has them.
FILES = (
    _PYPROJECT,
    "requirements.txt",
    *(f"requirements-{name}.txt" for name in _TESTING),
    *(f"requirements_{name}.txt" for name in _TESTING),
    *(f"{name}-requirements.txt" for name in _TESTING),
    *(f"requirements/{name}.txt" for name in ("base", *_TESTING)),
)
_LARGEST_BYTES = 1 << 20
_MOST = 300
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Requirements in PEP 508's form without addresses, sorted; and how many lines were none."""

    requirements: tuple[str, ...] = ()
    left_out: int = 0

    def __bool__(self) -> bool:
        return bool(self.requirements)


def read_dependencies(read: Read) -> Dependencies:
    """Return what the tree that `read` reads from needs to run and to be tested."""
    found: set[str] = set()
    left_out = 0
    own = ""
    lines: list[str] = []
    for path in FILES:
        data = read(path)
        if data is None or len(data) > _LARGEST_BYTES:
            continue
        text = data.decode("utf-8", "replace")
        if path == _PYPROJECT:
            own, more = _of_pyproject(text)
            lines += more
        else:
            lines += _of_requirements(text)
    for line in lines:
        requirement = _plain(line, own)
        if requirement is None:
            left_out += 1
        elif requirement:
            found.add(requirement)
    return Dependencies(tuple(sorted(found)[:_MOST]), left_out + max(0, len(found) - _MOST))


def _plain(line: str, own: str) -> str | None:
    """Return a requirement in one form, "" for the repo itself, None where it is no plain one."""
    if len(line) > _LONGEST or "$" in line:
        return None
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return None
    if requirement.url is not None:
        return None
    if canonicalize_name(requirement.name) == own:
        return ""
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)


def _of_requirements(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        bare = line.partition(" #")[0].partition(" --")[0].strip()
        if bare and not bare.startswith("#"):
            yield bare


def _of_pyproject(text: str) -> tuple[str, list[str]]:
    """Return the project's own name and what it needs."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError):
        return "", []
    project = _table(table.get("project"))
    lines = _strings(project.get("dependencies"))
    extras = _table(project.get("optional-dependencies"))
    for name in extras:
        if canonicalize_name(name) in _TESTING:
            lines += _strings(extras[name])
    groups = {
        canonicalize_name(name): group
        for name, group in _table(table.get("dependency-groups")).items()
    }
    seen: set[str] = set()
    for name in _TESTING:
        lines += _group(groups, name, seen)
    own = project.get("name")
    return (canonicalize_name(own) if isinstance(own, str) else ""), lines


def _group(groups: dict[Any, Any], name: str, seen: set[str]) -> list[str]:
    """Return a dependency group with those it includes (PEP 735), each once."""
    if name in seen or name not in groups or not isinstance(groups[name], list):
        return []
    seen.add(name)
    lines: list[str] = []
    for entry in groups[name]:
        if isinstance(entry, str):
            lines.append(entry)
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
            lines += _group(groups, canonicalize_name(entry["include-group"]), seen)
    return lines


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> list[str]:
    entries: Iterable[Any] = value if isinstance(value, list) else ()
    return [entry for entry in entries if isinstance(entry, str)]
