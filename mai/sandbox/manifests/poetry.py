"""Poetry's and Pipenv's tables, whose versions and markers are written in ways of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from mai.sandbox.manifests.collector import Collector, Entry
from mai.sandbox.manifests.tables import (
    is_for_tests,
    is_off_topic,
    line_of,
    parse_toml,
    strings,
    table,
)

_ELSEWHERE = ("git", "url", "path", "file", "hg", "svn")


def of_poetry(collector: Collector, poetry: Mapping[str, Any], path: str, text: str) -> None:
    """Collect what the table `[tool.poetry]` of the manifest at `path` asks for."""
    main = table(poetry, "dependencies")
    for group, dependencies in _groups(poetry):
        entries = _entries(collector, dependencies, path, text)
        if group == "" or not is_off_topic(group):
            collector.take(entry for entry, is_optional in entries if not is_optional)
    wanted = {
        package
        for name, packages in table(poetry, "extras").items()
        if is_for_tests(name)
        for package in strings(packages)
    }
    optional = {name: value for name, value in main.items() if name in wanted}
    collector.take(entry for entry, _ in _entries(collector, optional, path, text))


def of_pipfile(collector: Collector, path: str) -> None:
    """Collect what a Pipfile asks for."""
    text = collector.text(path)
    if text is None:
        return
    tables = parse_toml(collector, path, text)
    for name in ("packages", "dev-packages"):
        entries = _entries(collector, table(tables, name), path, text)
        collector.take(entry for entry, _ in entries)


def _groups(poetry: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "", table(poetry, "dependencies")
    yield "dev", table(poetry, "dev-dependencies")
    for name, group in table(poetry, "group").items():
        is_optional = isinstance(group, dict) and group.get("optional") is True
        if not is_optional or is_for_tests(name):
            yield name, table(table(poetry, "group"), name, "dependencies")


def _entries(
    collector: Collector, dependencies: Mapping[str, Any], path: str, text: str
) -> Iterator[tuple[Entry, bool]]:
    """Yield each dependency in PEP 508's form, and whether it is optional."""
    for name, value in dependencies.items():
        if name.lower() == "python":
            continue
        line = line_of(text, name)
        for one in value if isinstance(value, list) else [value]:
            details = one if isinstance(one, dict) else {"version": one}
            if set(_ELSEWHERE) & details.keys():
                folder = details.get("path")
                if isinstance(folder, str):  # a project of the repo's own, or a path that is told
                    folder = folder if folder.startswith(("/", ".")) else f"./{folder}"
                    yield Entry(folder, path, line), False
                else:
                    collector.drop(Entry(f"{name} = {one}", path, line), _ADDRESS)
                continue
            try:
                requirement = _requirement(name, details)
            except (InvalidSpecifier, InvalidVersion, TypeError, ValueError):
                collector.drop(
                    Entry(f"{name} = {one}", path, line), "its version is not understood"
                )
                continue
            yield Entry(requirement, path, line), details.get("optional") is True


_ADDRESS = "addresses are not fetched"


def _requirement(name: str, details: Mapping[str, Any]) -> str:
    extras = ",".join(strings(details.get("extras")))
    markers = [f"({details['markers']})"] if isinstance(details.get("markers"), str) else []
    if isinstance(python := details.get("python"), str):
        markers += [
            f"python_version {each.operator} '{_shortened(each.version)}'"
            for each in SpecifierSet(specifier_of(python))
        ]
    if isinstance(platform := details.get("platform"), str):
        markers.append(f"sys_platform == '{platform}'")
    # Pipenv has PEP 508's markers as keys of their own.
    markers += [
        f"{key} {details[key]}"
        for key in ("sys_platform", "os_name", "python_version", "platform_machine")
        if isinstance(details.get(key), str)
    ]
    version = details.get("version", "*")
    if not isinstance(version, str):
        raise TypeError
    suffix = f" ; {' and '.join(markers)}" if markers else ""
    return f"{name}{f'[{extras}]' if extras else ''}{specifier_of(version)}{suffix}"


def _shortened(version: str) -> str:
    """Return a Python version as markers compare it: two numbers, or with a `.*` as it is."""
    parts = version.split(".")
    return ".".join(parts[:2]) + (".*" if parts[-1] == "*" and len(parts) > 1 else "")


def specifier_of(version: str) -> str:
    """Return the specifier that Poetry's `version` stands for, such as `>=1.2,<2` for `^1.2`.

    Of alternatives (`1.* || 3.*`) the last is taken; PEP 440 has none.

    Raises:
        InvalidSpecifier, InvalidVersion, ValueError: it stands for none.
    """
    last = re.split(r"\|\|?", version)[-1].strip()
    spaced = re.sub(r"(~=|[<>=!]=?=?|\^|~)\s+", r"\1", last)
    parts = [part for part in re.split(r"[,\s]+", spaced) if part]
    return str(SpecifierSet(",".join(_each(parts))))


def _each(parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        if part in {"*", "latest"}:
            continue
        if part.startswith("^"):
            yield from _caret(part[1:])
        elif part.startswith("~") and not part.startswith("~="):
            yield from _tilde(part[1:])
        elif part[0].isdigit() or part[0] == "v":
            yield f"=={part}"
        elif part.startswith("=") and not part.startswith("=="):
            yield f"={part}"
        else:
            yield part


def _caret(text: str) -> Iterator[str]:
    """Yield the limits of a caret: the first number that is not zero stays."""
    text = text.removesuffix(".*")
    release = list(Version(text).release)
    place = next((n for n, number in enumerate(release) if number), len(release) - 1)
    yield f">={text}"
    yield f"<{_next(release[: place + 1])}"


def _tilde(text: str) -> Iterator[str]:
    """Yield the limits of a tilde: the first two numbers stay, or the one there is."""
    text = text.removesuffix(".*")
    yield f">={text}"
    yield f"<{_next(list(Version(text).release)[:2])}"


def _next(release: list[int]) -> str:
    return ".".join(map(str, [*release[:-1], release[-1] + 1]))
