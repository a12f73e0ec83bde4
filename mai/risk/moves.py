"""What code takes along when it moves to another file: the imports that it needs there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mai.proposal import FileChange
from mai.risk.facts import NOTHING, Facts, Use

_ROOTS = ("src.", "lib.")


@dataclass(frozen=True, slots=True)
class Version:
    """Both sides of one Python file; a side is None where the file is not there."""

    path: str
    base: Facts | None
    head: Facts | None


def renames_of(files: Iterable[FileChange]) -> dict[str, str]:
    """Return what modules were called before a change, by what they are called after it.

    As other files import them: absolute, with a leading dot as a relative import is resolved, and
    both without the folder that sources lie in.
    """
    found: dict[str, str] = {}
    for file in files:
        if file.status != "renamed" or not file.old_path or not file.path.endswith(".py"):
            continue
        new, old = _dotted(file.path), _dotted(file.old_path)
        for root in ("", *(root for root in _ROOTS if new.startswith(root))):
            if old.startswith(root):
                found[new.removeprefix(root)] = old.removeprefix(root)
                found[f".{new.removeprefix(root)}"] = f".{old.removeprefix(root)}"
    return found


def before(name: str, renamed: Mapping[str, str]) -> str:
    """Return a dotted name as it was before the modules of `renamed` were renamed."""
    end = len(name) if renamed else 0
    while end > 0:
        old = renamed.get(name[:end])
        if old is not None:
            return old + name[end:]
        end = name.rfind(".", 0, end)
    return name


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def is_import(use: Use) -> bool:
    """Whether `use` is no more than a name that importing the file binds."""
    return not use.function and not use.target and use.flow == NOTHING


def brought_along(version: Version, versions: Sequence[Version]) -> frozenset[tuple[str, str]]:
    """Return rule and name of what the files that gave functions to `version` had imported."""
    if version.head is None:
        return frozenset()
    here = set(version.head.bodies.values())
    if version.base is not None:
        here -= set(version.base.bodies.values())
    return frozenset(
        (use.rule, use.name)
        for donor in versions
        if donor.base is not None and donor is not version
        if here & (set(donor.base.bodies.values()) - _bodies_of(donor.head))
        for use in donor.base.uses
        if is_import(use)
    )


def _bodies_of(facts: Facts | None) -> set[str]:
    return set(facts.bodies.values()) if facts is not None else set()
