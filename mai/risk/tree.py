"""Judges changed paths beside the tree they change: modes, collisions, shadows, Mai's own core."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from mai.proposal import FileChange, Finding
from mai.risk import own
from mai.risk.paths import finding, folded, judge_name
from mai.risk.policy import Policy

_SOURCE_ROOTS = ("", "src/", "lib/")
# Installed beside almost every project's tests; a file of that name would be imported instead.
_INSTALLED = frozenset(
    {
        "pytest",
        "_pytest",
        "pluggy",
        "iniconfig",
        "packaging",
        "pip",
        "setuptools",
        "wheel",
        "pkg_resources",
        "numpy",
        "requests",
        "yaml",
        "attr",
        "attrs",
        "six",
        "typing_extensions",
        "hypothesis",
        "coverage",
        "xdist",
        "mock",
        "py",
    }
)


def judge_change(
    change: FileChange, base_paths: frozenset[str], base_folded: dict[str, str], policy: Policy
) -> Iterator[Finding]:
    """Yield what one changed path says beside the tree it changes.

    Args:
        change: the path with its modes on both sides.
        base_paths: every path of the base tree.
        base_folded: the same paths by their folded form.
        policy: says what to leave alone.
    """
    for path in filter(None, (change.path, change.old_path)):
        for found in judge_name(path):
            # What stands under a device's name stood there before.
            if found.rule != "path.device" or change.status in {"added", "renamed"}:
                yield found
        if glob := policy.leaves_alone(path):
            yield finding("path.leave-alone", path, f"The settings tell Mai to leave {glob} alone.")
    yield from _judge_modes(change)
    if change.status == "deleted":
        return
    other = base_folded.get(folded(change.path))
    if other not in (None, change.path, change.old_path):
        yield finding(
            "path.case",
            change.path,
            f"On some systems this is the same file as {other}, and replaces it.",
        )
    # A diff by itself comes without the tree that its files already stand in.
    is_new = change.status != "modified" and change.path not in base_paths
    if is_new and change.path.endswith(".py"):
        yield from _judge_shadow(change.path, base_paths)


def _judge_modes(change: FileChange) -> Iterator[Finding]:
    for mode in (change.old_mode, change.new_mode):
        if mode == "120000":
            yield finding(
                "path.link", change.path, "A symbolic link can make a later write land anywhere."
            )
        elif mode == "160000":
            yield finding(
                "path.submodule",
                change.path,
                "A submodule brings code into the tree that was not shown here.",
            )
    if change.new_mode == "100755" and change.old_mode != "100755":
        yield finding("path.executable", change.path, "The file can now be run as a program.")
    if change.is_binary and change.status != "deleted":
        yield finding(
            "path.binary", change.path, "Nobody can read in a diff what a binary file does."
        )


def _judge_shadow(path: str, base_paths: frozenset[str]) -> Iterator[Finding]:
    for root in _SOURCE_ROOTS:
        if not path.startswith(root):
            continue
        top, _, rest = path.removeprefix(root).partition("/")
        if rest not in ("", "__init__.py"):
            continue
        name = top.removesuffix(".py")
        if name in sys.stdlib_module_names or name in _INSTALLED:
            if f"{root}{name}.py" in base_paths or f"{root}{name}/__init__.py" in base_paths:
                continue
            yield finding(
                "path.shadow",
                path,
                f"`import {name}` now finds this file instead of the module everybody expects.",
            )
            return


def judge_packages(changes: Iterable[FileChange], base_paths: frozenset[str]) -> Iterator[Finding]:
    """Yield new packages that Python imports in place of a module that stays beside them."""
    changes = list(changes)
    gone = {change.path for change in changes if change.status == "deleted"}
    gone.update(change.old_path or "" for change in changes if change.status == "renamed")
    for change in changes:
        module = change.path.removesuffix("/__init__.py") + ".py"
        is_new = change.status != "deleted" and change.path not in base_paths
        if is_new and module in base_paths - gone and change.path.endswith("/__init__.py"):
            yield finding(
                "path.shadow",
                change.path,
                f"Python now imports this package instead of {module}, which still stands there.",
            )


def judge_collisions(changes: Iterable[FileChange]) -> Iterator[Finding]:
    """Yield new paths of one change that are the same file on a forgiving file system."""
    seen: dict[str, str] = {}
    for change in changes:
        if change.status == "deleted":
            continue
        other = seen.setdefault(folded(change.path), change.path)
        if other != change.path:
            yield finding(
                "path.case",
                change.path,
                f"On some systems this is the same file as {other}, and replaces it.",
            )


def judge_own(changes: Iterable[FileChange]) -> Iterator[Finding]:
    """Yield what Mai's own repository adds: its protected core, and that its code is HIGH."""
    for change in changes:
        for path in filter(None, (change.path, change.old_path)):
            if not own.may_change(path, is_new=change.status == "added" and path == change.path):
                yield finding(
                    "path.protected-core",
                    path,
                    "It belongs to what judges Mai's changes; a person changes it with "
                    "their own editor, and no setting opens it.",
                )
            elif own.is_code(path):
                yield finding(
                    "path.own-code",
                    path,
                    "Mai would change the code it runs on, so a person must look.",
                )
