"""Messages and tools in the shape that model servers read, and their tool calls read back.

Servers read the tokens that set messages apart wherever they stand, in a quoted file as well. So
no message leaves here with one in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mai.protocols import Message, Tool, ToolCall
from mai.text import for_model, from_model

#: A model that loops inside a call must not fill the memory.
MAX_ARGUMENT_CHARACTERS = 200_000


def tool_definitions(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Return tools as OpenAI's API and everybody after it writes them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                # Some servers insist on both keys, for a tool that takes nothing as well.
                "parameters": {"type": "object", "properties": {}, **tool.parameters},
            },
        }
        for tool in tools
    ]


def ollama_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages for Ollama's API: arguments are objects, results name their tool."""
    written = []
    for message in messages:
        entry: dict[str, Any] = {"role": message.role, "content": for_model(message.content)}
        if message.tool_calls:
            entry["tool_calls"] = [
                {"function": {"name": call.name, "arguments": json.loads(arguments_text(call))}}
                for call in message.tool_calls
            ]
        if message.role == "tool":
            entry["tool_name"] = message.tool_name
        written.append(entry)
    return written


def openai_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages for OpenAI's API: arguments are JSON text, results name their call."""
    written = []
    for message in messages:
        entry: dict[str, Any] = {"role": message.role, "content": for_model(message.content)}
        if message.tool_calls:
            entry["tool_calls"] = [
                {
                    "id": call.call_id or f"call-{number}",
                    "type": "function",
                    "function": {"name": call.name, "arguments": arguments_text(call)},
                }
                for number, call in enumerate(message.tool_calls)
            ]
        if message.role == "tool":
            entry["tool_call_id"] = message.call_id or "call-0"
            entry["name"] = message.tool_name
        written.append(entry)
    return written


def arguments_text(call: ToolCall) -> str:
    """Return a call's arguments as JSON in which nothing ends a message."""
    return for_model(json.dumps(dict(call.arguments), ensure_ascii=False))


def read_arguments(written: object) -> dict[str, Any]:
    """Return a call's arguments, which come as an object or as its JSON text.

    Raises:
        ValueError: they are neither.
    """
    if isinstance(written, Mapping):
        return {
            str(name): from_model(value) if isinstance(value, str) else value
            for name, value in written.items()
        }
    if not isinstance(written, str):
        raise ValueError("the arguments are no object")  # noqa: TRY004 - callers catch one kind
    try:
        value = json.loads(from_model(written) or "{}", strict=False)
    except RecursionError as error:
        raise ValueError("the arguments are nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("the arguments are no object")  # noqa: TRY004 - callers catch one kind
    return value


class CallCollector:
    """Puts tool calls together that arrive in pieces, as OpenAI's streams send them."""

    def __init__(self) -> None:
        self._pieces: dict[int, dict[str, str]] = {}
        self._characters = 0

    def add(self, pieces: object) -> None:
        """Take the `tool_calls` of one chunk in, None and an empty list included.

        Raises:
            ValueError: they are not the protocol, or have no end.
        """
        for piece in pieces if isinstance(pieces, list) else ():
            if not isinstance(piece, dict):
                raise ValueError("a tool call is no object")  # noqa: TRY004 - as above
            function = piece.get("function")
            function = function if isinstance(function, dict) else {}
            index = piece.get("index")
            held = self._pieces.setdefault(
                index if isinstance(index, int) else 0, {"id": "", "name": "", "arguments": ""}
            )
            held["id"] = held["id"] or str(piece.get("id") or "")
            held["name"] += str(function.get("name") or "")
            more = str(function.get("arguments") or "")
            held["arguments"] += more
            self._characters += len(more)
            if self._characters > MAX_ARGUMENT_CHARACTERS:
                raise ValueError("a tool call has no end")

    def calls(self) -> tuple[ToolCall, ...]:
        """Return the calls in order.

        Raises:
            ValueError: arguments are no JSON object, as when the answer was cut.
        """
        return tuple(
            ToolCall(held["name"], read_arguments(held["arguments"]), held["id"])
            for _, held in sorted(self._pieces.items())
            if held["name"]
        )
