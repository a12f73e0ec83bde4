"""What threads and widgets tell the app. Past tense: they report, the app decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from mai.agent.task import Plan
    from mai.core import Core
    from mai.errors import MaiError
    from mai.events import Event
    from mai.proposal import Json, Proposal
    from mai.protocols import Delta
    from mai.system.resources import Sample


class CoreOpened(Message):
    """The core is there with the proposals it knows, newest first; work can begin."""

    def __init__(self, core: Core, proposals: list[Proposal]) -> None:
        super().__init__()
        self.core = core
        self.proposals = proposals


class CoreFailed(Message):
    """There is nothing to work on: the app leaves with this error."""

    def __init__(self, error: MaiError) -> None:
        super().__init__()
        self.error = error


class Happened(Message):
    """The core published an event."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class Listed(Message):
    """The inbox is not what it was, whoever changed it. Newest first."""

    def __init__(self, proposals: list[Proposal]) -> None:
        super().__init__()
        self.proposals = proposals


class Measured(Message):
    """A sample of the machine's load."""

    def __init__(self, sample: Sample) -> None:
        super().__init__()
        self.sample = sample


class Learnt(Message):
    """What was found out about the surroundings, such as `sandbox`: `ready`."""

    def __init__(self, **facts: str) -> None:
        super().__init__()
        self.facts = facts


class CareNeeded(Message):
    """The branch moved, something expired or was left unfinished: the core should catch up."""


class WorkQueued(Message):
    """A piece of work was given, and waits in line where another one runs."""


class WorkStarted(Message):
    """A piece of work began."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label


class WorkEnded(Message):
    """A piece of work came to its end; `error` says why where that was not its own."""

    def __init__(self, label: str, error: MaiError | None) -> None:
        super().__init__()
        self.label = label
        self.error = error


class ReplyGrew(Message):
    """More of an answer arrived: all of its text so far. `last` has the counts once it is whole."""

    def __init__(
        self, text: str, last: Delta | None = None, seconds: float = 0.0, *, is_whole: bool = False
    ) -> None:
        super().__init__()
        self.text = text
        self.last = last
        self.seconds = seconds
        self.is_whole = is_whole


class Answered(Message):
    """A command has its answer, to be shown as it stands."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Opened(Message):
    """A proposal was read as it is now. `is_update`: only for a screen that shows it already."""

    def __init__(
        self, proposal: Proposal, diff: str, story: list[Json], *, is_update: bool = False
    ) -> None:
        super().__init__()
        self.is_update = is_update
        self.proposal = proposal
        self.diff = diff
        self.story = story


class Answering(Message):
    """The person wants to approve (`is_yes`) or reject exactly the proposal that is shown."""

    def __init__(self, proposal: Proposal, *, is_yes: bool) -> None:
        super().__init__()
        self.proposal = proposal
        self.is_yes = is_yes


class PlanMade(Message):
    """A model made a plan; `answer` takes it back, changed or not, or None to stop."""

    def __init__(self, plan: Plan, answer: Callable[[Plan | None], None]) -> None:
        super().__init__()
        self.plan = plan
        self.answer = answer


class Stopped(Message):
    """The person pressed Esc where nothing else was to leave."""


class Tracked(Message):
    """The paths that the branch's tip has, sorted."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__()
        self.paths = paths
