"""What Mai works with, each connected to when it is first needed: sandbox, provider, reviewer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from mai.errors import SettingsError
from mai.pipeline.own import is_mai
from mai.proposal import Proposal
from mai.protocols import CanWait, Provider, Reviewer, Sandbox
from mai.repo.repository import Repo
from mai.settings import Settings

if TYPE_CHECKING:
    from mai.review.units import Read
    from mai.system.resources import History, Sample
    from mai.system.watch import Watch


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
        self._has_spoken = False
        self._watch: Watch | None = None
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
            self._has_spoken = True
        for text in unsaid:
            self._say(text)
        return provider

    def reviewer(self, _proposal: Proposal) -> Reviewer | None:
        """Return who reviews, None where nobody can."""
        from mai.protocols import SystemClock
        from mai.review.calibration.records import Records
        from mai.review.choice import reviewer_for
        from mai.review.measured import MeasuredReviewer
        from mai.review.reviewer import AbsentReviewer, ModelReviewer

        try:
            elsewhere = self._elsewhere()
        except SettingsError as error:
            # A change is not held up by it, and the person sees that nobody reviewed it.
            return AbsentReviewer((self._settings.reviewer or "").strip().lower(), error.sentence)
        if elsewhere is not None:
            return ModelReviewer(elsewhere)

        # A patch that somebody hands in needs no model: that none is there is not news then.
        thinker = reviewer_for(self._settings, self._opened())
        if thinker is None:
            return None
        if thinker.name == "scripted":
            return ModelReviewer(thinker)  # a transcript is no model, and plays what it was given
        records = Records(self._settings.data_dir)
        return MeasuredReviewer(thinker, records, self._sides, SystemClock().now, self._say)

    def _sides(self, proposal: Proposal) -> tuple[Read, Read]:
        """Return the readers of a proposal's old and new files."""
        repo = self._repo
        return repo.snapshot(proposal.tip).read, repo.snapshot(proposal.tree).read

    def _elsewhere(self) -> Provider | None:
        """Return the reviewer that the change leaves this machine for, having said so."""
        settings = self._settings
        asked = (settings.reviewer or "").strip().lower()
        if asked not in {"claude", "opencode"}:
            return None
        from mai.review import claude_review, opencode_review
        from mai.system.redaction import Redactor

        redact = Redactor.for_settings(settings).text
        if asked == "claude":
            key = (
                settings.anthropic_api_key.get_secret_value() if settings.anthropic_api_key else ""
            )
            claude = claude_review.ClaudeProvider(
                key, settings.claude_model, redact, settings.claude_endpoint
            )
            self._say(claude_review.LEAVES)
            return claude
        secret = settings.opencode_server_password
        opencode = opencode_review.OpencodeProvider(
            settings.opencode_endpoint,
            settings.opencode_model,
            secret.get_secret_value() if secret else "",
            redact,
        )
        self._say(opencode_review.LEAVES)
        return opencode

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
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        if sandbox is not None:
            sandbox.close()

    @property
    def history(self) -> History | None:
        """The machine's load of the last half hour, None where no model was needed yet."""
        watch = self._watch
        return watch.history if watch is not None else None

    def _opened(self) -> Provider:
        from mai.prompting.outlines import shared as outlines
        from mai.providers.select import MODEL_BACKENDS, open_provider

        with self._lock:
            if self._provider is None:
                provider = open_provider(self._settings, self._tell, self.may_touch)
                if provider.name in MODEL_BACKENDS:
                    outlines.remember_in(self._settings.data_dir / "cache")
                    self._watch = self._watched(provider)
                self._provider = provider
            return self._provider

    def _watched(self, provider: Provider) -> Watch:
        """Have the provider know how busy the machine is, for as long as it is in use."""
        from mai.providers.pressure import Reading
        from mai.providers.switching import SwitchingProvider
        from mai.system.watch import Watch

        def observe(sample: Sample) -> None:
            if isinstance(provider, SwitchingProvider):
                percent = 100 * sample.memory_used_bytes / sample.memory_total_bytes
                provider.observe(Reading(sample.at_s, sample.cpu_percent, percent))

        return Watch(self._settings, observe)

    def _tell(self, text: str) -> None:
        # What was found while choosing waits until somebody asks for a model; what changes later
        # is news at once. No lock: choosing holds it while it speaks.
        if self._has_spoken:
            self._say(text)
        else:
            self._unsaid.append(text)
