"""Plays a transcript from a file, so that demos, docs and tests need no model.

Each line of the file is one answer: `{"text": "…"}`, and optionally `"thinking"`, `"error"` (the
answer ends with this error after its text) and `"delay_ms"` (how long the answer takes in all).
A new provider starts from the top.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mai.errors import NoModel, ProviderError, SettingsError
from mai.protocols import ChatRequest, Delta, ModelInfo
from mai.providers.tokens import estimate_messages, most_tokens
from mai.text import one_line

PIECE_CHARACTERS = 24


class ScriptedAnswer(BaseModel):
    """One line of a transcript."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = ""
    thinking: str = ""
    error: str | None = None
    delay_ms: float = Field(0, ge=0, le=600_000)


class ScriptedProvider:
    """Answers with the next line of the transcript, whatever it is asked."""

    name = "scripted"

    def __init__(self, transcript: Path | None) -> None:
        """Play `transcript`.

        Raises:
            SettingsError: none is given, or it cannot be read.
        """
        if transcript is None:
            raise SettingsError("The provider scripted needs MAI_TRANSCRIPT, the file to play.")
        self.model = transcript.name
        self._answers = _read(transcript)
        self._next = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Play the next answer in pieces.

        Raises:
            NoModel: the transcript is at its end.
            ProviderError: it has an error here.
        """
        if self._next >= len(self._answers):
            raise NoModel("The transcript is at its end.")
        answer = self._answers[self._next]
        self._next += 1
        deltas = [Delta(thinking=piece) for piece in _pieces(answer.thinking)]
        deltas += [Delta(text=piece) for piece in _pieces(answer.text)]
        pause_s = answer.delay_ms / 1000 / max(1, len(deltas))
        if not deltas:
            await asyncio.sleep(pause_s)
        for delta in deltas:
            await asyncio.sleep(pause_s)
            yield delta
        if answer.error is not None:
            raise ProviderError(one_line(answer.error))
        yield Delta(
            is_last=True,
            prompt_tokens=estimate_messages(request.messages).most,
            answer_tokens=most_tokens(answer.text),
        )

    async def models(self) -> Sequence[ModelInfo]:
        """List the transcript as the one thing there is."""
        return (ModelInfo(self.model, self.name),)

    async def close(self) -> None:
        """Nothing is held open."""


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS)]


def _read(path: Path) -> tuple[ScriptedAnswer, ...]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = one_line(getattr(error, "strerror", None) or "it is not UTF-8")
        raise SettingsError(f"The transcript {path} cannot be read: {reason}.") from error
    answers = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            answers.append(ScriptedAnswer.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            reason = one_line(first["msg"])
            raise SettingsError(
                f"Line {number} of the transcript {path} cannot be played: {reason}."
            ) from error
    return tuple(answers)
