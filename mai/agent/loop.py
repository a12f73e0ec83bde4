"""Carrying a task out: the one place that knows the order of its stages.

    recall → look → search → plan → (a person may change it) → locate → write → self-check → tests
    → submit

What goes wrong with a round (the edits do not apply, the result does not parse, the author's own
second look, the trial) goes back to the model as data, three rounds in all. Every stage and every
round is an entry of the ledger under the task's own id, `task-` and 12 hexadecimal digits; each
proposal that a round makes has a `noted` entry that names the task. A task is not a proposal: it
has no state, and nothing of it can be approved.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mai.agent.asking import ROUNDS, Repeats
from mai.agent.feedback import fault_of
from mai.agent.stages.locate import locate, places_of
from mai.agent.stages.look import look
from mai.agent.stages.plan import plan
from mai.agent.stages.recall import recall
from mai.agent.stages.selfcheck import self_check
from mai.agent.stages.tryout import try_out
from mai.agent.stages.write import write
from mai.agent.task import ApprovePlan, Evidence, Fault, Means, Plan, Steering, Work
from mai.errors import Cancelled, EditError, MaiError, NoModel, ProviderError
from mai.events import Event, Said, StageFinished, StageStarted
from mai.proposal import Json, Proposal
from mai.protocols import CanImprove, Draft
from mai.providers.base import refitted
from mai.text import one_line
from mai.words import title_line

_TOLD_CHARACTERS = 200
#: Most edits that a search finds it finds in the first seconds.
_SEARCH_S = 40.0


def new_task_id() -> str:
    """Return a fresh id, which no proposal can have."""
    return f"task-{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where a task's effects go. `record` takes the kind and the data of a ledger entry.

    `approve_plan` gives the plan back, changed or not, or None to stop; it may wait for a person.
    """

    submit: Callable[[Draft], Proposal]
    publish: Callable[[Event], None] = lambda _event: None
    record: Callable[[str, Json], None] = lambda _kind, _data: None
    note: Callable[[str, Json], None] = lambda _proposal_id, _data: None
    approve_plan: ApprovePlan | None = None
    steering: Steering = field(default_factory=Steering)


def carry_out(task: str, means: Means, hooks: Hooks, task_id: str = "") -> Proposal:
    """Return the proposal that carries `task` out, or the last one that the gate refused.

    Raises:
        NoModel: no model takes tasks here.
        ProviderError: it sees nothing to change, gives no change, goes round in circles, or it or
            its server failed before there was anything to submit.
        EditError: what it wrote does not apply, after three rounds.
        Cancelled: somebody asked to stop, or did not want the plan.
    """
    if isinstance(means.provider, CanImprove):
        raise NoModel(
            "No model thinks here, so I cannot carry out a task; `mai improve` works without one."
        )
    run = _Run(means, hooks, task_id or new_task_id())
    hooks.record("task_started", {"task": task, "author": means.author})
    try:
        proposal = run.carry_out(task)
    except MaiError as error:
        hooks.record("task_ended", {"code": error.code, "message": error.sentence})
        raise
    hooks.record("task_ended", {"proposal": proposal.id, "state": str(proposal.state)})
    return proposal


def see_through(draft: Draft, means: Means, hooks: Hooks, task_id: str = "") -> Proposal:
    """Submit a draft that is written already; what goes wrong with it goes back to its model.

    Raises:
        EditError, ProviderError, Cancelled: as `carry_out` does.
    """
    run = _Run(means, hooks, task_id or new_task_id())
    plan_of_draft = Plan(draft.title, draft.why, ())
    work = Work(
        f"{draft.title}\n{draft.why}".strip(),
        plan=plan_of_draft,
        places=tuple(
            one for one in places_of(draft.edits) if not draft.paths or one.path in draft.paths
        ),
        edits=(draft.edits,),
        is_direct=True,
        scope=draft.paths,
    )
    return run.rounds(work)


@dataclass(slots=True)
class _Run:
    means: Means
    hooks: Hooks
    task_id: str

    def carry_out(self, task: str) -> Proposal:
        """Run every stage in order."""
        work = self._stage("recall", Work(task), recall)
        work = self._stage("look", work, look)
        if work.evidence is not None:
            self._say(_told(work.evidence))
        if (found := self._searched(work)) is not None:
            return found
        if work.plan is None:
            work = self._stage("plan", work, plan)
        if not work.is_direct:
            work = self._agreed(work)
            work = self._stage("locate", work, locate)
            # A plan that was agreed to says which files the change is about.
            work = replace(work, scope=tuple(dict.fromkeys(one.path for one in work.places)))
        return self.rounds(work)

    def _searched(self, work: Work) -> Proposal | None:
        """Submit a small edit that makes the named tests pass, where a search finds one.

        It knows no idioms, but tries thousands of edits in the time that a model writes one.
        """
        evidence, search = work.evidence, self.means.search
        if evidence is None or not evidence.failing or search is None:
            return None
        self._check_stopped("search")
        self.hooks.publish(StageStarted(self.task_id, "search"))
        started_s = time.monotonic()
        drafts: Sequence[Draft] = ()
        try:
            drafts = search(work.task, _SEARCH_S)
        except ProviderError as error:
            self._say(f"{error.sentence} Now {self.means.provider.model} writes.")
        finally:
            seconds = time.monotonic() - started_s
            self.hooks.publish(StageFinished(self.task_id, "search", bool(drafts), seconds))
        self.hooks.record("task_stage", {"stage": "search", "found": len(drafts)})
        for draft in drafts:
            proposal = self.hooks.submit(draft)
            self.hooks.note(proposal.id, {"task": self.task_id, "round": 0})
            if fault_of(proposal) is None:
                return proposal
            self._say("The other tests say no to that edit.", is_problem=True)
        return None

    def _agreed(self, work: Work) -> Work:
        """Show the plan, and go on with what the person makes of it."""
        assert work.plan is not None  # noqa: S101 - the stage before made one
        if work.is_of_one_file:
            self._say(f"It is about {_files(work.plan)}.")
        else:
            self._say(f"I plan to {_lower(work.plan.title)}: {_files(work.plan)}.")
        agreed: Plan | None = work.plan
        if self.hooks.approve_plan is not None:
            agreed = self.hooks.approve_plan(work.plan)
        if agreed is None:
            raise Cancelled("You did not want that plan; nothing was written.", stage="plan")
        if agreed != work.plan:
            self.hooks.record("task_plan_changed", {"plan": agreed.as_text()})
        return replace(work, plan=agreed)

    def rounds(self, work: Work) -> Proposal:
        """Write, check and submit until the gate takes it or three rounds are over."""
        repeats = Repeats(self.means.provider.model)
        last: Proposal | None = None
        while True:
            if work.is_direct and not work.rounds:
                work = replace(work, rounds=1)
            else:
                try:
                    work = self._stage("write", work, lambda one, m: write(one, m, repeats))
                except ProviderError as error:
                    # What is there already can still be judged, and says more than nothing.
                    if last is None and not work.text.strip():
                        raise
                    self._say(f"I go no further: {error}", is_problem=True)
                    return last or self._submitted(work)
            work = self._stage("self-check", work, self_check)
            if work.fault is None and work.evidence is not None and work.evidence.failing:
                work = self._stage("tests", work, try_out)
            if work.fault is None or work.rounds >= ROUNDS:
                self._require_worth(work)
                if last is not None and work.fault is not None and work.fault.stage == "apply":
                    return last  # what cannot even be applied is no better than what failed
                last = self._submitted(work)
                fault = fault_of(last)
                if fault is None or work.rounds >= ROUNDS:
                    return last
                work = replace(work, fault=fault)
            self._again(work)

    def _require_worth(self, work: Work) -> None:
        """Refuse to propose what is no change, or leaves a test failing that the task names."""
        model = self.means.provider.model
        if not work.text.strip():
            why = f" {one_line(work.fault.text, _TOLD_CHARACTERS)}" if work.fault else ""
            raise EditError(f"{model} gave no change in {work.rounds} answers.{why}")
        if work.fault is not None and work.fault.stage == "tests":
            raise ProviderError(
                f"{model} wrote {work.rounds} changes, and with each of them a test that the task "
                "names still fails; nothing is proposed."
            )

    def _submitted(self, work: Work) -> Proposal:
        assert work.plan is not None  # noqa: S101 - there is no edit without one
        self._check_stopped()
        title = work.plan.title or title_line(work.task)
        proposal = self.hooks.submit(self.means.draft(title, work.plan.why, work.text, work.scope))
        self.hooks.note(proposal.id, {"task": self.task_id, "round": work.rounds})
        return proposal

    def _again(self, work: Work) -> None:
        fault = work.fault or Fault("", "")
        self.hooks.record(
            "task_round", {"round": work.rounds, "stage": fault.stage, "fault": fault.text}
        )
        told = one_line(fault.text, _TOLD_CHARACTERS)
        self._say(f"Round {work.rounds} of {ROUNDS} fails at {fault.stage}: {told} I try again.")

    def _stage(self, name: str, work: Work, stage: Callable[[Work, Means], Work]) -> Work:
        """Run one stage, with what the person said meanwhile, and tell of it."""
        self._check_stopped(name)
        words = self.hooks.steering.taken()
        if words:
            self.hooks.record("task_steered", {"before": name, "said": list(words)})
            work = replace(work, said=(*work.said, *words))
        self.hooks.publish(StageStarted(self.task_id, name))
        started_s = time.monotonic()
        made: Work | None = None
        try:
            made = refitted(
                self.means.provider,
                lambda context: stage(work, replace(self.means, context_tokens=context)),
            )
        finally:
            seconds = time.monotonic() - started_s
            passed = made is not None and made.fault is None
            self.hooks.publish(StageFinished(self.task_id, name, passed, seconds))
        self.hooks.record("task_stage", {"stage": name, **_facts(name, made)})
        return made

    def _check_stopped(self, name: str = "submit") -> None:
        if self.means.cancel.is_set:
            raise Cancelled(f"Stopped before {name}; nothing was proposed.", stage=name)

    def _say(self, text: str, *, is_problem: bool = False) -> None:
        self.hooks.publish(Said(text, is_problem))


def _facts(name: str, work: Work) -> Json:
    """Return what a stage found, for the ledger: decisions whole, code not at all."""
    match name:
        case "recall":
            return {"memories": len(work.memories)}
        case "plan" if work.plan:
            return {"plan": work.plan.as_text(), "is_direct": work.is_direct}
        case "locate":
            places = [f"{one.path} {one.symbol} {one.action}".split() for one in work.places]
            return {"places": [" ".join(place) for place in places]}
        case _:
            return {"round": work.rounds, "fault": work.fault.stage if work.fault else ""}


def _files(plan: Plan) -> str:
    paths = list(dict.fromkeys(one_line(step.path, 60) for step in plan.steps))
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""  # noqa: PLR2004 - three are read at a glance
    return ", ".join(paths[:3]) + more


def _told(evidence: Evidence) -> str:
    """Return in a sentence what the named tests said before anything was changed."""
    files = ", ".join(one_line(path, 60) for path in evidence.files)
    if not evidence.wanted:
        return f"I ran {files}: no test of it ran. {one_line(evidence.report, 200)}".rstrip()
    if not evidence.failing:
        return f"I ran {files}: all {len(evidence.wanted)} tests pass already."
    return f"I ran {files}: {len(evidence.failing)} of {len(evidence.wanted)} tests fail."


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:] if title else "do it"
