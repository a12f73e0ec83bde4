"""`setup.cfg` and `tox.ini`."""

from __future__ import annotations

import configparser
import posixpath
import re

from mai.sandbox.manifests.collector import Collector, Entry
from mai.sandbox.manifests.requirement_files import read_requirement_file, requirement_lines
from mai.sandbox.manifests.tables import is_for_tests, line_of

_FACTORS = re.compile(r"[!\w.,{}-]+:\s+(?=\S)")


def of_setup_cfg(collector: Collector, path: str) -> None:
    """Collect what a `setup.cfg` for setuptools asks for."""
    parser = _parsed(collector, path)
    if parser is None:
        return
    own = collector.project(posixpath.dirname(path))
    own.name = own.name or parser.get("metadata", "name", fallback="").strip()
    for option in ("install_requires", "tests_require"):
        _take_value(collector, path, parser.get("options", option, fallback=""))
    if parser.has_section("options.extras_require"):
        for name, value in parser.items("options.extras_require"):
            own.add_extra(name, _numbered(collector, path, value))
            if is_for_tests(name):
                _take_value(collector, path, value)


def of_tox_ini(collector: Collector, path: str) -> None:
    """Collect what the environments of a `tox.ini` that tests run in install."""
    parser = _parsed(collector, path)
    if parser is None:
        return
    folder = posixpath.dirname(path)
    own = collector.project(folder)
    for section in parser.sections():
        kind, _, name = section.partition(":")
        if kind != "testenv" or (name and not _is_test_environment(name)):
            continue
        for entry in _numbered(collector, path, parser.get(section, "deps", fallback="")):
            if _FACTORS.match(entry.text):
                collector.drop(entry, "it holds for some of tox's environments only")
            elif entry.text.startswith(("-r", "-c", "--requirement")):
                name_of_file = re.sub(r"^(-r|-c|--requirement)[=\s]*", "", entry.text)
                name_of_file = name_of_file.replace("{toxinidir}/", "")
                read_requirement_file(
                    collector, posixpath.normpath(posixpath.join(folder, name_of_file))
                )
            elif "{" in entry.text:
                collector.drop(entry, "tox's substitutions are not filled in")
            else:
                collector.take([entry])
        for extra in re.split(r"[\s,]+", parser.get(section, "extras", fallback="")):
            collector.take(own.extras.get(extra.replace("_", "-").lower(), []))


def _is_test_environment(name: str) -> bool:
    return is_for_tests(name) or re.match(r"(?:\{?py\d?)", name) is not None


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
