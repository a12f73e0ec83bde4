"""Wires the rooms once. Every front end gets one `Core` and nothing else.

The methods block; a front end with an event loop calls them in a thread. Progress arrives on
`events`, in the thread that does the work.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mai.errors import Conflict, MaiError, RepoBusy, UnsuitableRepo, UsageError
from mai.events import Cancel, EventBus, ProposalChanged, Said
from mai.pipeline.own import is_mai
from mai.pipeline.propose import Submission, new_id, propose
from mai.pipeline.rollback import take_back
from mai.pipeline.run import follow, run
from mai.pipeline.services import Services
from mai.proposal import Json, Proposal, State
from mai.protocols import Clock, Provider, Reviewer, Sandbox, SystemClock
from mai.repo.repository import Repo
from mai.settings import Settings, is_checkout, load, own_checkout
from mai.store.db import Database
from mai.store.inbox import Inbox
from mai.store.ledger import Ledger
from mai.store.verify import Verification

_CLAIM_WAIT_S = 120.0
_POLL_S = 0.2
_NOT_AGAIN = frozenset({State.REJECTED, State.BLOCKED, State.FAILED})


class Core:
    """One repo, one inbox, one pipeline. Use it as a context manager."""

    def __init__(self, settings: Settings, repo: Repo, database: Database, clock: Clock) -> None:
        self.settings = settings
        self.repo = repo
        self.events = EventBus()
        self._database = database
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._provider: Provider | None = None
        self._unsaid: list[str] = []
        folder = settings.data_dir
        ledger = Ledger(database, repo.key, folder / "repos" / f"{repo.key}.head", clock)
        self.inbox = Inbox(ledger, clock)
        self._ledger = ledger
        self._services = Services(
            settings=settings,
            repo=repo,
            ledger=ledger,
            inbox=self.inbox,
            events=self.events,
            clock=clock,
            sandbox=self.sandbox,
            reviewer=self._reviewer,
            is_own_repo=lambda commit: is_mai(repo, commit),
            cache_dir=folder / "cache" / "trials",
        )

    @classmethod
    def open(
        cls, directory: Path | None = None, *, clock: Clock | None = None, **overrides: Any
    ) -> Self:
        """Open the repo around `directory`, or around the current one, or Mai's own checkout.

        Raises:
            UnsuitableRepo: there is no repo Mai can work on.
            SettingsError: a setting cannot be used.
            StoreError: the database cannot be used.
        """
        settings = load(**overrides)
        repo = _open_repo(directory, settings)
        database = Database.open(settings.memory_db_path, backups_kept=settings.backups_kept)
        database.backup_if_due(settings.backup_hours)
        return cls(settings, repo, database, clock or SystemClock())

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
        if self._sandbox is not None:
            self._sandbox.close()
        self.repo.close()
        self._database.close()

    # --- changes come in -------------------------------------------------------------------------

    def submit(self, submission: Submission, cancel: Cancel | None = None) -> Proposal:
        """Put a change through the pipeline until it waits for a person or has ended.

        Raises:
            EditError: it does not apply; there is no proposal then.
            NoEngine: it was assessed but cannot be tried; it stays and is resumed later.
        """
        proposal_id = new_id()
        with self.repo.claim(proposal_id):
            proposal = propose(submission, self._services, proposal_id)
            self.events.publish(ProposalChanged(proposal))
            return run(proposal, self._services, cancel or Cancel())

    def improve(
        self, rounds: int = 1, pattern: str | None = None, cancel: Cancel | None = None
    ) -> Iterator[Proposal]:
        """Ask the provider for up to `rounds` improvements and submit each.

        `pattern` is a glob over tracked paths. An idea that does not apply is said and passed over.
        """
        from mai.agent.draft import drafts

        cancel = cancel or Cancel()
        avoid = frozenset(
            proposal.title
            for proposal in self.inbox.all()
            if not proposal.state.is_end or proposal.state in _NOT_AGAIN
        )
        snapshot = self.repo.snapshot(self.repo.tip(self.repo.branch()))
        found = drafts(
            self.provider(),
            snapshot,
            pattern=pattern,
            avoid=avoid,
            cancel=cancel,
            may_touch=self._may_touch,
        )
        for draft in itertools.islice(found, rounds):
            submission = Submission(draft.edits, draft.title, draft.why, draft.author)
            try:
                yield self.submit(submission, cancel)
            except MaiError as error:
                if error.exit_code != 5:  # noqa: PLR2004 - the family of what does not apply
                    raise
                self.events.publish(Said(f"{draft.title}: {error}", is_problem=True))

    def change(self, task: str, cancel: Cancel | None = None) -> Proposal:
        """Ask the provider to carry out one task and submit what it writes."""
        from mai.agent.draft import draft_change

        cancel = cancel or Cancel()
        snapshot = self.repo.snapshot(self.repo.tip(self.repo.branch()))
        draft = draft_change(self.provider(), snapshot, task, cancel)
        return self.submit(Submission(draft.edits, draft.title, draft.why, draft.author), cancel)

    def rollback(self, prefix: str, cancel: Cancel | None = None) -> Proposal:
        """Propose to take a landed proposal back; the person then answers as to any other."""
        landed = self.inbox.get(prefix)
        proposal_id = new_id()
        with self.repo.claim(proposal_id):
            proposal = take_back(landed, self._services, proposal_id)
            self.events.publish(ProposalChanged(proposal))
            return run(proposal, self._services, cancel or Cancel())

    # --- people answer ---------------------------------------------------------------------------

    def approve(self, prefix: str, digest: str, by: str, cancel: Cancel | None = None) -> Proposal:
        """Say yes to exactly what `digest` stands for, and land it.

        Raises:
            StaleDigest: the branch moved and what would land is not what was shown.
            WrongDigest, Declined, Blocked, Conflict: as the inbox says.
        """
        with self._claimed(self.inbox.get(prefix).id) as claimed:
            proposal = claimed
            if proposal.state is State.PENDING:
                proposal = follow(proposal, self._services, cancel or Cancel())
            approved = self.inbox.approve(proposal.id, digest, by)
            self.events.publish(ProposalChanged(approved))
            return run(approved, self._services, cancel or Cancel())

    def reject(self, prefix: str, reason: str, by: str) -> Proposal:
        """Say no. The reason is kept, and kept from being proposed again."""
        return self._told(self.inbox.reject(self.inbox.get(prefix).id, reason, by))

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

    def history(self) -> list[Proposal]:
        """Return what landed, newest first, taken back or not."""
        landed = [proposal for proposal in self.inbox.all() if proposal.landed is not None]
        return sorted(landed, key=lambda one: one.landed.at if one.landed else "", reverse=True)

    def verify(self) -> Verification:
        """Check the ledger's chain against itself, its witness and the branch's trailers."""
        anchors = {
            landed.commit: landed.trailers["Mai-Ledger"]
            for landed in self.repo.landed_trailers(self.repo.branch())
            if "Mai-Ledger" in landed.trailers
        }
        return self._ledger.verify(anchors)

    def export(self) -> Iterator[Json]:
        """Yield every ledger row of this repo, oldest first."""
        return self._ledger.export()

    # --- keeping up ------------------------------------------------------------------------------

    def resume(self, cancel: Cancel | None = None, *, follow_branch: bool = True) -> list[Proposal]:
        """Finish what a process that died left, close what expired, follow a branch that moved.

        What a living process works on is left to it. One that cannot go on is said, not raised.
        """
        cancel = cancel or Cancel()
        changed = [self._told(proposal) for proposal in self.inbox.expire_due()]
        for proposal in self.inbox.all():
            is_due = proposal.state.is_working or (
                follow_branch and proposal.state is State.PENDING and self._has_moved(proposal)
            )
            if not is_due or cancel.is_set:
                continue
            with contextlib.suppress(RepoBusy), self.repo.claim(proposal.id):
                fresh = self.inbox.get(proposal.id)
                try:
                    if fresh.state.is_working:
                        self.events.publish(
                            Said(f"I go on with {fresh.short_id} where a stopped process left it.")
                        )
                        fresh = run(fresh, self._services, cancel)
                    elif fresh.state is State.PENDING:
                        fresh = follow(fresh, self._services, cancel)
                    changed.append(fresh)
                except MaiError as error:
                    self.events.publish(Said(f"{fresh.short_id}: {error}", is_problem=True))
        return changed

    def refresh(self, prefix: str, cancel: Cancel | None = None) -> Proposal:
        """Return one proposal as it stands on its branch's tip now, judged again if need be."""
        for expired in self.inbox.expire_due():
            self._told(expired)
        proposal = self.inbox.get(prefix)
        is_due = proposal.state.is_working or (
            proposal.state is State.PENDING and self._has_moved(proposal)
        )
        if not is_due:
            return proposal
        with self._claimed(proposal.id) as fresh:
            if fresh.state.is_working:
                return run(fresh, self._services, cancel or Cancel())
            if fresh.state is State.PENDING:
                return follow(fresh, self._services, cancel or Cancel())
            return fresh

    def wait(self, proposal_id: str, cancel: Cancel) -> Proposal:
        """Wait until a proposal was answered, from whatever surface, and return it."""
        while True:
            for expired in self.inbox.expire_due():
                self._told(expired)
            proposal = self.inbox.get(proposal_id)
            if proposal.state.is_end or cancel.wait(_POLL_S):
                return proposal

    # --- what it works with ----------------------------------------------------------------------

    def sandbox(self) -> Sandbox:
        """Connect to the engine, once. Raises NoEngine; there is no other place to run."""
        from mai.sandbox.trial import DockerSandbox

        with self._lock:
            if self._sandbox is None:
                self._sandbox = DockerSandbox(self.settings, self._say)
            return self._sandbox

    def provider(self) -> Provider:
        """Choose what to think with, once, and say so where it is not what one would expect."""
        provider = self._opened_provider()
        with self._lock:
            unsaid, self._unsaid = self._unsaid, []
        for text in unsaid:
            self._say(text)
        return provider

    def _opened_provider(self) -> Provider:
        from mai.providers.select import open_provider

        with self._lock:
            if self._provider is None:
                self._provider = open_provider(self.settings, self._unsaid.append, self._may_touch)
            return self._provider

    def _reviewer(self, _proposal: Proposal) -> Reviewer | None:
        from mai.prompting.reviewer import ModelReviewer
        from mai.providers.select import reviewer_for

        # A patch that somebody hands in needs no model: that none is there is not news then.
        thinker = reviewer_for(self.settings, self._opened_provider())
        return None if thinker is None else ModelReviewer(thinker)

    def _may_touch(self, path: str) -> bool:
        """Whether proposing a change to `path` has any chance: Mai's own core is BLOCKED."""
        from mai.risk.own import may_change

        is_own = is_mai(self.repo, self.repo.tip(self.repo.branch()))
        return not is_own or may_change(path, is_new=False)

    def _say(self, text: str) -> None:
        self.events.publish(Said(text))

    def _told(self, proposal: Proposal) -> Proposal:
        self.events.publish(ProposalChanged(proposal))
        return proposal

    def _has_moved(self, proposal: Proposal) -> bool:
        try:
            return self.repo.tip(proposal.branch) != proposal.tip
        except MaiError:
            return True

    @contextlib.contextmanager
    def _claimed(self, proposal_id: str) -> Iterator[Proposal]:
        """Hold a proposal, waiting for another process that works on it; yield it as it is then."""
        deadline = time.monotonic() + _CLAIM_WAIT_S
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(self.repo.claim(proposal_id))
                    break
                except RepoBusy as error:
                    if time.monotonic() > deadline:
                        raise Conflict(f"Another Mai still works on {proposal_id[:4]}.") from error
                    time.sleep(_POLL_S / 4)
            yield self.inbox.get(proposal_id)


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


__all__ = ["Core", "Submission", "UsageError"]
