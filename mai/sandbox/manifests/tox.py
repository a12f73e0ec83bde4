"""What the environments that tests run in install, as tox's files name it, INI or TOML."""

from __future__ import annotations

import configparser
import itertools
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

from mai.sandbox.manifests.collector import Collector, Entry
from mai.sandbox.manifests.requirement_files import entries_of_line, requirement_lines
from mai.sandbox.manifests.tables import is_for_tests, line_of, parse_toml, strings, table

_DEEPEST = 5
_MOST_ALTERNATIVES = 200
_CONDITION = re.compile(r"([!\w.,{}-]+):\s+(?=\S)")
_REFERENCE = re.compile(r"\{\[(?P<section>[^\]{}]+)\](?P<option>[\w-]+)\}")
_DEFAULT = re.compile(r"\{env:\w+:(?P<default>[^{}]*)\}")
_HERE = re.compile(r"\{(?:toxinidir|tox_root)\}[/\\]?")
_VERSION = re.compile(r"(?:py)?(\d)\.?(\d+)")


def of_tox_ini(collector: Collector, path: str) -> None:
    """Collect what the environments of a `tox.ini` that tests run in install."""
    text = collector.text(path)
    if text is not None:
        read_tox_ini(collector, path, text)


def of_tox_toml(collector: Collector, path: str) -> None:
    """Collect what the environments of a `tox.toml` that tests run in install."""
    text = collector.text(path)
    if text is not None:
        read_tox_tables(collector, path, parse_toml(collector, path, text))


def read_tox_ini(collector: Collector, path: str, text: str) -> None:
    """Collect from tox's settings in `text`, which is the file at `path` or a part of it."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError):
        collector.drop(Entry("", path), "it cannot be parsed")
        return
    reader = _Reader(collector, path)
    for section in parser.sections():
        kind, _, name = section.partition(":")
        marker = _marker_of_environment(name)
        if kind == "testenv" and marker is not None:
            lines = _filled_in(parser, parser.get(section, "deps", fallback=""))
            extras, groups = (
                _words(parser.get(section, option, fallback=""))
                for option in ("extras", "dependency_groups")
            )
            reader.take(marker, lines, extras, groups)


def read_tox_tables(collector: Collector, path: str, tables: Mapping[str, Any]) -> None:
    """Collect from tox's settings in `tables` of the file at `path`."""
    if isinstance(legacy := tables.get("legacy_tox_ini"), str):
        read_tox_ini(collector, path, legacy)
    reader = _Reader(collector, path)
    environments = {"": table(tables, "env_run_base")}
    environments |= {name: table(tables, "env", name) for name in table(tables, "env")}
    for name, environment in environments.items():
        marker = _marker_of_environment(name)
        if marker is not None:
            lines = "\n".join(strings(environment.get("deps")))
            extras, groups = (
                strings(environment.get(option)) for option in ("extras", "dependency_groups")
            )
            reader.take(marker, lines, extras, groups)


class _Reader:
    """Takes what environments name. The project's own manifests are read before."""

    def __init__(self, collector: Collector, path: str) -> None:
        self._collector, self._path = collector, path
        self._own = collector.project(posixpath.dirname(path))
        self._text = (collector.read(path) or b"").decode("utf-8", "replace")

    def take(self, marker: str, lines: str, extras: list[str], groups: list[str]) -> None:
        """Collect what an environment names, which holds where `marker` does.

        Each of its `lines` may have a condition of its own before it.
        """
        with self._collector.apart() if marker else nullcontext():
            found = self._of_lines(lines)
        for name in extras:
            found += self._own.extra_entries(name)
        for name in groups:
            found += self._own.group_entries(name)
        self._collector.take(_limited(entry, marker) for entry in found)

    def _of_lines(self, value: str) -> list[Entry]:
        taken: list[Entry] = []
        for line in _DEFAULT.sub(r"\g<default>", _HERE.sub("./", value)).splitlines():
            number = line_of(self._text, line.strip().removeprefix("./"))
            condition = _CONDITION.match(line.strip())
            bare = line.strip()[condition.end() :] if condition else line
            marker = _marker_of(condition[1]) if condition else ""
            for found in requirement_lines(bare, self._path, number):
                entry = Entry(found.text, self._path, number)
                if marker is None:
                    named = Entry(line.strip(), self._path, number)
                    self._collector.drop(named, "it holds for some of tox's environments only")
                elif "{" in entry.text:
                    self._collector.drop(entry, "tox's substitutions are not filled in")
                else:
                    included = entries_of_line(self._collector, entry)
                    taken += [_limited(each, marker) for each in included]
        return taken


def _marker_of_environment(name: str) -> str | None:
    """Return the marker for an environment, None where it is not the one for tests."""
    if not name:
        return ""
    marker = _marker_of(name)
    has_version = re.search(r"\bpy\d|\b\d", name) is not None
    return "" if marker is None and is_for_tests(name) and not has_version else marker


def _words(value: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", value) if word]


def _filled_in(parser: configparser.ConfigParser, value: str) -> str:
    """Return `value` with what other sections say in the place of references to them."""
    for _ in range(_DEEPEST):
        if len(value) > 1 << 20 or not _REFERENCE.search(value):
            break
        value = _REFERENCE.sub(
            lambda match: parser.get(match["section"], match["option"], fallback=match[0]), value
        )
    return value


def _marker_of(condition: str) -> str | None:
    """Return the marker for factors such as `py{310,311}-test`, None where it is not for tests.

    Factors are alternatives behind commas, and hold together where hyphens join them.
    """
    versions = []
    for alternative in itertools.islice(_alternatives(condition), _MOST_ALTERNATIVES):
        factors = [factor for factor in alternative.split("-") if not factor.startswith("!")]
        found = [_VERSION.fullmatch(factor) for factor in factors]
        rest = [factor for factor, match in zip(factors, found, strict=True) if match is None]
        if all(is_for_tests(factor) or factor in {"py", "py3", "linux"} for factor in rest):
            named = [f"python_version == '{match[1]}.{match[2]}'" for match in found if match]
            if not named:
                return ""
            versions += named
    return " or ".join(dict.fromkeys(versions)) or None


def _alternatives(condition: str) -> Iterator[str]:
    """Yield what the commas and braces of a condition stand for."""
    for part in re.findall(r"(?:\{[^{}]*\}|[^,{}])+", condition):
        pieces = [
            piece[1:-1].split(",") if piece.startswith("{") else [piece]
            for piece in re.findall(r"\{[^{}]*\}|[^{}]+", part)
        ]
        yield from map("".join, itertools.product(*pieces))


def _limited(entry: Entry, marker: str) -> Entry:
    """Return a requirement that holds where `marker` does, too."""
    if not marker:
        return entry
    bare, _, own = entry.text.partition(";")
    both = f"({own.strip()}) and ({marker})" if own.strip() else marker
    return Entry(f"{bare.strip()} ; {both}", entry.file, entry.line)
