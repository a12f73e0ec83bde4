"""`setup.cfg`, with what tox finds in it."""

from __future__ import annotations

import configparser
import posixpath

from mai.sandbox.manifests.collector import Collector, Entry
from mai.sandbox.manifests.requirement_files import read_requirement_file, requirement_lines
from mai.sandbox.manifests.tables import is_for_tests, line_of
from mai.sandbox.manifests.tox import read_tox_ini


def of_setup_cfg(collector: Collector, path: str) -> None:
    """Collect what a `setup.cfg` for setuptools asks for."""
    parser = _parsed(collector, path)
    if parser is None:
        return
    if parser.has_section("tox:tox"):
        read_tox_ini(collector, path, (collector.read(path) or b"").decode("utf-8", "replace"))
    own = collector.project(posixpath.dirname(path))
    own.name = own.name or parser.get("metadata", "name", fallback="").strip()
    for option in ("install_requires", "tests_require"):
        _take_value(collector, path, parser.get("options", option, fallback=""))
    if parser.has_section("options.extras_require"):
        for name, value in parser.items("options.extras_require"):
            own.add_extra(name, _numbered(collector, path, value))
            if is_for_tests(name):
                _take_value(collector, path, value)


def _take_value(collector: Collector, path: str, value: str) -> None:
    if value.strip().startswith("file:"):
        for name in value.strip().removeprefix("file:").split(","):
            read_requirement_file(
                collector, posixpath.normpath(posixpath.join(posixpath.dirname(path), name.strip()))
            )
        return
    collector.take(_numbered(collector, path, value))


def _numbered(collector: Collector, path: str, value: str) -> list[Entry]:
    """Return the requirements in an option's `value`, each with the line that it is on."""
    data = collector.read(path) or b""
    text = data.decode("utf-8", "replace")
    found = []
    for line in value.replace(";;", ";").splitlines():
        found += [
            Entry(entry.text, path, line_of(text, line.strip()))
            for entry in requirement_lines(line, path)
        ]
    return found


def _parsed(collector: Collector, path: str) -> configparser.ConfigParser | None:
    text = collector.text(path)
    if text is None:
        return None
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError):
        collector.drop(Entry("", path), "it cannot be parsed")
        return None
    return parser
