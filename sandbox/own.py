"""Whose copy of a package is tested: the tree's, also where the test runner imports one itself.

A repo may be pluggy, or another package that pytest and its plugins had imported before there was
a tree. Its tests would then import, and judge, the copy that is installed in the image.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# What Python imports when it starts is the image's, wherever a repo has a file of that name.
_OURS = frozenset({"sandbox", "__main__", "__mp_main__", "sitecustomize", "usercustomize"})


def imported_elsewhere(root: str, places: Sequence[str]) -> list[str]:
    """Return the top-level modules that the tree has in `places` and that came from outside it.

    Those of the standard library do not count: Python has imported them before any code of a repo
    wherever that runs.
    """
    known = {name.partition(".")[0] for name in list(sys.modules)}
    return sorted(
        name
        for name in known - _OURS - sys.stdlib_module_names
        if _is_outside(sys.modules.get(name), root) and any(_has(place, name) for place in places)
    )


def prefer(names: Iterable[str], places: Sequence[str]) -> None:
    """Have `names` imported from `places` from here on, before any installed copy."""
    sys.meta_path.insert(0, _Finder(frozenset(names), places))


class _Finder:
    def __init__(self, names: frozenset[str], places: Sequence[str]) -> None:
        self._names, self._places = names, list(places)

    def find_spec(self, name: str, path: object = None, _: object = None) -> ModuleSpec | None:
        is_ours = path is None and name in self._names
        return PathFinder.find_spec(name, self._places) if is_ours else None


def _is_outside(module: ModuleType | None, root: str) -> bool:
    # By its dictionary: a module may be an object whose attributes are code.
    file = vars(module).get("__file__") if isinstance(module, ModuleType) else None
    return isinstance(file, str) and not file.startswith(f"{root}/")


def _has(place: str, name: str) -> bool:
    return os.path.isfile(f"{place}/{name}.py") or os.path.isfile(f"{place}/{name}/__init__.py")  # noqa: PTH113 - a Path costs more than the call
