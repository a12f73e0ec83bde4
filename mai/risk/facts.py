"""What one file says, as plain data that crosses from the parser's process to the judge's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

# The fingerprint of `Use.flow` where no data reaches a place.
NOTHING = hashlib.sha256(b"").hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Use:
    """One place that uses a capability.

    Attributes:
        rule: the rule it falls under; `mark.…` for what only counts in combinations.
        name: the dotted name as resolved, such as `subprocess.run`.
        target: the constant it is given, such as a path, a URL or a command; empty if unknown.
        line: counted from 1.
        column: counted from 0.
        function: the qualified name of the function around it, empty at module level.
        flow: fingerprint of the data that reaches it, whatever its variables are called.
        is_fed: whether a parameter of its function reaches it.
        at_import: whether importing the file is enough to run it.
    """

    rule: str
    name: str
    target: str
    line: int
    column: int
    function: str
    flow: str
    is_fed: bool
    at_import: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the judge needs of one version of one file.

    `problem` is a rule id and a sentence where the file could not be read; the rest is then empty.
    `bodies` maps each function's name to a fingerprint of its body; `guards` counts each kind of
    check per function; `limits` are constants that say what is allowed; `tests` holds what test
    files promise; `calls` are calls of names imported from elsewhere than the standard library.
    """

    uses: tuple[Use, ...] = ()
    problem: tuple[str, str, int] | None = None
    bodies: Mapping[str, str] = field(default_factory=dict)
    guards: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    calls: tuple[Use, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)
    lines: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return plain data for `from_json`."""
        data: dict[str, Any] = {
            "uses": [[getattr(use, name) for name in Use.__slots__] for use in self.uses],
            "problem": self.problem,
            "lines": self.lines,
            "calls": [[getattr(use, name) for name in Use.__slots__] for use in self.calls],
        }
        if self.bodies or self.guards or self.tests:
            data |= {"bodies": self.bodies, "guards": self.guards, "tests": self.tests}
            data["limits"] = self.limits
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild what `as_json` returned."""
        problem = data["problem"]
        return cls(
            tuple(Use(*row) for row in data["uses"]),
            (problem[0], problem[1], problem[2]) if problem else None,
            data.get("bodies", {}),
            data.get("guards", {}),
            data.get("tests", {}),
            tuple(Use(*row) for row in data["calls"]),
            data.get("limits", {}),
            data["lines"],
        )
