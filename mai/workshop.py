"""What Mai works with, each connected to when it is first needed: sandbox, provider, reviewer."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mai.pipeline.own import is_mai
from mai.proposal import Proposal
from mai.protocols import CanWait, Provider, Reviewer, Sandbox
from mai.repo.repository import Repo
from mai.settings import Settings


class Workshop:
    """Lazily gives the engine and the models for one repo; safe to ask from any thread."""

    def __init__(self, settings: Settings, repo: Repo, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._repo = repo
        self._say = say
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._provider: Provider | None = None
        self._unsaid: list[str] = []
        self._stays = False

    def sandbox(self) -> Sandbox:
        """Connect to the engine, once. Raises NoEngine; there is no other place to run."""
        from mai.sandbox.trial import DockerSandbox

        with self._lock:
            if self._sandbox is None:
                self._sandbox = DockerSandbox(self._settings, self._say)
            return self._sandbox

    def keep_warm(self) -> None:
        """From the first trial on, have containers wait for the next: this process stays."""
        self._stays = True

    def expect_trial(self) -> None:
        """Get ready for a trial in the background, where this process stays."""
        sandbox = self.sandbox() if self._stays else None
        if isinstance(sandbox, CanWait):
            sandbox.keep_warm()

    def provider(self) -> Provider:
        """Choose what to think with, once, and say so where it is not what one would expect."""
        provider = self._opened()
        with self._lock:
            unsaid, self._unsaid = self._unsaid, []
        for text in unsaid:
            self._say(text)
        return provider

    def reviewer(self, _proposal: Proposal) -> Reviewer | None:
        """Return who reviews, None where nobody can."""
        from mai.prompting.reviewer import ModelReviewer
        from mai.providers.select import reviewer_for

        # A patch that somebody hands in needs no model: that none is there is not news then.
        thinker = reviewer_for(self._settings, self._opened())
        return None if thinker is None else ModelReviewer(thinker)

    def may_touch(self, path: str) -> bool:
        """Whether proposing a change to `path` has any chance: Mai's own core is BLOCKED."""
        from mai.risk.own import may_change

        return not self.is_own(self._repo.tip(self._repo.branch())) or may_change(
            path, is_new=False
        )

    def is_own(self, commit: str) -> bool:
        """Whether `commit` of the repo is Mai's own code."""
        return is_mai(self._repo, commit)

    def close(self) -> None:
        """Remove what this process has running."""
        with self._lock:
            sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.close()

    def _opened(self) -> Provider:
        from mai.providers.select import open_provider

        with self._lock:
            if self._provider is None:
                say = self._unsaid.append
                self._provider = open_provider(self._settings, say, self.may_touch)
            return self._provider
