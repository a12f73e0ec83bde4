"""The author reads the change once more: does it apply, does it parse, does it do the task?"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from mai.agent.asking import decide, request
from mai.agent.feedback import clipped
from mai.agent.scope import outside
from mai.agent.task import Fault, Means, Work
from mai.edits.apply import apply
from mai.edits.check import check
from mai.edits.nouns import BaseFile
from mai.edits.parse import parse
from mai.errors import EditError, ProviderError
from mai.jobs import NewFile
from mai.protocols import ChatRequest
from mai.providers.base import refitted
from mai.templating.budget import Part

_CHECK_TIMEOUT_S = 30.0
_DIFF_CHARACTERS = 8_000


class CheckAnswer(BaseModel):
    """What the model answers."""

    model_config = ConfigDict(extra="ignore")

    is_done: bool
    problem: str = ""


def self_check(work: Work, means: Means) -> Work:
    """Apply the edits in memory, parse what they leave, and have the model look at the diff.

    Sets `fault` where something is wrong with them. A model that cannot be asked finds nothing:
    the gate looks at the change whatever is said here.

    Raises:
        Cancelled: somebody asked to stop.
    """
    if work.fault is not None:
        return work
    base: dict[str, bytes] = {}

    def read(path: str) -> BaseFile | None:
        data = means.snapshot.read(path)
        if data is not None:
            base[path] = data
        return None if data is None else BaseFile(data)

    try:
        made = apply(parse(work.text), read)
    except EditError as error:
        return replace(work, fault=Fault("apply", clipped(str(error))))
    if fault := outside(made, means.snapshot, work.scope):
        return replace(work, fault=Fault("apply", clipped(fault)))
    after = {path: file.data for path, file in made.items() if file is not None}
    problems = check(base, after, _CHECK_TIMEOUT_S)
    if problems:
        lines = [f"{one.path}:{one.line}: {one.message}" for one in problems[:5]]
        return replace(work, fault=Fault("check", clipped("\n".join(lines))))
    work = replace(work, diff=_diff(base, made))
    # Tests judge better than the author of the change, and the gate judges one file anyway.
    has_tests = work.evidence is not None and bool(work.evidence.failing)
    if work.is_direct or work.is_of_one_file or has_tests:
        return work
    return _second_look(work, means)


def _second_look(work: Work, means: Means) -> Work:
    if len(work.diff) > _DIFF_CHARACTERS:
        return work  # a part of a diff cannot be judged
    parts = [Part("the diff", work.diff, importance=0)]

    def looked(context_tokens: int) -> CheckAnswer | str:
        fitted = replace(means, context_tokens=context_tokens)

        def render(more: Sequence[Part]) -> ChatRequest:
            return request("check", fitted, work, [*more, *parts])

        return decide(fitted, render, CheckAnswer)

    try:
        answer = refitted(means.provider, looked)
    except ProviderError:
        return work
    if isinstance(answer, str) or answer.is_done or not answer.problem.strip():
        return work
    return replace(work, fault=Fault("self-check", clipped(answer.problem)))


def _diff(base: Mapping[str, bytes], made: Mapping[str, NewFile | None]) -> str:
    pieces: list[str] = []
    for path, file in made.items():
        old = base.get(path, b"").decode("utf-8", "replace").splitlines(keepends=True)
        new = (file.data if file else b"").decode("utf-8", "replace").splitlines(keepends=True)
        pieces += difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(piece if piece.endswith("\n") else piece + "\n" for piece in pieces)
