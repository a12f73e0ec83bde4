"""The console under test: the real app on a real repo, driven by keys."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass

import pytest
from textual.pilot import Pilot

from mai.console.app import MaiApp
from mai.console.screens import question
from mai.core import Core
from mai.events import Cancel
from mai.pipeline.approve import ask
from mai.pipeline.assess import assess
from mai.pipeline.propose import new_id, propose
from mai.proposal import (
    Finding,
    Level,
    Opinion,
    Proposal,
    ReviewReport,
    RiskReport,
    State,
    Submission,
    TestCounts,
    TrialReport,
    Verdict,
)
from mai.tui.widgets.prompt import Prompt
from tests.workspace import FIX, Workspace

PATIENCE_S = 60.0
_NAMES = {
    " ": "space",
    ",": "comma",
    "/": "slash",
    "@": "at",
    ".": "full_stop",
    "_": "underscore",
    "-": "minus",
}


@dataclass(frozen=True, slots=True)
class Console:
    """A console that is open."""

    app: MaiApp
    pilot: Pilot[None]

    @property
    def transcript(self) -> str:
        """Everything said."""
        return self.app.console_screen.conversation.transcript

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Let the app work until `condition` holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}; so far:\n{self.transcript}"
            await self.pilot.pause(0.02)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)

    async def answer(self, key: str) -> None:
        """Press the key that answers a question, after a rest as a person takes to read it."""
        await self.pilot.pause(question.REST_S)
        await self.pilot.press(key)

    async def type(self, text: str) -> None:
        """Type text where the focus is."""
        await self.pilot.press(*(_NAMES.get(one, one) for one in text))

    async def say(self, text: str) -> None:
        """Put a line into the prompt and press Enter."""
        prompt = self.app.console_screen.query_one(Prompt)
        prompt.focus()
        prompt.put(text)
        await self.pilot.pause()
        if prompt.is_offering:  # where nothing is offered, Esc would stop the work
            await self.pilot.press("escape")
        await self.pilot.press("enter")

    async def hears(self, text: str) -> None:
        """Wait until the conversation says `text`."""
        await self.until(lambda: text in self.transcript, f"{text!r}")

    async def shows(self, screen: str) -> None:
        """Wait until the screen of that class is on top."""
        await self.until(lambda: type(self.app.screen).__name__ == screen, screen)

    async def chooses(self, proposal: Proposal) -> None:
        """Wait until a proposal is listed and go to it."""
        app = self.app
        await self.until(
            lambda: proposal.id in app.board.proposals, f"{proposal.short_id} in the list"
        )
        await self.press("tab")
        await self.until(lambda: app.console_screen.chosen is not None, "the list to have the keys")


@dataclass(frozen=True, slots=True)
class Desktop:
    """A machine with a repo, on which consoles can be opened."""

    workspace: Workspace
    monkeypatch: pytest.MonkeyPatch

    def set(self, **variables: str) -> None:
        """Set environment variables."""
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    @contextmanager
    def core(self) -> Iterator[Core]:
        """Open the same repo as another process would."""
        with Core.open(self.workspace.repo.root) as core:
            yield core

    @asynccontextmanager
    async def console(self, width: int = 100, height: int = 28) -> AsyncIterator[Console]:
        """Open the console and wait until its core is there."""
        app = MaiApp(self.workspace.repo.root)
        async with app.run_test(size=(width, height)) as pilot:
            console = Console(app, pilot)
            await console.until(lambda: app._core is not None, "the core")
            yield console
            await app.finish()

    def pending(self, **more: object) -> Proposal:
        """Make a proposal that waits, as another process would."""
        with self.core() as core:
            return pend(core, **more)  # type: ignore[arg-type]

    def state(self, proposal: Proposal) -> State:
        """Return how a proposal stands in the database."""
        with self.core() as core:
            return core.get(proposal.id).state


def pend(
    core: Core,
    patch: str = FIX,
    *,
    title: str = "Divide by the count",
    why: str = "`mean([1, 2, 3])` gives 3.0. Two tests fail because of it.",
    level: Level | None = None,
    review: ReviewReport | None = None,
    fixed: tuple[str, ...] = ("tests/test_core.py::test_mean",),
) -> Proposal:
    """Bring a proposal to where it waits, with the trial told instead of run.

    What a trial shows is the sandbox's business; here it is about what a person then sees and does.
    """
    services = core._services
    proposal = propose(
        Submission(patch, title, why, "qwen2.5-coder:7b (ollama)"), services, new_id()
    )
    proposal = core.inbox.record(proposal.id, "checked", {})
    outcome = assess(proposal, services, Cancel())
    proposal = core.inbox.record(proposal.id, outcome.kind, outcome.data)
    risk = proposal.risk or RiskReport()
    if level is not None:
        message = "The change opens a connection to [red]anywhere[/red]."
        risk = RiskReport(
            level, 9, (Finding("net.socket", "net", level, "calc/core.py", 2, 4, message),)
        )
    trial = TrialReport(
        Verdict.PASS,
        base=TestCounts(1, 1),
        head=TestCounts(2),
        fixed=fixed,
        seconds=1.9,
        image="sha256:" + "ab" * 32,
        profile="trusted",
        output="2 passed in 0.02s\n",
        peak_memory_bytes=38_000_000,
    )
    told = {"trial": asdict(trial), "risk": asdict(risk)}
    proposal = core.inbox.record(proposal.id, "tried", told)
    review = review or ReviewReport(Opinion.APPROVE, "llama3.1:8b (ollama)")
    proposal = core.inbox.record(proposal.id, "reviewed", {"review": asdict(review)})
    outcome = ask(proposal, services, Cancel())
    return core.inbox.record(proposal.id, outcome.kind, outcome.data)


def judge_again(core: Core, proposal_id: str) -> Proposal:
    """Make the same proposal wait with another review, so with another digest."""
    before = core.get(proposal_id)
    told = {"trial": asdict(before.trial or TrialReport(Verdict.PASS))}
    told["risk"] = asdict(before.risk or RiskReport())
    review = ReviewReport(Opinion.OBJECT, "llama3.1:8b (ollama)", ("It hides the empty list.",))
    files = [asdict(change) for change in before.files]
    core.inbox.record(
        proposal_id, "moved", {"tip": before.tip, "tree": before.tree, "files": files}
    )
    core.inbox.record(proposal_id, "checked", {})
    core.inbox.record(proposal_id, "assessed", {"risk": told["risk"]})
    core.inbox.record(proposal_id, "tried", told)
    proposal = core.inbox.record(proposal_id, "reviewed", {"review": asdict(review)})
    outcome = ask(proposal, core._services, Cancel())
    return core.inbox.record(proposal_id, outcome.kind, outcome.data)
