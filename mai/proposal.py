"""The nouns: levels, states, findings, reports and the proposal itself. Frozen, and import nothing.

Each type knows its JSON (`docs/json.md` shows it whole); `mai.store.codec` reads it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Level(StrEnum):
    """How much a change could harm. Ordered: LOW < MEDIUM < HIGH < BLOCKED."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    BLOCKED = "BLOCKED"

    @property
    def rank(self) -> int:
        """Position in the order, from 0."""
        return _RANKS[self.value]

    # `StrEnum` would compare the words; "LOW" > "HIGH" is not what anybody means.
    def __lt__(self, other: str) -> bool:
        return self.rank < Level(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Level(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Level(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Level(other).rank

    @classmethod
    def highest(cls, levels: Iterable[Level]) -> Level:
        """Return the highest of `levels`, LOW where there are none."""
        return max(levels, key=lambda level: level.rank, default=cls.LOW)


_RANKS = {"LOW": 0, "MEDIUM": 1, "HIGH": 2, "BLOCKED": 3}


class State(StrEnum):
    """Where a proposal stands. Always the fold of its ledger events."""

    PROPOSED = "proposed"
    CHECKED = "checked"
    ASSESSED = "assessed"
    TRIED = "tried"
    REVIEWED = "reviewed"
    PENDING = "pending"
    APPROVED = "approved"
    LANDED = "landed"
    BLOCKED = "blocked"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CONFLICTED = "conflicted"
    WITHDRAWN = "withdrawn"
    ROLLED_BACK = "rolled_back"

    @property
    def is_end(self) -> bool:
        """Whether nothing further happens to the proposal by itself."""
        return self in _ENDS

    @property
    def is_working(self) -> bool:
        """Whether a stage is due: a process that starts and finds this resumes it."""
        return not self.is_end and self is not State.PENDING


_ENDS = frozenset(
    {
        State.LANDED,
        State.BLOCKED,
        State.FAILED,
        State.REJECTED,
        State.EXPIRED,
        State.CONFLICTED,
        State.WITHDRAWN,
        State.ROLLED_BACK,
    }
)


class Verdict(StrEnum):
    """What a trial showed. All but `pass` and `skipped` end the proposal."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    TIMEOUT = "timeout"
    OOM = "oom"
    PIDS = "pids"
    DISK = "disk"
    OUTPUT = "output"
    ERROR = "error"
    SKIPPED = "skipped"

    @property
    def lets_through(self) -> bool:
        """Whether a proposal with this verdict may become pending."""
        return self in {Verdict.PASS, Verdict.SKIPPED}


class Opinion(StrEnum):
    """A reviewer's verdict. `none`: nobody was there to review."""

    APPROVE = "approve"
    OBJECT = "object"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One touched path. `status`: added, modified, deleted or renamed (then `old_path` is set).

    `added` and `removed` count lines, 0 for binary files. Modes are git's, in octal, such as
    `100644`, or None where the side has no file.
    """

    path: str
    status: str
    added: int = 0
    removed: int = 0
    old_path: str | None = None
    old_mode: str | None = None
    new_mode: str | None = None
    is_binary: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the risk scorer saw. `line` counts from 1, `column` from 0; 0 and 0 for a path."""

    rule: str
    capability: str
    level: Level
    path: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class RiskReport:
    """The scorer's judgement. `score` sorts within a level and decides nothing.

    `context` is `tree` where base and head were both known, `hunks` where only a diff was.
    """

    level: Level = Level.LOW
    score: int = 0
    findings: tuple[Finding, ...] = ()
    context: str = "tree"

    def with_findings(self, *more: Finding) -> RiskReport:
        """Return the report with `more` findings and the level they ask for."""
        level = Level.highest((self.level, *(finding.level for finding in more)))
        return RiskReport(level, self.score, (*self.findings, *more), self.context)


@dataclass(frozen=True, slots=True)
class TestCounts:
    """How many tests ended how in one run."""

    __test__ = False  # pytest would take the class for a test case

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class TrialReport:
    """What the sandbox showed. Lists hold test ids such as `tests/test_a.py::test_x`, sorted.

    `fixed` failed on the base and pass on the head; `broken` the other way; `missing` passed on the
    base and are gone; `changed` are tests the change itself edited, moved or deleted; `flaky` ones
    changed their mind on one tree and decide nothing. `output` is the tail a person may want,
    already bounded and stripped of escapes. `image` is the id of the image, `sha256:…`.

    Of a large suite only the test files that can see the change may have run; `files_left` others
    then run before it lands, and `scope` stands for those that did. It is whole where that is 0.
    """

    verdict: Verdict
    base: TestCounts = field(default_factory=TestCounts)
    head: TestCounts = field(default_factory=TestCounts)
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    seconds: float = 0.0
    image: str = ""
    profile: str = ""
    message: str = ""
    output: str = ""
    peak_memory_bytes: int = 0
    cpu_s: float = 0.0
    files_left: int = 0
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a reviewer did on changes that are known to be good or bad.

    It objected to `hits` of `bad` changes and to `false_alarms` of `good` ones; `on` is the day.
    """

    hits: int
    bad: int
    false_alarms: int
    good: int
    on: str


@dataclass(frozen=True, slots=True)
class ReviewReport:
    """The second agent's verdict. `reviewer` is `model (provider)`, empty where there was none.

    `measured` is how good the reviewer is, None where it was not measured. One that is not able to
    review gives the verdict `none`, with the reason as its concern.
    """

    verdict: Opinion = Opinion.NONE
    reviewer: str = ""
    concerns: tuple[str, ...] = ()
    measured: Measured | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's yes. `by` is `surface:who`, such as `discord:184…` or `terminal:ana`."""

    by: str
    at: str
    digest: str


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a proposal landed. `is_beside`: on `mai-<id>`, because the work tree was in the way."""

    commit: str
    branch: str
    at: str
    is_beside: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a proposal went no further: an error's code and its sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A change as it was handed in. `text` is a diff or edit blocks; empty title: one is made.

    A change that was asked for in some files alone may touch no other: `paths` are these files, and
    `pattern` is the glob that the person gave. Empty: any.
    """

    text: str | bytes
    title: str = ""
    why: str = ""
    author: str = "patch (submit)"
    paths: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A titled change to a base commit, with everything known about it so far.

    Attributes:
        id: 12 hexadecimal digits; any unique prefix names it.
        branch: the branch it targets, without `refs/heads/`.
        base: the commit it was written against.
        commit: the proposal as a git commit, kept at `refs/mai/proposals/<id>`.
        tip: the branch's commit it was last judged against; `base` until the branch moves.
        tree: the tree that was tried and would land.
        digest: `sha256:…` over what a person is shown, empty before there is something to show.
        author: what wrote it, such as `ruff (reflex)` or `qwen2.5-coder:7b (ollama)`.
        trial: what the tests showed of the change before anybody was asked.
        rest: what those showed that `trial` left for later, None before they ran.
        signing: what a person is told of the commit's signature, empty where they sign none.
        rolls_back: the id of the landed proposal that this one takes back, or None.
        created_at, expires_at: ISO 8601 in UTC.
    """

    id: str
    state: State
    title: str
    why: str
    branch: str
    base: str
    commit: str
    tip: str
    tree: str
    author: str
    created_at: str
    digest: str = ""
    expires_at: str | None = None
    files: tuple[FileChange, ...] = ()
    risk: RiskReport | None = None
    trial: TrialReport | None = None
    rest: TrialReport | None = None
    review: ReviewReport | None = None
    approval: Approval | None = None
    landed: Landing | None = None
    error: Fault | None = None
    rolls_back: str | None = None
    reason: str = ""
    signing: str = ""

    @property
    def short_id(self) -> str:
        """The first four digits, as shown where a person reads."""
        return self.id[:4]

    @property
    def level(self) -> Level:
        """The risk level; LOW is never assumed: HIGH until it was assessed."""
        return self.risk.level if self.risk else Level.HIGH

    @property
    def owes_tests(self) -> bool:
        """Whether tests that its trial left for later have yet to run before it may land."""
        return self.trial is not None and self.trial.files_left > 0 and self.rest is None

    @property
    def ref(self) -> str:
        """The git ref that keeps the proposal's commit alive."""
        return f"refs/mai/proposals/{self.id}"

    def as_json(self) -> Json:
        """Return the object that `--json` prints; its keys are a contract."""
        return asdict(self)
