"""What a model thought aloud before its answer, in the envelopes that models and servers use.

`<think>` and its like (DeepSeek, Qwen), `[THINK]` (Mistral), the channels of harmony (gpt-oss). A
template that opens the envelope in the prompt leaves only its end in the answer.
"""

from __future__ import annotations

import re

_NAMES = r"(?:think(?:ing)?|thought|thoughts|reasoning|reflection|analysis)"
_OPEN = rf"(?:<{_NAMES}>|\[THINK\]|<\|begin_of_thought\|>)"
_CLOSE = rf"(?:</{_NAMES}>|\[/THINK\]|<\|end_of_thought\|>)"
_LEADING = re.compile(rf"\A\s*{_OPEN}.*?(?:{_CLOSE}|\Z)", re.DOTALL | re.IGNORECASE)
# A closing tag without an opening tag counts at the end of its line, outside of code.
_END_ALONE = re.compile(
    rf"\A(?P<thought>(?:(?!{_OPEN}).)*?){_CLOSE}[ \t]*(?:\n|\Z)", re.DOTALL | re.IGNORECASE
)
_MARKS = ("<think", "</think", "[think", "[/think", "thought", "<reasoning", "</reasoning")
_MORE_MARKS = ("<reflection", "</reflection", "<analysis", "</analysis")

_HARMONY = re.compile(
    r"<\|channel\|>(?P<head>[^<]*(?:<\|constrain\|>[^<]*)?)<\|message\|>"
    r"(?P<text>.*?)(?=<\|end\|>|<\|return\|>|<\|call\|>|<\|start\|>|<\|channel\|>|\Z)",
    re.DOTALL,
)
_CALLED = re.compile(r"to=(?:functions\.)?(?P<name>[\w.-]+)")


def without_thinking(text: str) -> str:
    """Return `text` without what was thought aloud first; that which is not over yet goes as well.

    A call in a channel of harmony becomes the JSON object that Mai reads as one.
    """
    if "<|channel|>" in text:
        return _final(text)
    lower = text.lower()
    if not any(mark in lower for mark in (*_MARKS, *_MORE_MARKS)):
        return text
    rest = _LEADING.sub("", text, count=1)
    if rest == text:
        match = _END_ALONE.match(text)
        if match is None or match["thought"].count("```") % 2 or _is_quoted(match):
            return text
        rest = text[match.end() :]
    return rest.lstrip("\n")


def _is_quoted(match: re.Match[str]) -> bool:
    """Whether the end of the envelope is code in a line, as in an answer about such tags."""
    return match["thought"].rpartition("\n")[2].count("`") % 2 == 1


def _final(text: str) -> str:
    """Return what a harmony answer says in its final channel, or the call that it makes."""
    parts = list(_HARMONY.finditer(text))
    for part in parts:
        called = _CALLED.search(part["head"])
        if called:
            arguments = part["text"].strip() or "{}"
            return f'{{"name": "{called["name"]}", "arguments": {arguments}}}'
    said = [part["text"] for part in parts if part["head"].strip().startswith("final")]
    return "".join(said).lstrip("\n")
