"""Thinking about one repo: tasks, improvements, the tools of a conversation, and memory.

`Core` has one of these. What it makes goes through the same gate as anybody's patch.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from mai.errors import MaiError, NoEngine, ProviderError
from mai.events import Cancel, EventBus, Said
from mai.jobs import Job
from mai.pipeline.message import author_writes, review_line, reviewer_writes
from mai.pipeline.services import Services
from mai.proposal import Json, Level, Proposal, State, Submission
from mai.protocols import CanImprove, Draft, Provider
from mai.sandbox.limits import tightened
from mai.store.db import Database
from mai.system.redaction import Redactor
from mai.visible import visible_diff
from mai.words import label, quoted_title, said
from mai.workshop import Workshop

if TYPE_CHECKING:
    from mai.agent.loop import Hooks
    from mai.agent.task import ApprovePlan, Means, Steering
    from mai.agent.tools import Toolbox
    from mai.memory.notes import Note, Notes
    from mai.repair.mend import Mender

_NOT_AGAIN = frozenset({State.REJECTED, State.ROLLED_BACK, State.BLOCKED, State.FAILED}) | {
    state for state in State if not state.is_end
}
#: What ended longer ago was learnt from when it was among the newest.
_LEARNT_FROM = 2_000
_DOES_NOT_APPLY = 5
_MOST_MEMORIES = 6
#: How long to search for an edit where no model could go on from there.
_SEARCH_S = 90.0

Submit = Callable[[Submission, Cancel], Proposal]


class Mind:
    """One repo's thinking. Everything is loaded when it is first used."""

    def __init__(
        self,
        services: Services,
        database: Database,
        workshop: Workshop,
        submit: Submit,
    ) -> None:
        from mai.memory.notes import Notes

        self._services = services
        self._workshop = workshop
        self._submit = submit
        self._redactor = Redactor.for_settings(services.settings)
        self.notes: Notes = Notes(database, services.repo.key, services.clock, self._redactor)

    # --- changes ---------------------------------------------------------------------------------

    def change(
        self,
        task: str,
        cancel: Cancel,
        approve_plan: ApprovePlan | None = None,
        steering: Steering | None = None,
    ) -> Proposal:
        """Carry one task out, stage by stage. Raises what `mai.agent.loop.carry_out` raises."""
        from mai.agent.loop import carry_out, new_task_id
        from mai.agent.task import Steering

        task_id, means = new_task_id(), self._means(cancel)
        hooks = self._hooks(task_id, cancel, approve_plan, steering or Steering(), None)
        if isinstance(means.provider, CanImprove) and (made := self._mended(task, cancel)):
            return made
        return carry_out(task, means, hooks, task_id)

    def _repairs(self, means: Means, pattern: str | None, avoid: frozenset[str]) -> Iterator[Draft]:
        """Yield a repair for a test that fails, where no model thinks."""
        if not isinstance(means.provider, CanImprove):
            return
        with contextlib.suppress(NoEngine):  # the other improvements need none
            mender = self._mender(means.cancel)
            for draft in mender.mend_any(pattern):
                if draft.title not in avoid:
                    yield draft
                    return

    def _mended(self, task: str, cancel: Cancel) -> Proposal | None:
        """Propose a repair found without a model, None where the task is not about a test.

        Where the whole suite refuses one, the next likeliest is proposed.
        """
        from mai.suite.named import named_tests

        mender = self._mender(cancel)
        if not named_tests(task, mender.snapshot)[0]:
            return None
        made: Proposal | None = None
        for draft in mender.mend_task(task):
            made = self._submit(_submission(draft, None), cancel)
            if made.state is not State.FAILED:
                break
            self._events.publish(Said("That breaks other tests; I try the next.", is_problem=True))
        return made

    def _mender(self, cancel: Cancel, seconds: float = _SEARCH_S) -> Mender:
        from mai.repair.mend import Mender
        from mai.repair.runner import Runner
        from mai.repair.search import Budget

        repo, sandbox = self._services.repo, self._services.sandbox()
        tip = repo.tip(repo.branch())
        snapshot = repo.snapshot(tip)
        prepared = sandbox.prepare(snapshot.read, snapshot.paths())
        limits = tightened(sandbox.limits_for(Level.LOW), self._services.policy(tip).limits)
        return Mender(
            snapshot,
            Runner(sandbox, lambda: repo.tree_files(tip), limits, cancel, prepared.image),
            say=lambda text: self._events.publish(Said(text)),
            may_touch=self._workshop.may_touch,
            budget=Budget(seconds),
        )

    def improve(self, rounds: int, pattern: str | None, cancel: Cancel) -> Iterator[Proposal]:
        """Yield up to `rounds` improvements as they were judged; one that fails is tried again."""
        from mai.agent.draft import drafts

        means = self._means(cancel)
        avoid = self._services.inbox.titles(_NOT_AGAIN)
        found = chain(
            self._repairs(means, pattern, avoid),
            drafts(
                means.provider,
                means.snapshot,
                pattern=pattern,
                avoid=avoid,
                cancel=cancel,
                may_touch=means.may_touch,
                recall=means.recall,
            ),
        )
        for made, draft in enumerate(found, 1):
            try:
                yield self._improved(draft, means, pattern)
            except MaiError as error:
                if error.exit_code != _DOES_NOT_APPLY:
                    raise
                self._events.publish(Said(f"{quoted_title(draft.title)}: {error}", is_problem=True))
            if made >= rounds:
                return

    def _improved(self, draft: Draft, means: Means, pattern: str | None) -> Proposal:
        from mai.agent.loop import new_task_id, see_through
        from mai.agent.task import Steering

        if isinstance(means.provider, CanImprove):
            return self._submit(_submission(draft, pattern), means.cancel)
        task_id = new_task_id()
        hooks = self._hooks(task_id, means.cancel, None, Steering(), pattern)
        return see_through(draft, means, hooks, task_id)

    def _means(self, cancel: Cancel) -> Means:
        from mai.agent.task import Means
        from mai.lab import Lab

        provider, repo = self._workshop.provider(), self._services.repo
        tip = repo.tip(repo.branch())
        return Means(
            provider,
            repo.snapshot(tip),
            cancel,
            may_touch=self._workshop.may_touch,
            recall=self.recall,
            run_tests=Lab(self._services, tip, cancel).run,
            search=lambda task, seconds: self._mender(cancel, seconds).mend_task(task),
        )

    def _hooks(
        self,
        task_id: str,
        cancel: Cancel,
        approve_plan: ApprovePlan | None,
        steering: Steering,
        pattern: str | None,
    ) -> Hooks:
        from mai.agent.loop import Hooks

        inbox, ledger = self._services.inbox, self._services.ledger

        def note(proposal_id: str, data: Json) -> None:
            inbox.record(proposal_id, "noted", data)

        def record(kind: str, data: Json) -> None:
            # An entry can never be removed, so a secret must not get into one.
            ledger.append(kind, task_id, self._redactor(None, "", data))

        return Hooks(
            submit=lambda draft: self._submit(_submission(draft, pattern), cancel),
            publish=self._events.publish,
            record=record,
            note=note,
            approve_plan=approve_plan,
            steering=steering,
        )

    # --- conversation ----------------------------------------------------------------------------

    def toolbox(self, cancel: Cancel) -> Toolbox:
        """Return the tools of a conversation, over the branch's tip."""
        from mai.agent.tools import Services as Tools
        from mai.agent.tools import Toolbox

        repo = self._services.repo
        snapshot = repo.snapshot(repo.tip(repo.branch()))
        return Toolbox(
            snapshot,
            Tools(
                show_proposal=self._shown,
                run_tests=lambda tests: self._tested(tests, cancel),
                remember=self.remember,
                recall=lambda text: "\n".join(self.recall(text)) or "Nothing is remembered.",
            ),
        )

    def talked(self, text: str, answer: str) -> None:
        """Keep what was said and answered."""
        from mai.memory.compress import compress
        from mai.memory.notes import Kind

        self.notes.add(Kind.SAID, text)
        self.notes.add(Kind.ANSWERED, answer)
        compress(self.notes)

    def _shown(self, prefix: str) -> str:
        proposal = self._services.inbox.get(prefix)
        repo = self._services.repo
        trial = proposal.trial
        lines = [
            f"{proposal.id} {proposal.state}: {quoted_title(proposal.title)}",
            f"risk {proposal.risk.level}" if proposal.risk else "not assessed",
            f"trial {trial.verdict}: {said(trial.message, 300)}" if trial else "not tried",
            f"review {review_line(proposal.review)}",
            visible_diff(repo.diff(proposal.tip, proposal.tree)),
            *author_writes(proposal),
            *reviewer_writes(proposal),
        ]
        return "\n".join(line for line in lines if line)

    def _tested(self, tests: Sequence[str], cancel: Cancel) -> str:
        """Run the tip's own tests in the sandbox, as a trial would run them, and tell of it."""
        repo, sandbox = self._services.repo, self._services.sandbox()
        tip = repo.tip(repo.branch())
        policy = self._services.policy(tip)
        command = policy.test_command
        words = shlex.split(command) if isinstance(command, str) else command
        snapshot = repo.snapshot(tip)
        prepared = sandbox.prepare(snapshot.read, snapshot.paths())
        job = Job(
            repo.tree_files(tip),
            tightened(sandbox.limits_for(Level.LOW), policy.limits),
            tuple(words) if words else None,
            () if words else tuple(tests),
            policy.test_report,
            image=prepared.image,
        )
        result = sandbox.run(job, cancel)
        failed = [name for name, outcome in result.outcomes.items() if outcome.is_failure]
        head = f"{len(result.outcomes)} tests, {len(failed)} failed, limit {result.limit}"
        listed = [f"failed: {label(name)}" for name in sorted(failed)[:20]]
        notes = (prepared.problem, *prepared.left_out, result.message, result.output[-3_000:])
        return "\n".join([head, *listed, *filter(None, notes)])

    # --- memory ----------------------------------------------------------------------------------

    def recall(self, text: str) -> tuple[str, ...]:
        """Return what bears on `text`, a line each, best first; what the inbox shows included."""
        from mai.memory.recall import recall, told

        self.learn()
        embed, model = self._embedding()
        found = recall(self.notes, text, _MOST_MEMORIES, embed, model)
        return tuple(told(note) for note in found)

    def learn(self) -> None:
        """Write down what became of proposals since the last time."""
        from mai.memory.recall import learn

        learn(self.notes, self._services.inbox.recent(_LEARNT_FROM))

    def remember(self, text: str) -> str:
        """Write a fact down, and say so."""
        from mai.memory.notes import Kind

        return "I have noted it." if self.notes.add(Kind.NOTED, text) else "There is nothing in it."

    def compress(self, cancel: Cancel) -> int:
        """Put old talk together in the model's words, or by its first lines without a model."""
        from mai.memory.compress import compress

        provider = self._workshop.provider()
        if isinstance(provider, CanImprove):
            return compress(self.notes)
        return compress(self.notes, lambda batch: _summary(provider, batch, cancel))

    def _embedding(self) -> tuple[Callable[[Sequence[str]], Sequence[Sequence[float]]] | None, str]:
        name = self._services.settings.embedding_model
        if not name:
            return None, ""
        from mai.providers.ollama import OllamaProvider

        provider = OllamaProvider(self._services.settings.ollama_endpoint, name)

        def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
            with asyncio.Runner() as runner:
                return runner.run(provider.embed(texts))

        return embed, name

    @property
    def _events(self) -> EventBus:
        return self._services.events


def _submission(draft: Draft, pattern: str | None) -> Submission:
    return Submission(draft.edits, draft.title, draft.why, draft.author, draft.paths, pattern or "")


def _summary(provider: Provider, batch: Sequence[Note], cancel: Cancel) -> str:
    """Ask for a summary; empty where the model fails, and then first lines must do."""
    from mai.providers.base import ask, refitted
    from mai.templating.budget import Part
    from mai.templating.templates import load

    def summed_up(context: int) -> str:
        request = load("compress").request(parts, context_tokens=context)
        return ask(provider, request, cancel)

    parts = [
        Part(f"{note.at[:10]} {note.kind}", note.text[:800], importance=1 + rank)
        for rank, note in enumerate(reversed(batch))
    ]
    with contextlib.suppress(ProviderError):
        return refitted(provider, summed_up)
    return ""
