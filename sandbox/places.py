"""Where in a tree its projects lie: what is imported from, and which configuration holds."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.options import has_options

_PROJECT_FILES = frozenset({"pyproject.toml", "setup.py", "setup.cfg", "pytest.ini"})
_DEEPEST, _MOST = 3, 60
_PASSED_OVER = frozenset(
    {
        *("test", "tests", "testing", "fixtures", "data", "doc", "docs", "example", "examples"),
        *("demo", "demos", "sample", "samples", "template", "templates", "node_modules", "vendor"),
        *("build", "dist", "venv", "benchmarks", "site-packages"),
    }
)


def project_folders(root: str) -> list[str]:
    """Return the folders of the projects in the tree, the root first."""
    found = [root]
    for folder, folders, names in os.walk(root):
        depth = folder[len(root) :].count("/")
        folders[:] = sorted(
            name
            for name in folders
            if depth < _DEEPEST and not name.startswith(".") and name not in _PASSED_OVER
        )
        if depth and not _PROJECT_FILES.isdisjoint(names):
            found.append(folder)
    return found[:_MOST]


def import_paths(root: str) -> list[str]:
    """Return what goes in front of the import path: each project, or its `src` if it has one."""
    places = [root, f"{root}/src"]
    for folder in project_folders(root)[1:]:
        source = f"{folder}/src"
        places.append(source if Path(source).is_dir() else folder)
    return places


def configuration(root: str) -> Path | None:
    """Return the one configuration of pytest's below the root, where the root has none."""
    folders = project_folders(root)
    if has_options(Path(root)) is not None:
        return None
    found = [path for folder in folders[1:] if (path := has_options(Path(folder))) is not None]
    return found[0] if len(found) == 1 else None
