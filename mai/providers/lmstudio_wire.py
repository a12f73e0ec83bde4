"""A request as LM Studio's SDK takes it, and what the SDK streams back as deltas."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Iterable
from typing import Any

import lmstudio
import msgspec
from lmstudio.json_api import PredictionFragmentEvent, PredictionToolCallEvent

from mai.errors import OutOfMemory, ProviderDied
from mai.protocols import ChatRequest, Delta, Message, ModelInfo, ToolCall
from mai.providers.endpoint import Timeouts
from mai.providers.tokens import TokenEstimate, check_counted
from mai.providers.wire import arguments_text, tool_definitions
from mai.text import for_model

_IS_CUT = frozenset({"maxPredictedTokensReached", "contextLengthReached"})
#: How long a request to stop may take before hanging up has to do.
_STOP_S = 1.0


def chat_of(messages: Iterable[Message]) -> lmstudio.Chat:
    """Return the conversation as the SDK keeps it; system prompts in a row become one."""
    chat = lmstudio.Chat()
    system: list[str] = []
    for message in messages:
        if message.role == "system":
            system.append(for_model(message.content))
            continue
        if system:
            chat.add_system_prompt("\n\n".join(system))
            system = []
        if message.role == "assistant":
            calls = [
                lmstudio.ToolCallRequest(
                    type="function",
                    name=call.name,
                    id=call.call_id or f"call-{number}",
                    arguments=json.loads(arguments_text(call)),
                )
                for number, call in enumerate(message.tool_calls)
            ]
            chat.add_assistant_response(for_model(message.content), calls)
        elif message.role == "tool":
            result = {
                "content": for_model(message.content),
                "toolCallId": message.call_id or "call-0",
            }
            chat.add_tool_result(result)  # type: ignore[arg-type]  # the SDK reads dicts too
        else:
            chat.add_user_message(for_model(message.content))
    if system:
        chat.add_system_prompt("\n\n".join(system))
    return chat


def config_of(request: ChatRequest) -> Any:
    """Return the settings of one prediction, with no cutting of the prompt among them."""
    config: dict[str, Any] = {
        "maxTokens": request.answer_tokens,
        # The SDK's default drops the middle of a prompt that is too long, and says nothing.
        "contextOverflowPolicy": "stopAtLimit",
    }
    if request.temperature is not None:
        config["temperature"] = request.temperature
    if request.tools and not request.schema:
        config["rawTools"] = {"type": "toolArray", "tools": tool_definitions(request.tools)}
    # A struct, because the SDK renames the keys of a dict, those of a tool's arguments among them.
    return msgspec.convert(config, lmstudio.LlmPredictionConfig)


def response_format_of(request: ChatRequest) -> Any:
    """Return the JSON schema that decoding is constrained to, None where there is none."""
    return {"type": "json", "jsonSchema": dict(request.schema)} if request.schema else None


async def deltas_of(
    prediction: Any, prompt: TokenEstimate, timeouts: Timeouts
) -> AsyncGenerator[Delta, None]:
    """Yield what is predicted; closing the iterator tells the server to stop.

    Raises:
        ContextOverflow: the server cut the prompt.
        ProviderDied: the model was taken from under us.
    """
    # Not the public iterator: that leaves tool calls to the SDK's own loop, which makes them
    # before anybody could look.
    events = prediction._iter_events()  # noqa: SLF001 - see above
    timeout_s = timeouts.first_token_s
    is_done = False
    try:
        while True:
            try:
                async with asyncio.timeout(timeout_s):
                    event = await anext(events, None)
            except RuntimeError as error:
                # How the SDK says that the channel was closed before the answer was complete.
                raise ProviderDied("LM Studio stopped in the middle of an answer.") from error
            if event is None:
                break
            timeout_s = timeouts.stall_s
            delta = _delta(event)
            if delta is not None:
                yield delta
        is_done = True
    finally:
        if not is_done:
            with contextlib.suppress(lmstudio.LMStudioError, OSError, TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await prediction.cancel()
        await events.aclose()
    yield _last(prediction.result().stats, prompt)


def model_info(model: Any, loaded: frozenset[str]) -> ModelInfo:
    """Return what a downloaded model is."""
    can = ["embedding" if model.type == "embedding" else "completion"]
    if getattr(model.info, "trained_for_tool_use", False):
        can.append("tools")
    if getattr(model.info, "vision", False):
        can.append("vision")
    return ModelInfo(
        str(model.model_key),
        "lmstudio",
        int(model.info.size_bytes or 0),
        int(model.info.max_context_length or 0),
        tuple(can),
        is_loaded=str(model.model_key) in loaded,
    )


def _delta(event: object) -> Delta | None:
    if isinstance(event, PredictionFragmentEvent):
        fragment = event.arg
        match getattr(fragment, "reasoning_type", "none"):
            case "none" | None:
                return Delta(fragment.content) if fragment.content else None
            case "reasoning":
                return Delta(thinking=fragment.content) if fragment.content else None
            case _:  # the tags around it
                return None
    if isinstance(event, PredictionToolCallEvent):
        request = event.arg
        call = ToolCall(request.name, dict(request.arguments or {}), request.id or "")
        return Delta(tool_calls=(call,))
    return None


def _last(stats: Any, prompt: TokenEstimate) -> Delta:
    counted = int(stats.prompt_tokens_count or 0)
    check_counted("LM Studio", counted, prompt)
    if stats.stop_reason == "modelUnloaded":
        raise OutOfMemory("LM Studio took the model out of memory in the middle of an answer.")
    if stats.stop_reason == "failed":
        raise ProviderDied("LM Studio stopped in the middle of an answer.")
    return Delta(
        is_last=True,
        prompt_tokens=counted,
        answer_tokens=int(stats.predicted_tokens_count or 0),
        is_cut=stats.stop_reason in _IS_CUT,
    )
