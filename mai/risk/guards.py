"""Compares the checks that ordinary code makes with those that it made before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mai.proposal import Finding
from mai.risk.facts import Facts
from mai.risk.moves import Version
from mai.risk.paths import finding
from mai.suite import Suite


def judge_guards(version: Version, suite: Suite) -> Iterator[Finding]:
    """Yield checks that are gone from functions that are still there."""
    if version.base is None or version.head is None or suite.is_test(version.path):
        return
    yield from _judge_limits(version.path, version.base, version.head)
    total_before, total_after = _total(version.base), _total(version.head)
    for function, before in version.base.guards.items():
        after = version.head.guards.get(function)
        body = version.base.bodies.get(function)
        is_same = body is not None and body == version.head.bodies.get(function)
        if after is None or is_same:  # the same checks under the names of other variables
            continue
        for guard, count in before.items():
            # Moved to another function of the file is not gone.
            if after.get(guard, 0) < count and total_after[guard] < total_before[guard]:
                yield _gone(version.path, function, guard)


def _judge_limits(path: str, base: Facts, head: Facts) -> Iterator[Finding]:
    for name, value in base.limits.items():
        if head.limits.get(name, value) != value:
            yield finding(
                "removed.limit",
                path,
                f"{name} says what is allowed, and now says something else.",
            )


def _total(facts: Facts) -> Counter[str]:
    total: Counter[str] = Counter()
    for counts in facts.guards.values():
        total.update(counts)
    return total


def _gone(path: str, function: str, guard: str) -> Finding:
    where = f"in {function}" if function else "at module level"
    kind, _, what = guard.partition(" ")
    if kind == "assert":
        return finding("removed.assert", path, f"An assert {where} is gone.")
    if kind == "except":
        return finding(
            "removed.handler", path, f"`{guard}` {where} is gone, so the error goes further."
        )
    if kind == "raise":
        return finding(
            "removed.raise", path, f"`{guard}` {where} is gone, so the case is let through."
        )
    if kind == "check":
        return finding(
            "removed.check",
            path,
            f"A check of `{what}` {where} is gone, so what it kept out may now come in.",
        )
    return finding(
        "removed.safeguard",
        path,
        f"`{guard}` {where} is gone, so nothing bounds or verifies the call any more.",
    )
