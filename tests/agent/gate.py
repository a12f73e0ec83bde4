"""What a task meets beyond its model, kept in lists: the gate, the ledger, the screen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mai.agent.loop import Hooks
from mai.agent.task import ApprovePlan, Steering
from mai.events import Event
from mai.proposal import Fault, Json, Proposal, State, TrialReport, Verdict
from mai.protocols import ChatRequest, Delta, Draft, ModelInfo
from mai.providers.scripted import ScriptedProvider
from mai.providers.tokens import check_fits, estimate_request


def playing(folder: Path, *answers: object, name: str = "demo") -> ScriptedProvider:
    """Return a provider that gives these answers, in order; what is no text is given as JSON."""
    path = folder / f"{name}.jsonl"
    texts = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return ScriptedProvider(path)


class Watched:
    """A scripted model of a stated context that keeps every request, and refuses what is too long.

    `tools` says whether it calls tools natively; an answer that is a list of deltas is given so.
    """

    name = "scripted"

    def __init__(
        self,
        answers: Iterable[object],
        context_tokens: int = 0,
        capabilities: tuple[str, ...] = ("completion",),
    ) -> None:
        self.model = "small"
        self.requests: list[ChatRequest] = []
        self._answers = list(answers)
        self._context = context_tokens
        self._capabilities = capabilities

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Give the next answer in two pieces."""
        check_fits(self.model, estimate_request(request), request.answer_tokens, self._context)
        self.requests.append(request)
        answer = self._answers.pop(0)
        await asyncio.sleep(0)
        if isinstance(answer, list):
            for delta in answer:
                yield delta
        else:
            text = answer if isinstance(answer, str) else json.dumps(answer)
            middle = len(text) // 2
            yield Delta(text[:middle])
            yield Delta(text[middle:])
        yield Delta(is_last=True)

    async def context_length(self) -> int:
        """Say what it holds."""
        return self._context

    async def models(self) -> Sequence[ModelInfo]:
        """List itself."""
        return (ModelInfo(self.model, self.name, capabilities=self._capabilities),)

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def prompts(self) -> list[str]:
        """What each request said, whole."""
        return [
            "\n".join(message.content for message in request.messages) for request in self.requests
        ]


@dataclass(slots=True)
class Gate:
    """Judges drafts as it was told to, `pending` when it runs out of verdicts."""

    verdicts: list[Proposal] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    entries: list[tuple[str, Json]] = field(default_factory=list)
    notes: list[tuple[str, Json]] = field(default_factory=list)
    steering: Steering = field(default_factory=Steering)
    approve_plan: ApprovePlan | None = None

    @property
    def hooks(self) -> Hooks:
        """The gate as a task sees it."""
        return Hooks(
            submit=self._submit,
            publish=self.events.append,
            record=lambda kind, data: self.entries.append((kind, data)),
            note=lambda proposal_id, data: self.notes.append((proposal_id, data)),
            approve_plan=self.approve_plan,
            steering=self.steering,
        )

    def kinds(self) -> list[str]:
        """Which entries there are, in order."""
        return [kind for kind, _ in self.entries]

    def _submit(self, draft: Draft) -> Proposal:
        self.drafts.append(draft)
        return self.verdicts.pop(0) if self.verdicts else judged(State.PENDING)


def judged(
    state: State, *, code: str = "", broken: tuple[str, ...] = (), output: str = ""
) -> Proposal:
    """Return a proposal that the pipeline has judged so."""
    error = Fault(code or "trial", "The trial says fail.") if state is State.FAILED else None
    trial = TrialReport(Verdict.FAIL, broken=broken, output=output) if broken else None
    return Proposal(
        id="7f3a00000000",
        state=state,
        title="T",
        why="",
        branch="main",
        base="b" * 40,
        commit="c" * 40,
        tip="b" * 40,
        tree="d" * 40,
        author="small (scripted)",
        created_at="2026-01-02T03:04:05+00:00",
        trial=trial,
        error=error,
    )
