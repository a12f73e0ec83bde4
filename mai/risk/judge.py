"""Judges parsed files: their gains, what those make together, and what was taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mai.proposal import Finding
from mai.risk.combine import combinations
from mai.risk.gain import finding_of, gains
from mai.risk.guards import judge_guards
from mai.risk.moves import Version
from mai.risk.tampering import judge_tests
from mai.suite import Suite


def judge_gains(
    versions: Sequence[Version],
    has_capability: Callable[[str], bool] | None,
    suite: Suite,
    own_packages: frozenset[str] = frozenset(),
) -> Iterator[Finding]:
    """Yield every finding that both versions of the Python files give.

    Args:
        versions: every Python file of the change.
        has_capability: says whether the base project uses a capability anywhere; None where each
            file is judged as wholly new.
        suite: says which files are tests.
        own_packages: what the base project consists of; importing that hands it nothing.
    """
    gained = gains(versions, has_capability, own_packages)
    yield from (
        found
        for gain in gained
        if (found := finding_of(gain, is_test=suite.is_test(gain.path))) is not None
    )
    yield from combinations(gained, versions)
    yield from judge_tests(versions, gained, suite)
    for version in versions:
        yield from judge_guards(version, suite)
