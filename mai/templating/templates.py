"""The prompts: one Markdown file each under `prompts/`, front matter and a template of two blocks.

Front matter (YAML): `budget_tokens` for the whole prompt, `answer_tokens`, `temperature`, and
`schema`, a JSON schema where the answer is a decision and not code. The template has a block
`system` and a block `user`. Nothing but numbers and `Block`s can be put into it: a template that
forgets to fence what a repo wrote fails instead of passing it on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from mai.errors import ContextOverflow, MaiError
from mai.protocols import ChatRequest, Message
from mai.providers.tokens import estimate_messages
from mai.resources import resource
from mai.templating.blocks import Block, fenced
from mai.templating.budget import Part, fit

_FENCE = "---\n"


class Prompt(BaseModel):
    """One prompt, ready to be filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    budget_tokens: int = Field(gt=0)
    answer_tokens: int = Field(gt=0)
    temperature: float | None = Field(None, ge=0, le=2)
    # `schema` is a name pydantic keeps for itself.
    answer_schema: dict[str, Any] | None = Field(None, alias="schema")
    _template: jinja2.Template = PrivateAttr()

    def request(
        self,
        parts: Sequence[Part] = (),
        *,
        history: Sequence[Message] = (),
        context_tokens: int = 0,
        **values: Block | int,
    ) -> ChatRequest:
        """Fill the prompt in with the `parts` that fit.

        The budget is the prompt's own, or less where the model's `context_tokens` (0: not known)
        leave less beside the answer. Parts are dropped first, least important first; then
        `history` from its oldest message on.

        Raises:
            ContextOverflow: what must stay does not fit.
        """
        budget = self.budget_tokens
        if context_tokens:
            budget = min(budget, context_tokens - self.answer_tokens)
        bare = estimate_messages(self._messages((), (), values)).most
        if bare > budget:
            raise ContextOverflow(
                f"That alone needs up to {bare} tokens, and there is room for {max(0, budget)}; "
                "say it in fewer words, or put it into a file and name it with @."
            )
        kept = fit(parts, budget - bare)
        remembered = list(history)
        while True:
            messages = self._messages(kept, remembered, values)
            needed = estimate_messages(messages).most
            if needed <= budget:
                break
            if not remembered:
                raise ContextOverflow(
                    f"The prompt needs up to {needed} tokens, and there is room for {budget}."
                )
            del remembered[0]
        return ChatRequest(messages, self.answer_schema, self.answer_tokens, self.temperature)

    def _messages(
        self, parts: Sequence[Part], history: Sequence[Message], values: dict[str, Block | int]
    ) -> tuple[Message, ...]:
        blocks = [fenced(part.label, part.text) for part in parts]
        system = self._render("system", {**values, "parts": blocks})
        user = self._render("user", {**values, "parts": blocks})
        return (Message("system", system), *history, Message("user", user))

    def _render(self, block: str, values: dict[str, Any]) -> str:
        context = self._template.new_context(values)
        try:
            return "".join(self._template.blocks[block](context)).strip() + "\n"
        except (jinja2.TemplateError, TypeError) as error:
            raise MaiError(f"The prompt {self.name} cannot be filled in: {error}.") from error


@cache
def load(name: str) -> Prompt:
    """Read the prompt `prompts/<name>.md`.

    Raises:
        MaiError: it is missing or has a fault, which is one of Mai's own.
    """
    try:
        source = (resource("prompts") / f"{name}.md").read_text(encoding="utf-8")
        return parse(name, source)
    except OSError as error:
        raise MaiError(f"The prompt {name} is missing; install Mai again.") from error


def parse(name: str, source: str) -> Prompt:
    """Read a prompt from its text.

    Raises:
        MaiError: it has no front matter, an unknown key, a bad value, or lacks a block.
    """
    # pydantic's ValidationError is a ValueError; front matter that is no mapping gives either.
    try:
        _, front, body = source.split(_FENCE, 2)
        prompt = Prompt.model_validate({"name": name, **dict(yaml.safe_load(front))})
        template = _environment().from_string(body)
    except (ValueError, TypeError, yaml.YAMLError, jinja2.TemplateError) as error:
        raise MaiError(f"The prompt {name} cannot be read: {error}.") from error
    if not {"system", "user"} <= set(template.blocks):
        raise MaiError(f"The prompt {name} lacks its block system or user.")
    prompt._template = template  # noqa: SLF001 - pydantic's private attribute, set by its module
    return prompt


def _only_blocks(value: object) -> object:
    if isinstance(value, Block | int) and not isinstance(value, bool):
        return value
    if isinstance(value, jinja2.Undefined):
        return str(value)  # raises, because undefined is strict
    raise TypeError(f"a {type(value).__name__} must be fenced before it stands in a prompt")


def _environment() -> jinja2.Environment:
    return ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=_only_blocks,
        autoescape=False,  # plain text; `finalize` refuses what is not fenced
        trim_blocks=True,
        lstrip_blocks=True,
    )
