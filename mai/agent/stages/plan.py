"""What should change, file by file: the model answers by schema, and no code is written yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from mai.agent.asking import decide, file_label, request
from mai.agent.mentions import mentioned
from mai.agent.reply import read_reply
from mai.agent.stages.locate import places_of
from mai.agent.targets import for_task
from mai.agent.task import MOST_STEPS, TITLE_CHARACTERS, Means, Plan, Work, step_of
from mai.errors import ProviderError
from mai.prompting.repomap import repo_map
from mai.protocols import ChatRequest
from mai.templating.budget import Part
from mai.text import one_line, prose
from mai.words import title_line

MAP_TOKENS = 900
_WHY_CHARACTERS = 600


class _Step(BaseModel):
    model_config = ConfigDict(extra="ignore")

    path: str
    what: str = ""


class PlanAnswer(BaseModel):
    """What the model answers."""

    model_config = ConfigDict(extra="ignore")

    title: str
    why: str = ""
    steps: list[_Step]


def plan(work: Work, means: Means) -> Work:
    """Have the model plan, with memories, the files it may be about, and a map before it.

    A model that answers with finished edit blocks has skipped the plan; it is taken at its word,
    and its edits are checked like any other.

    Raises:
        ProviderError: it sees nothing to change, gives no plan, or it or its server failed.
        ContextOverflow: the task alone does not fit.
        Cancelled: somebody asked to stop.
    """
    parts = context_parts(work, means)

    def render(more: Sequence[Part]) -> ChatRequest:
        return request("plan", means, work, [*more, *parts])

    answer = decide(means, render, PlanAnswer, _is_change)
    if isinstance(answer, str):
        return _at_once(work, answer, means)
    steps = [step_of(step.path, step.what or work.task) for step in answer.steps if step.path]
    if not steps:
        raise _nothing(means)
    return replace(
        work,
        plan=Plan(
            title_line(answer.title, TITLE_CHARACTERS) or _title_of(work),
            prose(one_line(answer.why, _WHY_CHARACTERS)),
            tuple(dict.fromkeys(steps))[:MOST_STEPS],
        ),
    )


def context_parts(work: Work, means: Means) -> list[Part]:
    """Return what a plan is made from. Named files come first, then memories, code, and a map."""
    named = list(mentioned(work.task, means.snapshot))
    parts = [Part(file_label(path), text, importance=1) for path, text in named]
    parts += memory_parts(work, importance=2)
    shown = {path for path, _ in named}
    found = [one for one in for_task(means.snapshot, work.task) if one.path not in shown]
    parts += [
        Part(file_label(one.label), one.text, importance=4 + rank) for rank, one in enumerate(found)
    ]
    room = min(MAP_TOKENS, means.context_tokens // 5) if means.context_tokens else MAP_TOKENS
    overview = repo_map(means.snapshot, work.task, room)
    if overview:
        parts.append(Part("a map of the repository", overview, importance=3))
    return parts


def memory_parts(work: Work, importance: int) -> list[Part]:
    """Return what was remembered as one part, or none."""
    if not work.memories:
        return []
    text = "\n".join(f"- {one_line(memory, 400)}" for memory in work.memories)
    return [Part("what you remember of earlier work here", text, importance)]


def _is_change(answer: str) -> bool:
    reply = read_reply(answer)
    return bool(reply.edits) or reply.is_nothing


def _at_once(work: Work, answer: str, means: Means) -> Work:
    reply = read_reply(answer)
    if reply.is_nothing:
        raise _nothing(means)
    plan = Plan(reply.title or _title_of(work), reply.why, ())
    return replace(
        work, plan=plan, places=places_of(reply.edits), edits=(reply.edits,), is_direct=True
    )


def _title_of(work: Work) -> str:
    return title_line(work.task, TITLE_CHARACTERS)


def _nothing(means: Means) -> ProviderError:
    return ProviderError(f"{means.provider.model} sees nothing to change for this task.")
