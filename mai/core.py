"""Wires the rooms once. Every front end gets one `Core` and nothing else.

The methods block; a front end with an event loop calls them in a thread. Progress arrives on
`events`, in the thread that does the work. What judges a change is imported by the methods that
need it: it takes longer to load than a list takes to print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mai import scratch
from mai.errors import LedgerLost, StoreError, UnsuitableRepo
from mai.events import Cancel, EventBus, ProposalChanged, Said
from mai.pipeline.approve import ask_again
from mai.pipeline.keeping_up import (
    claimed,
    expire,
    look_ahead,
    outdated,
    refresh,
    resume,
    settle_clock,
)
from mai.pipeline.recover import recover, require_landed
from mai.pipeline.services import Services
from mai.proposal import Json, Proposal, State, Submission
from mai.protocols import Clock, Provider, Sandbox, SystemClock
from mai.repo.repository import Repo
from mai.settings import Settings, load
from mai.settings_sources import is_checkout, own_checkout
from mai.store.answers import checked_digest
from mai.store.cards import Cards
from mai.store.db import Database
from mai.store.inbox import Inbox
from mai.store.ledger import Ledger
from mai.store.verify import Verification
from mai.system.logs import configure, get
from mai.text import prose
from mai.workshop import Workshop

if TYPE_CHECKING:
    from mai.agent.task import ApprovePlan, Steering
    from mai.mind import Mind

_POLL_S = 0.2
_REASON_CHARACTERS = 1000


class Core:
    """One repo, one inbox, one pipeline. Use it as a context manager."""

    def __init__(self, settings: Settings, repo: Repo, database: Database, clock: Clock) -> None:
        self.settings = settings
        self.repo = repo
        self.events = EventBus()
        self._database = database
        self._workshop = Workshop(settings, repo, self._say)
        folder = settings.data_dir
        ledger = Ledger(database, repo.key, folder / "repos" / f"{repo.key}.head", clock)
        self.inbox = Inbox(ledger, clock)
        self.cards = Cards(database, repo.key, clock)
        self.clock = clock
        self._ledger = ledger
        self._said_fault = ""
        self._services = Services(
            settings=settings,
            repo=repo,
            ledger=ledger,
            inbox=self.inbox,
            events=self.events,
            clock=clock,
            sandbox=self._workshop.sandbox,
            reviewer=self._workshop.reviewer,
            is_own_repo=self._workshop.is_own,
            cache_dir=folder / "cache" / "trials",
        )
        self._looked_ahead: set[tuple[str, str]] = set()

    @classmethod
    def open(
        cls,
        directory: Path | None = None,
        *,
        clock: Clock | None = None,
        tells_stderr: bool = True,
        **overrides: Any,
    ) -> Self:
        """Open the repo around `directory`, or around the current one, or Mai's own checkout.

        `tells_stderr` false keeps warnings off a screen that a console owns.

        Raises:
            UnsuitableRepo: there is no repo Mai can work on.
            SettingsError: a setting cannot be used.
            StoreError: the database cannot be used.
        """
        settings = load(**overrides)
        repo = _open_repo(directory, settings)
        database = Database.open(settings.memory_db_path, backups_kept=settings.backups_kept)
        configure(settings, tells_stderr=tells_stderr)
        scratch.reap()
        core = cls(settings, repo, database, clock or SystemClock())
        core.back_up()
        return core

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove what this process has running and let go of the database."""
        self._workshop.close()
        self.back_up()  # the first one as soon as there is something to lose
        self.repo.close()
        self._database.close()

    def back_up(self) -> None:
        """Back the database up if that is due. A full disk must not keep anybody from looking."""
        try:
            self._database.backup_if_due(self.settings.backup_hours)
        except StoreError as error:
            get("store").warning("no backup was made", why=str(error))

    # --- changes come in -------------------------------------------------------------------------

    def submit(self, submission: Submission, cancel: Cancel | None = None) -> Proposal:
        """Put a change through the pipeline until it waits for a person or has ended.

        Raises:
            EditError: it does not apply; there is no proposal then.
            NoEngine: it was assessed but cannot be tried; it stays and is resumed later.
        """
        from mai.pipeline.propose import new_id, propose
        from mai.pipeline.run import run

        self.require_ledger()
        proposal_id = new_id()
        self._workshop.expect_trial()
        with self.repo.claim(proposal_id):
            proposal = propose(submission, self._services, proposal_id)
            return run(proposal, self._services, cancel or Cancel())

    def improve(
        self, rounds: int = 1, pattern: str | None = None, cancel: Cancel | None = None
    ) -> Iterator[Proposal]:
        """Ask the provider for up to `rounds` improvements and submit each.

        `pattern` is a glob over tracked paths. An idea that does not apply is said and passed over.
        """
        self.require_ledger()
        yield from self.mind.improve(rounds, pattern, cancel or Cancel())

    def change(
        self,
        task: str,
        cancel: Cancel | None = None,
        *,
        approve_plan: ApprovePlan | None = None,
        steering: Steering | None = None,
    ) -> Proposal:
        """Carry one task out: plan it, write it, submit it, and mend what the gate finds wrong.

        `approve_plan` is shown the plan before any code is written and gives it back, changed or
        not, or None to stop. What is said through `steering` reaches the model between stages.
        """
        self.require_ledger()
        return self.mind.change(task, cancel or Cancel(), approve_plan, steering)

    def rollback(self, prefix: str, cancel: Cancel | None = None) -> Proposal:
        """Propose to take a landed proposal back; the person then answers as to any other."""
        from mai.pipeline.propose import new_id
        from mai.pipeline.rollback import take_back
        from mai.pipeline.run import run

        self.require_ledger()
        require_landed(self._services)
        landed = self.inbox.get(prefix)
        proposal_id = new_id()
        with self.repo.claim(proposal_id):
            proposal = take_back(landed, self._services, proposal_id)
            return run(proposal, self._services, cancel or Cancel())

    # --- people answer ---------------------------------------------------------------------------

    def approve(self, prefix: str, digest: str, by: str, cancel: Cancel | None = None) -> Proposal:
        """Say yes to exactly what `digest` stands for, and land it.

        Raises:
            StaleDigest: the branch moved and what would land is not what was shown.
            WrongDigest, Declined, Blocked, Conflict: as the inbox says.
        """
        from mai.pipeline.run import follow, run

        self.require_ledger()
        require_landed(self._services)
        with self._services.answering, claimed(self.inbox.get(prefix).id, self._services) as held:
            proposal = held
            if proposal.state is State.APPROVED:
                # Its yes is on record and nobody is landing it: a crash or a lock came between.
                checked_digest(proposal, digest, ())
                return run(proposal, self._services, cancel or Cancel())
            if proposal.state is State.PENDING:
                proposal = follow(proposal, self._services, cancel or Cancel())
                proposal = ask_again(proposal, self._services)
            approved = self.inbox.approve(proposal.id, digest, by)
            self.events.publish(ProposalChanged(approved))
            return run(approved, self._services, cancel or Cancel())

    def reject(self, prefix: str, reason: str, by: str) -> Proposal:
        """Say no. The reason is kept, and kept from being proposed again."""
        return self._told(self.inbox.reject(self.inbox.get(prefix).id, reason, by))

    def explain(self, prefix: str, reason: str, by: str) -> Proposal:
        """Say why, after a no that counted at once. Kept like a reason given with it."""
        data = {"reason": prose(reason, _REASON_CHARACTERS), "by": by}
        return self._told(self.inbox.record(self.inbox.get(prefix).id, "reasoned", data))

    def note(self, proposal_id: str, data: Json) -> None:
        """Put on record what happened around a proposal and changes nothing about it."""
        self.inbox.record(proposal_id, "noted", data)

    def withdraw(self, prefix: str, by: str) -> Proposal:
        """Take a proposal out of the inbox without judging it."""
        return self._told(self.inbox.withdraw(self.inbox.get(prefix).id, by))

    # --- looking ---------------------------------------------------------------------------------

    def get(self, prefix: str) -> Proposal:
        """Return the one proposal whose id starts with `prefix`."""
        return self.inbox.get(prefix)

    def diff(self, proposal: Proposal) -> str:
        """Return the diff that a yes to `proposal` would put on its branch."""
        return self.repo.diff(proposal.tip, proposal.tree)

    def story(self, proposal: Proposal) -> list[Json]:
        """Return the proposal's ledger entries, oldest first."""
        entries = self._ledger.entries(proposal.id)
        return [{"at": e.at, "kind": e.kind, "data": e.data, "hash": e.hash} for e in entries]

    def history(self, most: int | None = None) -> list[Proposal]:
        """Return what landed, the newest `most` first, taken back or not."""
        return self.inbox.landed(most)

    def ledger_fault(self) -> LedgerLost | None:
        """Return what keeps this ledger from being gone on with: an end that was lost, or None."""
        try:
            self._ledger.require_end()
        except LedgerLost as error:
            return error
        return None

    def require_ledger(self) -> None:
        """Refuse to answer, land or begin anything while the ledger's end is missing.

        Raises:
            LedgerLost: a person must restore it, or accept that.
        """
        self._ledger.require_end()

    def verify(self) -> Verification:
        """Check the ledger's chain against itself, its witness and the branch's trailers.

        What is kept beside it for lists is compared with it too.
        """
        found = self._ledger.verify(self._anchors())
        faults = self.inbox.faults() if found.is_whole else []
        return replace(found, ok=found.ok and not faults, problems=(*found.problems, *faults))

    def accept_loss(self, by: str) -> Verification:
        """Go on with a ledger whose end was lost, and record that `by` knows it.

        What the branch shows to have landed since is read back first.
        """
        found = self._ledger.verify(self._anchors())
        if found.is_whole and not found.ok:
            self.recover()
        return self._ledger.accept_loss(by, self._anchors())

    def recover(self) -> list[Proposal]:
        """Record what the branch shows to have landed and the ledger lost; return it."""
        return recover(self._services)

    def only_kept(self) -> list[str]:
        """Return the ids of proposals of which only the commit is left, the ledger having none."""
        return sorted(self.repo.refs.kept().keys() - self.inbox.states().keys())

    def _anchors(self) -> dict[str, str]:
        return {
            landed.commit: landed.trailers["Mai-Ledger"]
            for landed in self.repo.landed_trailers(self.repo.branch())
            if "Mai-Ledger" in landed.trailers
        }

    def export(self) -> Iterator[Json]:
        """Yield every ledger row of this repo, oldest first."""
        return self._ledger.export()

    # --- keeping up ------------------------------------------------------------------------------

    def resume(
        self,
        cancel: Cancel | None = None,
        *,
        follow_branch: bool = False,
        skip: frozenset[str] = frozenset(),
    ) -> list[Proposal]:
        """Finish what a process that died left, and close what expired.

        With `follow_branch` everything that waits is judged again where its branch moved: a trial
        each. The proposals whose ids are in `skip` are left as they are. While the ledger's end is
        missing nothing is done; that is said once.
        """
        fault = self.ledger_fault()
        if fault is not None:
            if str(fault) != self._said_fault:
                self.events.publish(Said(str(fault), is_problem=True))
            self._said_fault = str(fault)
            return []
        cancel = cancel or Cancel()
        return resume(self._services, cancel, follow_branch=follow_branch, skip=skip)

    def outdated(self, proposals: Iterable[Proposal]) -> frozenset[str]:
        """Return the ids of those of `proposals` that wait although their branch moved. Only looks.

        A yes to one of them judges it again before it counts.
        """
        return frozenset(one.id for one in outdated(proposals, self._services))

    def look_ahead(self, cancel: Cancel | None = None) -> Proposal | None:
        """Judge the proposal that is likeliest to be approved next again, if all are outdated."""
        if self.ledger_fault() is not None:
            return None
        return look_ahead(self._services, cancel or Cancel(), self._looked_ahead)

    def refresh(self, prefix: str, cancel: Cancel | None = None) -> Proposal:
        """Return one proposal as it stands on its branch's tip now, judged again if need be."""
        return refresh(self.inbox.get(prefix).id, self._services, cancel or Cancel())

    def settle_clock(self) -> None:
        """Move the deadlines with a clock that was set since the last look, and say so."""
        settle_clock(self._services)

    def finish_tests(self, cancel: Cancel | None = None) -> Proposal | None:
        """Run the tests that the trial of one waiting proposal left for later, the oldest first.

        Returns it as it is then, None where none has any left that nobody runs already.
        """
        from mai.pipeline.rest import finish_ahead

        if self.ledger_fault() is not None:
            return None
        for proposal in reversed(self.inbox.pending()):
            is_due = proposal.owes_tests and not self._services.answering
            done = finish_ahead(proposal, self._services, cancel or Cancel()) if is_due else None
            if done is not None:
                return done
        return None

    def wait(self, proposal_id: str, cancel: Cancel) -> Proposal:
        """Wait until a proposal was answered, from whatever surface, and return it."""
        while True:
            expire(self._services)
            proposal = self.inbox.get(proposal_id)
            if proposal.state.is_end or cancel.wait(_POLL_S):
                return proposal

    # --- what it works with ----------------------------------------------------------------------

    @cached_property
    def mind(self) -> Mind:
        """What thinks about this repo: tasks, improvements, conversations, memory."""
        from mai.mind import Mind

        return Mind(self._services, self._database, self._workshop, self.submit)

    def sandbox(self) -> Sandbox:
        """Connect to the engine, once. Raises NoEngine; there is no other place to run."""
        return self._workshop.sandbox()

    def keep_warm(self) -> None:
        """Say that this process stays: from the first proposal on, containers wait for trials."""
        self._workshop.keep_warm()

    def provider(self) -> Provider:
        """Choose what to think with, once, and say so where it is not what one would expect."""
        return self._workshop.provider()

    def _say(self, text: str) -> None:
        self.events.publish(Said(text))

    def _told(self, proposal: Proposal) -> Proposal:
        self.events.publish(ProposalChanged(proposal))
        return proposal


def _open_repo(directory: Path | None, settings: Settings) -> Repo:
    private = settings.data_dir / "repos"
    try:
        return Repo.open(directory or Path.cwd(), private)
    except UnsuitableRepo:
        # Only where there is no repo at all is Mai's own checkout meant; a bare one is a mistake.
        if directory is not None or _inside_a_repo(Path.cwd()) or not is_checkout():
            raise
        return Repo.open(own_checkout(), private)


def _inside_a_repo(directory: Path) -> bool:
    return any((folder / ".git").exists() for folder in (directory, *directory.parents)) or (
        (directory / "HEAD").is_file() and (directory / "objects").is_dir()
    )


__all__ = ["Core", "Submission"]
