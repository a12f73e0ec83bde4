"""Compares what tests promised with what they promise now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mai.proposal import Finding, Level
from mai.risk.facts import Facts
from mai.risk.gain import Gained
from mai.risk.moves import Version
from mai.risk.paths import finding
from mai.suite import Suite

Promise = Mapping[str, Any]
Promises = Mapping[str, Promise]
Row = Sequence[Any]


def judge_tests(
    versions: Sequence[Version], gained: Sequence[Gained], suite: Suite
) -> Iterator[Finding]:
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
    surplus = sum(map(_surplus, versions))
    stood = {
        entry.get("print")
        for version in versions
        if version.base
        for entry in version.base.tests.values()
    }
    for version in versions:
        base = version.base.tests if version.base else {}
        head = version.head.tests if version.head else {}
        gone = [
            name
            for name, entry in base.items()
            if name and name not in head and entry["print"] not in prints
            if name.rpartition(".")[2] not in kept
        ]
        new = {name: entry for name, entry in head.items() if name and name not in base}
        heirs = _heirs(base, gone, new)
        for name in gone:
            yield from _dropped(version.path, name, base[name], heirs.get(name), surplus)
        yield from _file(version, base.get("", {}), head.get("", {}), suite)
        for name, entry in head.items():
            if name in base and name:
                yield from _test(version.path, name, base[name], entry, surplus)
            elif name and entry["skips"] and entry["print"] not in stood:
                yield _new_skip(version.path, name, entry)
    yield from _exits(gained, suite)


def _heirs(base: Promises, gone: Sequence[str], new: Promises) -> dict[str, str]:
    """Pair tests that are gone with the new ones that took over most of their asserts."""
    heirs: dict[str, str] = {}
    for name in gone:
        promised = _promised(base[name])
        for heir, entry in new.items():
            shared = (promised & _promised(entry)).total()
            if heir not in heirs.values() and shared * 2 > promised.total():
                heirs[name] = heir
                break
    return heirs


def _promised(entry: Promise) -> Counter[str]:
    """Count what a test asserts, or what it calls where helpers assert for it."""
    return Counter([*(row[0] for row in entry["asserts"]), *entry["steps"]])


def _surplus(version: Version) -> int:
    """Return how many more asserts that can fail a file has than it had."""
    return _demands(version.head) - _demands(version.base)


def _demands(facts: Facts | None) -> int:
    entries = facts.tests.values() if facts else ()
    return sum(row[1] > 0 for entry in entries for row in entry.get("asserts", ()))


def _dropped(
    path: str, name: str, entry: Promise, heir: str | None, surplus: int
) -> Iterator[Finding]:
    found = finding(
        "test-tampering.dropped",
        path,
        f"The test {name} is gone, so nothing shows any more what it showed.",
    )
    if heir is None and (surplus < 0 or not entry["asserts"]):
        yield found
    elif heir is None:
        # Rewritten tests cannot be told from replaced ones: a person must compare them.
        message = f"The test {name} is gone; others of the change assert at least as much."
        yield replace(found, level=Level.MEDIUM, message=message)
    elif not entry["asserts"]:
        message = f"The test {name} is gone; another one takes the same steps."
        yield replace(found, level=Level.MEDIUM, message=message)


def _file(version: Version, base: Promise, head: Promise, suite: Suite) -> Iterator[Finding]:
    rows = base.get("hooks", ())
    before, prints = {row[0] for row in rows}, {row[2] for row in rows}
    for name, line, fingerprint in head.get("hooks", ()):
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
        # A fixture of a new file changes no test that stood.
        elif version.base is not None and fingerprint not in prints:
            yield _lowered(found)
    if not suite.holds(version.path):
        return
    found = finding(
        "test-tampering.skip",
        version.path,
        "Tests of this file are now skipped, expected to fail, or not collected.",
        1,
    )
    if head.get("skips", 0) > base.get("skips", 0):
        yield found
    elif version.base is not None and head.get("conditions", 0) > base.get("conditions", 0):
        yield _lowered(found)


def _new_skip(path: str, name: str, entry: Promise) -> Finding:
    return _lowered(
        finding(
            "test-tampering.skip",
            path,
            f"The new test {name} is skipped or expected to fail, so it shows nothing.",
            entry["line"],
        )
    )


def _test(path: str, name: str, before: Promise, after: Promise, surplus: int) -> Iterator[Finding]:
    found = finding(
        "test-tampering.skip",
        path,
        f"The test {name} ran before and is now skipped or expected to fail.",
        after["line"],
    )
    if after["skips"] > before["skips"]:
        yield found
    elif after["conditions"] > before["conditions"]:
        message = f"The test {name} ran everywhere before and can now be skipped."
        yield replace(found, level=Level.MEDIUM, message=message)
    if after["patches"] > before["patches"]:
        yield finding(
            "test-tampering.patch",
            path,
            f"The test {name} now replaces part of what it tests, so it may show less than before.",
            after["line"],
        )
    yield from _weaker(path, name, (before["asserts"], after["asserts"]), after["line"], surplus)


def _lowered(found: Finding) -> Finding:
    return replace(found, level=Level.MEDIUM)


def _weaker(
    path: str, name: str, sides: tuple[Sequence[Row], Sequence[Row]], line: int, surplus: int
) -> Iterator[Finding]:
    """Yield what a test asserts no more. `surplus` is what all tests together assert more."""
    before, after = sides
    strength_before = {row[0]: row[1] for row in before}
    if any(row[1] < strength_before.get(row[0], 0) for row in after):
        yield finding(
            "test-tampering.weaker", path, f"An assert of {name} can no longer fail the test.", line
        )
        return
    lost, new = _without(before, after), _without(after, before)
    if not lost:
        return
    less = finding(
        "test-tampering.weaker",
        path,
        f"The test {name} asserts less than before.",
        new[0][2] if new else line,
    )
    if len(new) >= len(lost) and sum(row[1] for row in new) >= sum(row[1] for row in lost):
        # Every bug fix that comes with asserts of its own changes some that stood. Where nothing
        # is added, the test may have been bent to what the code now does.
        yield replace(
            less,
            level=Level.LOW if surplus > 0 else Level.MEDIUM,
            message=f"The test {name} now expects something "
            "else, so it shows the new behaviour, not the old.",
        )
    elif surplus > 0 and all(row[1] > 0 for row in new):
        message = f"The test {name} asserts less than before, others of the change more."
        yield replace(less, level=Level.MEDIUM, message=message)
    else:
        yield less


def _without(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """Return the rows that `others` lacks, counting each assert as often as it stands there."""
    left = Counter(row[0] for row in others)
    found = []
    for row in rows:
        if left[row[0]] > 0:
            left[row[0]] -= 1
        else:
            found.append(row)
    return found


def _exits(gained: Sequence[Gained], suite: Suite) -> Iterator[Finding]:
    for gain in gained:
        use = gain.use
        is_exit = use.rule == "mark.exit" and (use.function or use.at_import)
        if suite.holds(gain.path) and (is_exit or use.name == "atexit.register"):
            yield finding(
                "test-tampering.exit",
                gain.path,
                f"{use.name} ends the run or acts after it, "
                "so the result need not be what the tests said.",
                use.line,
                use.column,
            )
