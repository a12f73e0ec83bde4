"""Judges what a project's manifests gain: dependencies, their sources, what building runs."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from mai.proposal import Finding
from mai.risk.paths import finding

_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_ELSEWHERE = re.compile(
    r"(?:^|\s)(?:-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host|--no-index|-e|--editable)\b"
    r"|(?:git|hg|svn|bzr)\+|https?://|file:|@\s*\S+:|^\s*(?:\./|\.\./|/)",
)
# Tables of tools that read code and never run what a table says.
_HARMLESS_TOOLS = frozenset(
    {
        "ruff",
        "black",
        "isort",
        "pyright",
        "basedpyright",
        "codespell",
        "towncrier",
        "interrogate",
        "pydocstyle",
        "bandit",
        "typos",
        "vulture",
        "djlint",
        "semantic_release",
        "commitizen",
        "importlinter",
        "flake8",
        "yapf",
    }
)
_RUNS = "It decides what runs when the project is built, installed or tested."
_FROM_ELSEWHERE = "A package would come from {0}, and its code runs on installation."
_NEW = "{0} is new: its code, and that of all it needs, runs on installation and import."
_OTHER = "{0} is required in another version, and another version is other code."
_ENTRY = "Installing it puts the command or plug-in {0} in place."


def judges(path: str) -> bool:
    """Whether this module knows the file."""
    name = path.rpartition("/")[2].lower()
    return name in {
        "pyproject.toml",
        "setup.cfg",
        "pipfile",
        "uv.toml",
        "pip.conf",
        "environment.yml",
    } or (_is_requirements(path))


def _is_requirements(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name.endswith((".txt", ".in")) and (
        "requirements" in path.lower() or "constraints" in name
    )


def judge_manifest(path: str, data: bytes, base: bytes | None) -> Iterator[Finding]:
    """Yield what the manifest asks for that it did not ask for before."""
    name = path.rpartition("/")[2].lower()
    after, before = _text(data), _text(base or b"")
    if name == "pyproject.toml":
        yield from _pyproject(path, after, before)
    elif name == "setup.cfg":
        yield from _setup_cfg(path, after, before)
    elif _is_requirements(path):
        yield from _lines(path, after.splitlines(), before.splitlines())
    elif after != before:
        yield finding(
            "deps.changed", path, "It decides which packages are installed, and from where."
        )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _lines(path: str, after: list[str], before: list[str]) -> Iterator[Finding]:
    known = {name for line in before if (name := _package(line))}
    seen = {" ".join(line.split()) for line in before}
    for number, line in enumerate(after, start=1):
        text = " ".join(line.partition(" #")[0].split())
        if not text or text.startswith("#") or " ".join(line.split()) in seen or text in seen:
            continue
        if text.startswith(("--hash", "\\")):
            continue
        yield _requirement(path, text, known, number)


def _package(requirement: str) -> str:
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""


def _requirement(path: str, text: str, known: set[str], line: int = 0) -> Finding:
    if _ELSEWHERE.search(text):
        return finding("deps.source", path, _FROM_ELSEWHERE.format(text[:80]), line)
    name = _package(text) or text[:40]
    return finding("deps.changed", path, (_OTHER if name in known else _NEW).format(name), line)


def _pyproject(path: str, after: str, before: str) -> Iterator[Finding]:
    try:
        new = tomllib.loads(after)
    except (tomllib.TOMLDecodeError, RecursionError):
        yield finding("path.build", path, "It is not valid TOML, so nobody can say what it runs.")
        return
    try:
        old = tomllib.loads(before)
    except (tomllib.TOMLDecodeError, RecursionError):
        old = {}
    if new.get("build-system") != old.get("build-system"):
        yield finding(
            "path.build", path, "The build system is code that runs when the project is installed."
        )
    yield from _project(path, _table(new, "project"), _table(old, "project"))
    yield from _groups(path, _table(new, "dependency-groups"), _table(old, "dependency-groups"))
    tools, old_tools = _table(new, "tool"), _table(old, "tool")
    for name, table in tools.items():
        if table != old_tools.get(name):
            yield from _tool(path, name, table, old_tools.get(name))
    for name in set(old_tools) - set(tools) - _HARMLESS_TOOLS:
        yield finding("path.build", path, f"The settings of {name} are gone. {_RUNS}")


def _table(owner: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = owner.get(name)
    return found if isinstance(found, dict) else {}


def _project(path: str, new: dict[str, Any], old: dict[str, Any]) -> Iterator[Finding]:
    yield from _list(path, new.get("dependencies"), old.get("dependencies"))
    yield from _groups(
        path, _table(new, "optional-dependencies"), _table(old, "optional-dependencies")
    )
    for name in ("scripts", "gui-scripts", "entry-points"):
        if new.get(name) != old.get(name):
            changed = [
                key
                for key, value in _table(new, name).items()
                if value != _table(old, name).get(key)
            ]
            yield finding(
                "deps.entry-point",
                path,
                _ENTRY.format(", ".join(changed)[:80] or "it had before no more"),
            )
    if new.get("dynamic") != old.get("dynamic"):
        yield finding("path.build", path, "What the build works out by itself has changed.")


def _groups(path: str, new: dict[str, Any], old: dict[str, Any]) -> Iterator[Finding]:
    for name in sorted({*new, *old}):
        yield from _list(path, new.get(name), old.get(name))


def _list(path: str, new: Any, old: Any) -> Iterator[Finding]:
    after = [str(item) for item in new] if isinstance(new, list) else []
    before = [str(item) for item in old] if isinstance(old, list) else []
    known = {_package(item) for item in before}
    for item in after:
        if item not in before:
            yield _requirement(path, item, known)
    names = {_package(item) for item in after}
    for item in before:
        if _package(item) not in names:
            yield finding("deps.changed", path, f"{_package(item)} is required no more.")


def _tool(path: str, name: str, new: Any, old: Any) -> Iterator[Finding]:
    if name in _HARMLESS_TOOLS:
        return
    if name == "mypy" and "plugins" not in str(new):
        return
    if name in {"poetry", "uv", "pdm", "pixi"}:
        found = repr(new)
        rule = (
            "deps.source"
            if re.search(r"'(?:git|url|path|index|source|sources)'", found)
            else "deps.changed"
        )
        yield finding(rule, path, f"What {name} installs, and from where, has changed.")
        return
    if name in {"pytest", "coverage", "tox", "nox"}:
        yield finding(
            "path.test-settings",
            path,
            f"The settings of {name} decide which tests run and what they report.",
        )
        return
    del old
    yield finding("path.build", path, f"The settings of {name} have changed. {_RUNS}")


def _setup_cfg(path: str, after: str, before: str) -> Iterator[Finding]:
    new, old = _sections(after), _sections(before)
    if new is None:
        yield finding("path.build", path, "It cannot be read, so nobody can say what it runs.")
        return
    for name in sorted({*new, *(old or {})}):
        if new.get(name) == (old or {}).get(name):
            continue
        if name in {"tool:pytest", "pytest", "coverage:run", "aliases", "test"}:
            yield finding(
                "path.test-settings",
                path,
                f"[{name}] decides which tests run and what they report.",
            )
        elif name.startswith("options.entry_points"):
            yield finding("deps.entry-point", path, _ENTRY.format("it names"))
        elif name.startswith("options"):
            yield finding("deps.changed", path, f"[{name}] decides which packages are installed.")
        elif name not in {
            "metadata",
            "flake8",
            "isort",
            "pycodestyle",
            "pydocstyle",
            "pylint",
            "bdist_wheel",
        }:
            yield finding("path.build", path, f"[{name}] has changed. {_RUNS}")


def _sections(text: str) -> dict[str, dict[str, str]] | None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {name: dict(parser.items(name)) for name in parser.sections()}
