"""Compares what tests promised with what they promise now, and what checks code makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mai.proposal import Finding, Level
from mai.risk.facts import Facts
from mai.risk.gain import Gained
from mai.risk.kinds import is_test
from mai.risk.moves import Version
from mai.risk.paths import finding

Promises = Mapping[str, Mapping[str, Any]]


def judge_tests(versions: Sequence[Version], gained: Sequence[Gained]) -> Iterator[Finding]:
    """Yield where tests were dropped, weakened, skipped, hooked or ended early."""
    kept = {
        name.rpartition(".")[2]
        for version in versions
        if version.head
        for name in version.head.tests
    }
    prints = {
        entry.get("print")
        for version in versions
        if version.head
        for entry in version.head.tests.values()
    }
    for version in versions:
        base = version.base.tests if version.base else {}
        head = version.head.tests if version.head else {}
        yield from _dropped(version.path, base, head, kept, prints)
        yield from _file(version, base.get("", {}), head.get("", {}))
        for name, entry in head.items():
            if name:
                yield from _test(version.path, name, base.get(name), entry)
    yield from _exits(gained)


def _dropped(
    path: str, base: Promises, head: Promises, kept: set[str], prints: set[Any]
) -> Iterator[Finding]:
    for name, entry in base.items():
        if not name or name in head or entry["print"] in prints:
            continue
        if name.rpartition(".")[2] not in kept:
            yield finding(
                "test-tampering.dropped",
                path,
                f"The test {name} is gone, so nothing shows any more what it showed.",
            )


def _file(version: Version, base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Finding]:
    before = {name for name, _ in base.get("hooks", ())}
    for name, line in head.get("hooks", ()):
        found = finding(
            "test-tampering.hook",
            version.path,
            f"{name} takes part in every test's run, so it can change what they report.",
            line,
        )
        if name in before:
            continue
        if name.startswith("pytest_"):
            yield found
        elif version.base is not None:  # a fixture of a new file changes no test that stood
            yield _lowered(found)
    if is_test(version.path) and head.get("skips", 0) > base.get("skips", 0):
        yield finding(
            "test-tampering.skip",
            version.path,
            "Tests of this file are now skipped, expected to fail, or not collected.",
            1,
        )


def _test(
    path: str, name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> Iterator[Finding]:
    if before is None:
        if after["skips"]:
            yield _lowered(
                finding(
                    "test-tampering.skip",
                    path,
                    f"The new test {name} can be skipped "
                    "or expected to fail, so it may show nothing.",
                    after["line"],
                )
            )
        return
    if after["skips"] > before["skips"]:
        yield finding(
            "test-tampering.skip",
            path,
            f"The test {name} ran before and is now skipped or expected to fail.",
            after["line"],
        )
    if after["patches"] > before["patches"]:
        yield finding(
            "test-tampering.patch",
            path,
            f"The test {name} now replaces part of what it tests, so it may show less than before.",
            after["line"],
        )
    yield from _weaker(path, name, before["asserts"], after["asserts"], after["line"])


def _lowered(found: Finding) -> Finding:
    return Finding(
        found.rule,
        found.capability,
        Level.MEDIUM,
        found.path,
        found.line,
        found.column,
        found.message,
    )


def _weaker(
    path: str, name: str, before: Sequence[Sequence[Any]], after: Sequence[Sequence[Any]], line: int
) -> Iterator[Finding]:
    now, then = Counter(row[0] for row in after), Counter(row[0] for row in before)
    lost = [row for row in before if now[row[0]] < then[row[0]]]
    new = [row for row in after if then[row[0]] < now[row[0]]]
    strength_before = {row[0]: row[1] for row in before}
    if any(row[1] < strength_before.get(row[0], 0) for row in after):
        yield finding(
            "test-tampering.weaker", path, f"An assert of {name} can no longer fail the test.", line
        )
        return
    if not lost:
        return
    if len(new) < len(lost) or sum(row[1] for row in new) < sum(row[1] for row in lost):
        yield finding(
            "test-tampering.weaker",
            path,
            f"The test {name} asserts less than before.",
            new[0][2] if new else line,
        )
    else:
        yield _lowered(
            finding(
                "test-tampering.weaker",
                path,
                f"The test {name} now expects something "
                "else, so it shows the new behaviour, not the old.",
                new[0][2],
            )
        )


def _exits(gained: Sequence[Gained]) -> Iterator[Finding]:
    for gain in gained:
        use = gain.use
        is_exit = use.rule == "mark.exit" and (use.function or use.at_import)
        if is_test(gain.path) and (is_exit or use.name == "atexit.register"):
            yield finding(
                "test-tampering.exit",
                gain.path,
                f"{use.name} ends the run or acts after it, "
                "so the result need not be what the tests said.",
                use.line,
                use.column,
            )


# --- checks in ordinary code ---


def judge_guards(version: Version) -> Iterator[Finding]:
    """Yield checks that are gone from functions that are still there."""
    if version.base is None or version.head is None or is_test(version.path):
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
