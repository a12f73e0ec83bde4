"""`pyproject.toml`: the standard tables (PEP 621, PEP 735) and those of the build backends."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from mai.sandbox.manifests.collector import Collector, Entry, Project
from mai.sandbox.manifests.poetry import of_poetry
from mai.sandbox.manifests.requirement_files import requirement_entries, requirement_lines
from mai.sandbox.manifests.tables import is_for_tests, line_of, parse_toml, strings, table
from mai.sandbox.manifests.tox import read_tox_tables


def of_pyproject(collector: Collector, path: str) -> None:
    """Collect what the project at `path` needs to run and to be tested."""
    text = collector.text(path)
    if text is not None:
        _Reader(collector, path, text, parse_toml(collector, path, text)).read()


def of_hatch_file(collector: Collector, path: str) -> None:
    """Collect what a `hatch.toml` names for its environments."""
    text = collector.text(path)
    if text is not None:
        _Reader(collector, path, text, {}).read_hatch(parse_toml(collector, path, text))


class _Reader:
    """Reads one manifest. `tables` is what it holds."""

    def __init__(
        self, collector: Collector, path: str, text: str, tables: Mapping[str, Any]
    ) -> None:
        self._collector, self._path, self._text, self._tables = collector, path, text, tables
        self._folder = posixpath.dirname(path)
        self._tool = table(tables, "tool")
        self._groups: dict[str, Any] = {
            canonicalize_name(name): group
            for name, group in table(tables, "dependency-groups").items()
        }

    def read(self) -> None:
        """Collect from every table that names requirements."""
        project = table(self._tables, "project")
        poetry = table(self._tool, "poetry")
        flit = table(self._tool, "flit", "metadata")
        own = self._collector.project(self._folder)
        names = (project.get("name"), poetry.get("name"), flit.get("dist-name"), flit.get("module"))
        own.name = own.name or next((name for name in names if isinstance(name, str)), "")
        self._read_project(project, own)
        self._read_dynamic(own)
        self._take(flit.get("requires"))
        for name, value in table(flit, "requires-extra").items():
            own.add_extra(name, self._entries(value))
        for name in self._groups:
            own.groups[name] = self._group(name, set())
        for name in self._wanted_groups():
            self._collector.take(own.group_entries(name))
        for name, value in table(self._tool, "pdm", "dev-dependencies").items():
            if is_for_tests(name):
                self._take(value)
        self._take(table(self._tool, "uv").get("dev-dependencies"))
        of_poetry(self._collector, poetry, self._path, self._text)
        self.read_hatch(table(self._tool, "hatch"))
        read_tox_tables(self._collector, self._path, table(self._tool, "tox"))
        self._take_extras(own, filter(is_for_tests, own.extras))

    def _read_project(self, project: Mapping[str, Any], own: Project) -> None:
        self._take(project.get("dependencies"))
        for name, value in table(project, "optional-dependencies").items():
            own.add_extra(name, self._entries(value))

    def _read_dynamic(self, own: Project) -> None:
        """Collect what backends read from files into the project's metadata."""
        setuptools = table(self._tool, "setuptools", "dynamic")
        hook = table(self._tool, "hatch", "metadata", "hooks", "requirements_txt")
        self._take_files(table(setuptools, "dependencies").get("file"))
        self._take_files(hook.get("files") or hook.get("filename"))
        for extras in (
            table(setuptools, "optional-dependencies"),
            table(hook, "optional-dependencies"),
        ):
            for name, value in extras.items():
                files = value.get("file") if isinstance(value, dict) else value
                for path in self._paths(files):
                    own.add_extra(name, requirement_entries(self._collector, path))

    def read_hatch(self, hatch: Mapping[str, Any]) -> None:
        """Collect what the environments of `hatch` that tests run in have."""
        own = self._collector.project(self._folder)
        for name, environment in table(hatch, "envs").items():
            if name != "default" and not is_for_tests(name):
                continue
            if not isinstance(environment, dict):
                continue
            for key in ("dependencies", "extra-dependencies"):
                self._take(environment.get(key))
            self._take_extras(own, strings(environment.get("features")))
            for group in strings(environment.get("dependency-groups")):
                self._collector.take(own.group_entries(group))

    def _wanted_groups(self) -> Iterator[str]:
        yield from (name for name in self._groups if is_for_tests(name))
        yield from strings(table(self._tool, "uv").get("default-groups"))

    def _group(self, name: str, seen: set[str]) -> list[Entry]:
        """Return what a dependency group asks for with those that it includes (PEP 735)."""
        group = self._groups.get(name)
        if name in seen or not isinstance(group, list):
            return []
        seen.add(name)
        found = self._entries(group)
        for entry in group:
            if isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
                found += self._group(canonicalize_name(entry["include-group"]), seen)
        return found

    def _take_extras(self, own: Project, names: Iterator[str] | list[str]) -> None:
        for name in list(names):
            self._collector.take(own.extra_entries(name))

    def _take(self, value: object) -> None:
        self._collector.take(self._entries(value))

    def _take_files(self, value: object) -> None:
        for path in self._paths(value):
            self._collector.take(requirement_entries(self._collector, path))

    def _paths(self, value: object) -> list[str]:
        paths = [
            part.strip() for text in strings(value) for part in text.split(",") if part.strip()
        ]
        return [posixpath.normpath(posixpath.join(self._folder, path)) for path in paths]

    def _entries(self, value: object) -> list[Entry]:
        found = []
        for text in strings(value):
            line = line_of(self._text, text)
            found += requirement_lines(text, self._path, line)
        return found
