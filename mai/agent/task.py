"""What a task becomes on its way: a plan a person may change, places, edits, faults."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mai.errors import UsageError
from mai.events import Cancel
from mai.jobs import NewFile, RunResult
from mai.protocols import Draft, Provider, Snapshot
from mai.text import one_line
from mai.words import title_line

TITLE_CHARACTERS = 60
WHAT_CHARACTERS = 300
MOST_STEPS = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One file of a plan and what is to change in it."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a model means to do, before any code is written."""

    title: str
    why: str
    steps: tuple[Step, ...]

    def as_text(self) -> str:
        """Return the plan as a person reads and edits it: three kinds of lines."""
        head = [f"Title: {self.title}", f"Why: {self.why}"]
        return "\n".join([*head, *(f"- {step.path}: {step.what}" for step in self.steps)])

    @classmethod
    def from_text(cls, text: str) -> Plan:
        """Read what `as_text` wrote and a person may have changed. Other lines are passed over.

        Raises:
            UsageError: no step is left.
        """
        found = {"title": "", "why": ""}
        steps = []
        for line in text.splitlines():
            name, _, rest = line.strip().partition(":")
            if name.lower() in found:
                found[name.lower()] = rest.strip()
            elif name.startswith("- ") and rest.strip():
                steps.append(step_of(name.removeprefix("- "), rest))
        if not steps:
            raise UsageError("A plan needs a line `- path: what to change` for each file.")
        title = title_line(found["title"], TITLE_CHARACTERS)
        return cls(title, one_line(found["why"], WHAT_CHARACTERS), tuple(steps[:MOST_STEPS]))


def step_of(path: str, what: str) -> Step:
    """Return a step of plain lines, whoever wrote them."""
    return Step(one_line(path.strip().strip("`"), 400), one_line(what, WHAT_CHARACTERS))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step is carried out. `symbol` is a dotted name, empty for the whole file."""

    path: str
    symbol: str = ""
    action: str = "replace"


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with a round. `stage`: apply, check, self-check or trial. `text` is data."""

    stage: str
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the tests that a task is about said of a tree.

    `files` are the test files that ran, `wanted` the ids that must pass for the task to be done,
    `failing` those of them that do not; `report` is what pytest told of the failures, as data.
    """

    files: tuple[str, ...]
    wanted: frozenset[str]
    failing: frozenset[str]
    report: str = ""

    @property
    def is_done(self) -> bool:
        """Whether every test that must pass does."""
        return bool(self.wanted) and not self.failing


@dataclass(frozen=True, slots=True)
class Work:
    """A task as far as it has come. Each stage takes one and gives the next."""

    task: str
    #: What was remembered that bears on it, best first.
    memories: tuple[str, ...] = ()
    #: What the person said on the way, oldest first.
    said: tuple[str, ...] = ()
    plan: Plan | None = None
    places: tuple[Place, ...] = ()
    #: Edit blocks or a diff, by the group of places that they were written for.
    edits: tuple[str, ...] = ()
    diff: str = ""
    #: The only paths that the change may touch; empty: any.
    scope: tuple[str, ...] = ()
    #: The model wrote the change at once, without a plan.
    is_direct: bool = False
    fault: Fault | None = None
    rounds: int = 0
    #: What the tests that the task names said before anything was changed.
    evidence: Evidence | None = None

    @property
    def is_of_one_file(self) -> bool:
        """Whether the plan only repeats the task, about the one file that it is about."""
        steps = self.plan.steps if self.plan else ()
        return len(steps) == 1 and steps[0].what == one_line(self.task, WHAT_CHARACTERS)

    @property
    def text(self) -> str:
        """All edits as one text for `mai.edits.parse`."""
        return "\n\n".join(self.edits)


class Steering:
    """What a person says to work that is under way; taken between stages. Any thread may say."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Have `text` before the model from the next stage on."""
        with self._lock:
            self._said.append(text)

    def taken(self) -> tuple[str, ...]:
        """Return what was said since the last look."""
        with self._lock:
            said, self._said = self._said, []
        return tuple(said)


ApprovePlan = Callable[[Plan], Plan | None]
RunTests = Callable[[Sequence[str], Mapping[str, NewFile | None]], RunResult]


@dataclass(frozen=True, slots=True)
class Means:
    """What the stages work with.

    `context_tokens` is what the model held when the stage began, 0 where that is not known.
    """

    provider: Provider
    snapshot: Snapshot
    cancel: Cancel = field(default_factory=Cancel)
    context_tokens: int = 0
    may_touch: Callable[[str], bool] = lambda _path: True
    recall: Callable[[str], Sequence[str]] = lambda _task: ()
    #: Runs tests, by id or file, over the snapshot with some files changed, in the sandbox.
    run_tests: RunTests | None = None
    #: Searches for so many seconds for small edits that make the tests pass which a task names.
    search: Callable[[str, float], Sequence[Draft]] | None = None

    @property
    def author(self) -> str:
        """How what is written here is signed."""
        return f"{self.provider.model} ({self.provider.name})"

    def draft(self, title: str, why: str, edits: str, paths: tuple[str, ...] = ()) -> Draft:
        """Return a draft signed by this model."""
        return Draft(title, why, edits, self.author, paths)
