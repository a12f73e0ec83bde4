"""What code takes along when it moves to another file: the imports that it needs there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mai.risk.facts import NOTHING, Facts, Use


@dataclass(frozen=True, slots=True)
class Version:
    """Both sides of one Python file; a side is None where the file is not there."""

    path: str
    base: Facts | None
    head: Facts | None


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
