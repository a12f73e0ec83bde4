"""Calls of tools that a model writes as text, in the forms that small models know.

Qwen writes `<tool_call>` around an object with name and arguments, Mistral a list behind
`[TOOL_CALLS]`, others a bare or fenced object, whether or not their server says that they call
tools natively. An answer counts as calls only where it is nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from mai.protocols import Tool, ToolCall

_WRAPPED = re.compile(
    r"<(tool_call|function_call|tool|function)>\s*(.*?)\s*(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE
)
_FENCED = re.compile(r"\A```[a-z_]*[ \t]*\n(.*?)\n?```\Z", re.DOTALL | re.IGNORECASE)
_PREFIX = re.compile(r"\A(?:\[TOOL_CALLS\]|<\|tool_call\|>|<\|python_tag\|>)\s*")
_OPENINGS = (
    *("{", "[{", "<tool", "<function"),
    *("[tool_calls]", "<|tool_call|>", "<|python_tag|>"),
)
#: The first line of a fence that may hold a call, once it is whole, and what follows it.
_FENCE = re.compile(r"`{1,3}|```(?:json|xml|tool_call|tool_code)?[ \t]*(?:\n(.*))?", re.DOTALL)
_NAMES = ("name", "tool_name", "function")
_ARGUMENTS = ("arguments", "parameters", "tool_input", "args")
_MOST = 8


def calls_in(text: str, known: Collection[str]) -> list[ToolCall]:
    """Return the calls that an answer consists of, none where it says anything else.

    Mai's own form, `{"tool": …, "arguments": {…}}`, may name any tool. In another form only a name
    in `known` makes it a call: JSON with a `name` may well be what the person asked for.
    """
    values = list(_values(text.strip()))
    calls = [_call(value, known) for value in values]
    found = [call for call in calls if call is not None]
    return found if found and len(found) == len(calls) <= _MOST else []


def may_be_call(text: str) -> bool:
    """Return whether an answer that begins like this could turn out to be a call."""
    start = text.lstrip().lower()
    if start.startswith("`"):
        fence = _FENCE.fullmatch(start)
        if fence is None:
            # The name of the language may not be whole yet.
            return any(f"```{name}".startswith(start) for name in ("json", "xml", "tool_code"))
        start = (fence[1] or "").lstrip()
    return start.startswith(_OPENINGS) or any(opening.startswith(start) for opening in _OPENINGS)


def looks_like_call(text: str, known: Collection[str]) -> bool:
    """Return whether an answer was probably meant as a call, and cannot be read as one."""
    if '"tool"' in text:
        return True
    is_named = any(f'"{name}"' in text for name in known)
    return is_named and any(f'"{key}"' in text for key in _ARGUMENTS)


def call_schema(tools: Sequence[Tool]) -> dict[str, Any]:
    """Return the schema of a written call, for a model that must be held to it."""
    return {
        "type": "object",
        "properties": {
            "tool": {"type": "string", "enum": [tool.name for tool in tools]},
            "arguments": {"type": "object"},
        },
        "required": ["tool", "arguments"],
        "additionalProperties": False,
    }


def _values(text: str) -> Iterator[object]:
    """Yield the JSON values that `text` consists of; something else is yielded as None."""
    fenced = _FENCED.match(text)
    body = _PREFIX.sub("", (fenced[1] if fenced else text).strip())
    wrapped = list(_WRAPPED.finditer(body))
    if wrapped:
        yield from (_loaded(match[2]) for match in wrapped)
        if _WRAPPED.sub("", body).strip():
            yield None
        return
    value = _loaded(body)
    yield from value if isinstance(value, list) else [value]


def _loaded(text: str) -> object:
    fenced = _FENCED.match(text)
    try:
        return json.loads(fenced[1] if fenced else text, strict=False)
    except (ValueError, RecursionError):
        return None


def _call(value: Any, known: Collection[str]) -> ToolCall | None:
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):  # as OpenAI's API has it
        value = value["function"]
    arguments: Any = next((value[key] for key in _ARGUMENTS if key in value), {})
    if isinstance(arguments, str):
        arguments = _loaded(arguments)
    arguments = arguments if isinstance(arguments, dict) else {}
    if isinstance(value.get("tool"), str):
        return ToolCall(value["tool"], arguments)
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), "")
    return ToolCall(name, arguments) if name in known else None
