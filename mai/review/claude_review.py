"""Claude as a second agent, over Anthropic's own client. Off unless `MAI_REVIEWER=claude`.

The extra `mai-agent[claude]` installs the client. What is sent is what the reviewer's prompt holds:
title, diff, risk report and the trial's verdict, with secrets hidden first.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from mai.errors import (
    BadAnswer,
    ContextOverflow,
    ProviderDied,
    ProviderError,
    ProviderStalled,
    ProviderUnreachable,
    SettingsError,
)
from mai.protocols import ChatRequest, Delta, ModelInfo
from mai.providers.base import closing
from mai.text import one_line

API = "https://api.anthropic.com"
LEAVES = (
    "I ask Claude to review this: its title, diff, risk report and trial go to Anthropic, with "
    "what looks like a secret hidden."
)
_TIMEOUT_S = 120.0
#: What is longer is not looked through for secrets in one piece.
MOST_CHARACTERS = 20_000

Redact = Callable[[str], str]


class ClaudeProvider:
    """One model of Anthropic's, for reviews. Each request has a client of its own."""

    name = "claude"

    def __init__(self, key: str, model: str, redact: Redact, endpoint: str = API) -> None:
        """Ask `model` with the API key `key`; nothing is opened yet.

        Raises:
            SettingsError: there is no key, or the client is not installed.
        """
        if not key:
            raise SettingsError("MAI_REVIEWER=claude needs ANTHROPIC_API_KEY.")
        try:
            import anthropic  # noqa: PLC0415 - an extra, and slow to load
        except ImportError as error:
            raise SettingsError(
                "MAI_REVIEWER=claude needs the extra: pip install 'mai-agent[claude]'."
            ) from error
        self._sdk = anthropic
        self._key = key
        self._endpoint = endpoint
        self._redact = redact
        self.model = model

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Answer piece by piece; closing the iterator closes the connection.

        Raises:
            ContextOverflow: the prompt is too long to have its secrets hidden in one piece.
            ProviderError: the key is refused, or the service failed.
        """
        system, messages = _told(request, self._redact)
        client = self._sdk.AsyncAnthropic(
            api_key=self._key, base_url=self._endpoint, timeout=_TIMEOUT_S, max_retries=1
        )
        try:
            async with client:
                # A call in two steps: what fails before the first event is the same kind of fault.
                events = await client.messages.create(
                    model=self.model,
                    max_tokens=request.answer_tokens,
                    system=system,
                    messages=messages,
                    stream=True,
                )
                async with closing(aiter(events)) as arriving:
                    async for delta in _deltas(arriving):
                        yield delta
        except self._sdk.APITimeoutError as error:
            raise ProviderStalled("Claude did not answer in time.") from error
        except self._sdk.APIStatusError as error:
            said = one_line(str(error.message), 200)
            raise ProviderError(f"Claude answers {error.status_code}: {said}") from error
        except self._sdk.APIConnectionError as error:
            raise ProviderUnreachable("Anthropic cannot be reached.") from error
        except _transport_error(self._sdk) as error:
            raise ProviderDied("Claude went away in the middle of an answer.") from error
        except self._sdk.AnthropicError as error:
            raise BadAnswer(f"Claude's answer cannot be read: {one_line(str(error))}") from error

    async def models(self) -> Sequence[ModelInfo]:
        """List the one that is asked."""
        await asyncio.sleep(0)
        return (ModelInfo(self.model, self.name),)

    async def close(self) -> None:
        """Nothing stays open between requests."""


def _transport_error(sdk: Any) -> type[Exception]:
    """Return the root of what the client's HTTP library raises, which it lets through mid-stream.

    Which library that is depends on the client's version.
    """
    for base in sdk.DefaultAsyncHttpxClient.__mro__:
        library = sys.modules.get(base.__module__.partition(".")[0])
        found = getattr(library, "HTTPError", None)
        if isinstance(found, type) and issubclass(found, Exception):
            return found
    return OSError


async def _deltas(events: Any) -> AsyncGenerator[Delta, None]:
    prompt_tokens = answer_tokens = 0
    async for event in events:
        if event.type == "message_start":
            prompt_tokens = event.message.usage.input_tokens
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield Delta(event.delta.text)
        elif event.type == "message_delta":
            answer_tokens = event.usage.output_tokens
        elif event.type == "message_stop":
            yield Delta(is_last=True, prompt_tokens=prompt_tokens, answer_tokens=answer_tokens)
            return
    raise ProviderDied("Claude went away in the middle of an answer.")


def _told(request: ChatRequest, redact: Redact) -> tuple[str, list[Any]]:
    """Return system prompt and messages with secrets hidden."""
    system = ""
    messages = []
    for message in request.messages:
        text = hidden(message.content, redact)
        if message.role == "system":
            system = text
        else:
            messages.append({"role": message.role, "content": text})
    return system, messages


def hidden(text: str, redact: Redact) -> str:
    """Return `text` without secrets.

    Raises:
        ContextOverflow: it is too long for that.
    """
    if len(text) > MOST_CHARACTERS:
        raise ContextOverflow(
            f"This has {len(text)} characters; more than {MOST_CHARACTERS} are not sent away."
        )
    return redact(text)
