"""What the user and the repository say about levels and paths.

The user may raise any rule and lower any that is not BLOCKED. The repository's `mai.toml`, which
somebody else may have written, can only raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from mai.globs import which
from mai.proposal import Finding, Level
from mai.repo_policy import RepoPolicy
from mai.risk.paths import folded
from mai.risk.rules import RULE
from mai.settings import Settings


@dataclass(frozen=True, slots=True)
class Policy:
    """Levels per rule id or capability, and globs of paths that no change may touch."""

    levels: Mapping[str, Level] = field(default_factory=dict)
    repo: Mapping[str, Level] = field(default_factory=dict)
    leave_alone: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, repo_policy: RepoPolicy | None = None) -> Self:
        """Combine the user's settings with a repository's `mai.toml`."""
        repo_policy = repo_policy or RepoPolicy()
        return cls(dict(settings.risk_levels), dict(repo_policy.risk), repo_policy.leave_alone)

    def level(self, rule: str, capability: str, level: Level) -> Level:
        """Return the level for a finding of `rule` that would be `level` without a policy."""
        wanted = self.levels.get(rule, self.levels.get(capability))
        # A rule that blocks guards the gate itself; a setting that opens it would be the way in.
        if wanted is not None and level is not Level.BLOCKED:
            level = wanted
        raised = self.repo.get(rule, self.repo.get(capability, level))
        return max(level, raised, key=lambda each: each.rank)

    def applied(self, finding: Finding) -> Finding:
        """Return `finding` with the level that this policy gives it."""
        level = self.level(finding.rule, finding.capability, finding.level)
        if level is finding.level:
            return finding
        return Finding(
            finding.rule,
            finding.capability,
            level,
            finding.path,
            finding.line,
            finding.column,
            f"{finding.message} The settings make it {level}.",
        )

    def leaves_alone(self, path: str) -> str | None:
        """Return the glob that forbids `path`, or None. Both are compared as `folded` has them."""
        found = which(folded(path), tuple(map(folded, self.leave_alone)))
        return next((glob for glob in self.leave_alone if folded(glob) == found), None)


def known_rules() -> frozenset[str]:
    """Return every rule id and capability that a setting may name."""
    return frozenset(RULE) | {rule.capability for rule in RULE.values()}
