"""Collects what manifests name, each requirement and each line that cannot be taken with its place.

Names and version specifiers are all that leaves this module. An index in a requirements file would
learn what is in the environment, and an address or a path would be fetched and built.
"""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mai.text import one_line

Read = Callable[[str], bytes | None]

_LARGEST_BYTES = 1 << 20
_LONGEST = 300
_MOST_FILES = 200
_MOST_ENTRIES = 5_000
_SHOWN_CHARACTERS = 80
_EXTRAS = re.compile(r"(?P<path>[^\[\]]*)(?:\[(?P<extras>[^\]]*)\])?")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A requirement as a manifest has it. `line` counts from 1, 0 where it is not known."""

    text: str
    file: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Dropped:
    """A line that was not taken, and why."""

    file: str
    line: int
    text: str
    why: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} `{one_line(self.text, _SHOWN_CHARACTERS)}` ({self.why})"


@dataclass(slots=True)
class Project:
    """A project of the tree: where it lies, and what its extras and groups ask for."""

    folder: str
    name: str = ""
    extras: dict[str, list[Entry]] = field(default_factory=dict)
    groups: dict[str, list[Entry]] = field(default_factory=dict)

    def add_extra(self, name: str, entries: Iterable[Entry]) -> None:
        """Add what the extra `name` asks for."""
        self.extras.setdefault(canonicalize_name(name), []).extend(entries)

    def extra_entries(self, name: str) -> list[Entry]:
        """Return what the extra `name` asks for."""
        return self.extras.get(canonicalize_name(name), [])

    def group_entries(self, name: str) -> list[Entry]:
        """Return what the dependency group `name` asks for, with the groups that it includes."""
        return self.groups.get(canonicalize_name(name), [])


@dataclass(slots=True)
class Collector:
    """What the manifests of one tree name. `read` returns a file's content, None for no file."""

    read: Read
    entries: list[Entry] = field(default_factory=list)
    constraints: list[Entry] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    projects: dict[str, Project] = field(default_factory=dict)  # by folder
    _files: set[str] = field(default_factory=set)

    def text(self, path: str) -> str | None:
        """Return a manifest as text in whatever encoding its mark names, None where it is none."""
        data = self.read(path)
        if data is None or len(self._files) >= _MOST_FILES:
            return None
        self._files.add(path)
        if len(data) > _LARGEST_BYTES:
            self.drop(Entry("", path), "the file is too large")
            return None
        for mark, encoding in _BOMS:
            if data.startswith(mark):
                return data.decode(encoding, "replace").removeprefix("\ufeff")
        return data.decode("utf-8", "replace")

    def is_known(self, path: str) -> bool:
        """Whether the file was read before, so that files that include each other end."""
        return path in self._files

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Read files that hold for a part only; they may be read again for the rest."""
        known = set(self._files)
        try:
            yield
        finally:
            self._files = known

    def project(self, folder: str) -> Project:
        """Return the project that lies in `folder`, "" for the root."""
        return self.projects.setdefault(folder, Project(folder))

    def take(self, entries: Iterable[Entry]) -> None:
        """Note requirements of the tree."""
        self.entries += entries
        del self.entries[_MOST_ENTRIES:]

    def drop(self, entry: Entry, why: str) -> None:
        """Note a line that cannot be taken."""
        if len(self.dropped) < _MOST_ENTRIES:
            self.dropped.append(Dropped(entry.file, entry.line, entry.text, why))

    def resolve(self) -> dict[str, Entry]:
        """Return each plain requirement, in one form, with where it is named first.

        What names a project of the tree itself stands for the extras that it names with it.
        """
        named = {
            canonicalize_name(project.name): project
            for project in self.projects.values()
            if project.name
        }
        found: dict[str, Entry] = {}
        waiting, done = list(reversed(self.entries)), set[tuple[str, str]]()
        while waiting:
            entry = waiting.pop()
            own, extras = self._own(entry, named)
            if own is not None:
                for extra in extras:
                    key = (own.folder, canonicalize_name(extra))
                    if key not in done:
                        done.add(key)
                        waiting += reversed(own.extras.get(key[1], []))
                continue
            requirement = self._plain(entry)
            if requirement is not None:
                found.setdefault(requirement, entry)
        return found

    def resolve_constraints(self) -> tuple[str, ...]:
        """Return the version limits that the files name with `-c`, in one form, sorted."""
        plain = (self._plain(entry) for entry in self.constraints)
        return tuple(sorted({text for text in plain if text and "[" not in text.partition(";")[0]}))

    def _own(self, entry: Entry, named: dict[Any, Project]) -> tuple[Project | None, list[str]]:
        """Return the project of the tree that `entry` names, and which of its extras."""
        match = _EXTRAS.fullmatch(entry.text.partition(";")[0].strip())
        if match is None:
            return None, []
        extras = [extra.strip() for extra in (match["extras"] or "").split(",") if extra.strip()]
        path = match["path"].strip()
        if path.startswith("."):
            for start in ("", posixpath.dirname(entry.file)):
                folder = posixpath.normpath(posixpath.join(start, path)).removeprefix(".")
                if folder in self.projects:
                    return self.projects[folder], extras
            return None, []
        try:
            requirement = Requirement(entry.text)
        except InvalidRequirement:
            return None, []
        own = named.get(canonicalize_name(requirement.name))
        return own, sorted(requirement.extras)

    def _plain(self, entry: Entry) -> str | None:
        """Return a requirement without an address in one form, None where there is none."""
        if len(entry.text) > _LONGEST:
            self.drop(entry, "the line is too long")
        elif "$" in entry.text:
            self.drop(entry, "variables are not filled in")
        else:
            try:
                requirement = Requirement(entry.text)
            except InvalidRequirement:
                self.drop(entry, _why_invalid(entry.text))
                return None
            if requirement.url is None:
                requirement.name = canonicalize_name(requirement.name)
                return str(requirement)
            self.drop(entry, _ADDRESS)
        return None


_ADDRESS = "addresses are not fetched"


def _why_invalid(text: str) -> str:
    if "://" in text or text.startswith("git+"):
        return _ADDRESS
    if text.startswith((".", "/", "~")) or "\\" in text or text.endswith((".whl", ".gz", ".zip")):
        return "paths are not installed"
    return "it is no requirement"
