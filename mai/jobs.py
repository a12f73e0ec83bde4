"""Files, and what goes into a sandbox with them and comes out of it. Data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mai.proposal import Verdict


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file to put into a sandbox. `mode` is git's: 0o100644, 0o100755 or 0o120000 (a link)."""

    path: str
    mode: int
    data: bytes


@dataclass(frozen=True, slots=True)
class NewFile:
    """What a change makes of one path. `mode` as in `TreeFile`; of a link, `data` is its target."""

    data: bytes
    mode: int = 0o100644


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. `wall_s` is the ceiling over `cpu_s`, which is CPU seconds."""

    profile: str
    cpus: float
    memory_bytes: int
    cpu_s: float
    wall_s: float
    pids: int
    disk_bytes: int
    output_bytes: int
    test_s: float

    def tightened(self, other: Limits) -> Limits:
        """Return the lower of each value; the profile's name stays."""
        numbers = {
            name: min(getattr(self, name), getattr(other, name))
            for name in self.__slots__
            if name != "profile"
        }
        return Limits(profile=self.profile, **numbers)


class TestOutcome(StrEnum):
    """How one test ended. `timeout` and `crash` (the process died in it) count as failures."""

    __test__ = False

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    TIMEOUT = "timeout"
    CRASH = "crash"

    @property
    def is_failure(self) -> bool:
        """Whether the test counts as failing."""
        return self not in {TestOutcome.PASSED, TestOutcome.SKIPPED}


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a tree's test files: `files`, in their order, or where `is_rest` all but those.

    As it is, all of them.
    """

    files: tuple[str, ...] = ()
    is_rest: bool = True

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self.is_rest and not self.files

    def has(self, path: str) -> bool:
        """Whether the test file at `path` belongs to it."""
        return (path in self.files) is not self.is_rest


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a command over a tree.

    `command` None means pytest under the harness; of the test files in `part`, `only` names the ids
    to run, all where it is empty; `junit` is where a command of the repo's own leaves its JUnit
    report. `is_followed` promises another run of about this size, so that a container can be made
    for it meanwhile. `image` is what `Sandbox.prepare` returned, the plain one where it is empty.
    `search` has edits tried in place of a trial, as `mai.repair.runner` writes it.
    """

    files: Iterable[TreeFile]
    limits: Limits
    command: tuple[str, ...] | None = None
    only: tuple[str, ...] = ()
    junit: str | None = None
    is_followed: bool = False
    image: str = ""
    part: Part = field(default_factory=Part)
    search: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one run showed, as the supervisor in its container reported it.

    A run that was not reported to its end is no result: `Undecided` is raised instead.

    `limit` is PASS where the run came to its end, else the limit (or ERROR) that stopped it;
    `outcomes` holds what is known even then. `has_tests` is false where nothing was collected.
    `hits` names the limits that a test or process ran into although the run went on: TIMEOUT,
    OOM, PIDS, DISK. `limited` are the tests that ended by what the container lacks, each with the
    limit, ERROR where no setting raises it. `doubt` says in a sentence why one such run is not
    enough to believe it, "" where it is; where it `is_contradictory`, such as an exit code that its
    outcomes deny, two are not enough either. `left_out` names the links of the tree that lead out
    of it and were not there. `spent` is what the tests of each file took, in CPU seconds;
    `reports` what a search reported.
    """

    limit: Verdict = Verdict.PASS
    outcomes: Mapping[str, TestOutcome] = field(default_factory=dict)
    exit_code: int | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    output: str = ""
    image: str = ""
    message: str = ""
    has_tests: bool = True
    hits: frozenset[Verdict] = frozenset()
    limited: Mapping[str, Verdict] = field(default_factory=dict)
    doubt: str = ""
    is_contradictory: bool = False
    left_out: tuple[str, ...] = ()
    spent: Mapping[str, float] = field(default_factory=dict)
    reports: tuple[Sequence[Any], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the run came to its end and does not contradict itself."""
        return self.limit is Verdict.PASS and not self.doubt


@dataclass(frozen=True, slots=True)
class Prepared:
    """What runs of a tree happen in.

    `key` stands for what the tree needs besides Python, "" for nothing. `problem` says in a
    sentence which of that is not in `image` and why, and is "" where all of it is; `missing` are
    those requirements. `left_out` are lines of the manifests that were not taken, with the reason.
    """

    image: str
    key: str = ""
    problem: str = ""
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
