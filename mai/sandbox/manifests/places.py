"""Where in a tree manifests lie: at the root, and in the folders of further projects."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence

from mai.sandbox.manifests.tables import is_for_tests, is_off_topic

#: Each of them makes a folder that of a project.
PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py", "Pipfile")
_MORE_FILES = ("hatch.toml", "tox.ini", "tox.toml", "noxfile.py")
_PLAIN = ("base", "common", "core", "main", "default", "runtime", "install", "prod", "production")
_TESTING = ("test", "tests", "testing", "dev", "develop", "development", "local", "ci")
_FOLDERS = frozenset({"requirements", "reqs", "requires"})
_TEST_FOLDERS = frozenset({"test", "tests", "testing"})
_REQUIREMENTS = re.compile(r"(?:requirements|reqs)[-_.](.+)|(.+)[-_.](?:requirements|reqs)")
_DEEPEST = 3
_MOST_PROJECTS = 60
#: What is in such folders is no part of the application, but data or a program of its own.
_PASSED_OVER = frozenset(
    {
        *("test", "tests", "testing", "fixtures", "data", "testdata", "doc", "docs", "example"),
        *("examples", "demo", "demos", "sample", "samples", "tutorial", "tutorials", "template"),
        *("templates", "node_modules", "vendor", "vendored", "_vendor", "third_party", "bench"),
        *("benchmark", "benchmarks", "build", "dist", "site-packages", "venv"),
    }
)


def usual_places(folder: str) -> list[str]:
    """Return where a project in `folder` has its manifests, for a tree that cannot be listed."""
    names = [*PROJECT_FILES, *_MORE_FILES, "requirements.txt", "requirements.in"]
    for name in (*_PLAIN, *_TESTING):
        names += [
            f"requirements-{name}.txt",
            f"requirements_{name}.txt",
            f"{name}-requirements.txt",
        ]
        names += [f"{name}_requirements.txt", f"requirements/{name}.txt", f"requirements/{name}.in"]
    names += [f"{tests}/requirements.txt" for tests in sorted(_TEST_FOLDERS)]
    return [posixpath.join(folder, name) for name in names]


def manifest_places(paths: Iterable[str]) -> list[str]:
    """Return the manifests among `paths`, those at the root first."""
    folders: dict[str, set[str]] = {"": set()}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if name.endswith(".py") and name not in (*PROJECT_FILES, *_MORE_FILES):
            continue  # most of a tree, and no manifest
        parent, _, last = folder.rpartition("/")
        if last in _FOLDERS:
            folder, name = parent, f"{last}/{name}"
            parent, _, last = parent.rpartition("/")
        if last in _TEST_FOLDERS:  # they are those of the project that the tests are for
            folder, name = parent, f"{last}/{name}"
        folders.setdefault(folder, set()).add(name)
    found = []
    for folder in ("", *_project_folders(folders)):
        names = folders[folder]
        chosen = [name for name in (*PROJECT_FILES, *_MORE_FILES) if name in names]
        chosen += sorted(name for name in names if _is_requirement_file(name, names))
        found += [posixpath.join(folder, name) for name in chosen]
    return found


def _project_folders(folders: Mapping[str, set[str]]) -> list[str]:
    found = [
        folder
        for folder, names in folders.items()
        if folder and _is_project(folder.split("/"), names)
    ]
    return sorted(found, key=lambda folder: (folder.count("/"), folder))[:_MOST_PROJECTS]


def _is_project(parts: Sequence[str], names: set[str]) -> bool:
    is_apart = len(parts) > _DEEPEST or any(
        part.startswith(".") or part in _PASSED_OVER for part in parts
    )
    return not is_apart and not names.isdisjoint((*PROJECT_FILES, "requirements.txt"))


def _is_requirement_file(name: str, names: set[str]) -> bool:
    stem, dot, kind = name.rpartition(".")
    if not dot or kind not in {"txt", "in", "pip"}:
        return False
    if kind == "in" and f"{stem}.txt" in names:
        return False  # what was made of it names the same, with exact versions
    *folders, base = stem.split("/")
    if folders and folders[-1] in _FOLDERS:
        return base == "requirements" or _is_wanted(base) or base == "py3"
    words = _REQUIREMENTS.fullmatch(base)
    return base == "requirements" or (words is not None and _is_wanted(words[1] or words[2]))


def _is_wanted(about: str) -> bool:
    is_named = about in _PLAIN or about in _TESTING or is_for_tests(about)
    return is_named and not is_off_topic(about)
