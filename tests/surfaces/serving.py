"""A `mai serve` at work: the process, the small Discord it talks to, and a core beside it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mai.core import Core, Submission
from mai.events import Cancel, Event, Said
from mai.pipeline.approve import ask
from mai.pipeline.propose import new_id, propose
from mai.pipeline.rollback import take_back
from mai.proposal import (
    Finding,
    Level,
    Opinion,
    Proposal,
    ReviewReport,
    RiskReport,
    TestCounts,
    TrialReport,
    Verdict,
)
from mai.protocols import Clock
from mai.surfaces.host import Host
from tests.servers.discord import OWNER, DiscordServer, Posted
from tests.workspace import Workspace

_PATIENCE_S = 60.0
TRIAL = TrialReport(
    Verdict.PASS,
    base=TestCounts(passed=41, failed=1),
    head=TestCounts(passed=42),
    fixed=("tests/test_core.py::test_mean",),
    seconds=1.9,
)
REVIEW = ReviewReport(Opinion.APPROVE, "llama3.1:8b (ollama)")


def new_file(name: str, text: str = "x = 1\n") -> str:
    """Return a patch that adds a file."""
    lines = text.splitlines()
    added = "".join(f"+{line}\n" for line in lines)
    return f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n{added}"


def waiting(
    core: Core,
    patch: str,
    title: str = "Add a file",
    *,
    why: str = "It is missing.",
    risk: RiskReport | Level = Level.LOW,
    trial: TrialReport = TRIAL,
    review: ReviewReport = REVIEW,
) -> Proposal:
    """Put a proposal before the person with verdicts that are given rather than found.

    Landing it is real as long as its branch does not move; after that a sandbox is needed.
    """
    report = risk if isinstance(risk, RiskReport) else RiskReport(risk, 0, _findings(risk))
    proposal_id = new_id()
    with core.repo.claim(proposal_id):  # a `mai serve` beside this would go on with it
        proposal = propose(
            Submission(patch, title, why, "small (ollama)"), core._services, proposal_id
        )
        core.repo.keep(proposal.ref, proposal.commit)
        return judged(core, proposal_id, report, trial, review)


def taking_back(core: Core, landed: Proposal) -> Proposal:
    """Put the reverse of a landed proposal before the person, with verdicts that are given."""
    proposal_id = new_id()
    with core.repo.claim(proposal_id):
        take_back(landed, core._services, proposal_id)
        return judged(core, proposal_id)


def judged(
    core: Core,
    proposal_id: str,
    report: RiskReport = RiskReport(Level.LOW, 0, ()),  # noqa: B008 - frozen
    trial: TrialReport = TRIAL,
    review: ReviewReport = REVIEW,
) -> Proposal:
    """Judge a proposal with verdicts that are given, until it waits for an answer."""
    services, inbox = core._services, core.inbox
    inbox.record(proposal_id, "checked", {})
    inbox.record(proposal_id, "assessed", {"risk": asdict(report)})
    inbox.record(proposal_id, "tried", {"trial": asdict(trial), "risk": asdict(report)})
    proposal = inbox.record(proposal_id, "reviewed", {"review": asdict(review)})
    asked = ask(proposal, services, Cancel())
    return inbox.record(proposal.id, asked.kind, asked.data)


def _findings(level: Level) -> tuple[Finding, ...]:
    if level is Level.LOW:
        return ()
    return (Finding("net.socket", "net", level, "calc/core.py", 2, 4, "It opens a socket."),)


@dataclass(slots=True)
class Serving:
    """One machine: a repo, a Discord, and `mai serve`, which may come and go."""

    workspace: Workspace
    server: DiscordServer
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    said_before: int = 0

    @property
    def log(self) -> str:
        """What `mai serve` said on stderr so far, all of its lives together."""
        path = self.workspace.folder / "serve.err"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def everything_written(self) -> str:
        """Every byte that Mai left on this machine, as text."""
        folder = self.workspace.folder
        files = [one for one in folder.rglob("*") if one.is_file() and not one.is_symlink()]
        return "\n".join(one.read_bytes().decode("latin-1") for one in files)

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start `mai serve` and return at once."""
        assert self.process is None
        self.said_before = len(self.log)
        with (self.workspace.folder / "serve.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).with_name("mai")), "serve"],
                cwd=self.workspace.repo.root,
                env={
                    **self.workspace.environment,
                    **self.server.environment,
                    **self.environment,
                    **(environment or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def stop(self) -> int:
        """End it as a service manager does, once it runs; return its exit code."""
        until(lambda: "Ctrl-C ends it." in self.log[self.said_before :], "a start")
        process, self.process = self.process, None
        assert process is not None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return process.wait(_PATIENCE_S)

    def kill(self) -> None:
        """End it as a power cut does."""
        process, self.process = self.process, None
        assert process is not None
        process.kill()
        process.wait(_PATIENCE_S)

    def died(self) -> int:
        """Wait until it is dead by itself, such as at a crash point; return its exit code."""
        process, self.process = self.process, None
        assert process is not None
        return process.wait(_PATIENCE_S)

    # --- what can be seen --------------------------------------------------------------------

    def card_of(self, proposal: Proposal, *, offered: bool = True) -> Posted:
        """Wait for the card of a proposal's digest, with 👍 and 👎 below it, and return it."""
        mark = f"{proposal.id} · {proposal.digest.removeprefix('sha256:')[:12]}"

        def found() -> list[Posted]:
            cards = self.server.posted_by_mai(mark)
            return [one for one in cards if not offered or {"👍", "👎"} <= one.reactions.keys()]

        return self.server.until(found, f"the card of {proposal.title}")[0]

    def cards(self) -> list[Posted]:
        """Return every card, by its footer."""
        return [one for one in self.server.posted_by_mai() if one.embeds]

    def until_shown(self, card: Posted, text: str) -> Posted:
        """Wait until a card, as it is then, holds `text`."""

        def shown() -> Posted | None:
            now = self.server.message(card.id)
            return now if now and text in now.text else None

        found = self.server.until(shown, f"{text!r} on the card")
        assert found is not None
        return found

    def until_said(self, text: str) -> None:
        """Wait until the terminal was told `text`."""
        until(lambda: text in self.log, f"{text!r} in:\n{self.log}")

    def says(self, text: str, **more: object) -> int:
        """Let the owner write."""
        return self.server.says(OWNER, text, **more)  # type: ignore[arg-type] # passed on as it is


@contextmanager
def core_of(workspace: Workspace, clock: Clock | None = None, **environment: str) -> Iterator[Core]:
    """Open a core on the machine's repo, as a terminal beside `mai serve` would."""
    before = dict(os.environ)
    os.environ.update({**workspace.environment, **environment})
    try:
        with Core.open(workspace.repo.root, clock=clock) as core:
            yield core
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def hosting(serving: Serving, clock: Clock | None = None) -> Iterator[tuple[Core, list[str]]]:
    """Run in this process what `mai serve` runs; yield its core and what it tells the terminal.

    Where no process has to die this is quicker to have, and `clock` says what time it is.
    """
    said: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Said):
            said.append(event.text)

    environment = {**serving.server.environment, **serving.environment}
    with core_of(serving.workspace, clock, **environment) as core:
        core.events.subscribe(hear)
        host = Host(core)
        host.start()
        try:
            yield core, said
        finally:
            assert host.stop(_PATIENCE_S)
            logging.getLogger("discord").handlers.clear()


def until(found: Callable[[], object], what: str, patience_s: float = _PATIENCE_S) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + patience_s
    while not found():
        assert time.monotonic() < deadline, f"it did not happen: {what}"
        time.sleep(0.02)
