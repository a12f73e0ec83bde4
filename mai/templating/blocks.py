"""Text that somebody else wrote, put where a model can read it and never mistake it for ours.

A block is fenced with more backticks than its text has in a row anywhere, so no line of the text
can close it; its label is one plain line. Templates refuse every string that is not such a block.
"""

from __future__ import annotations

import re

from mai.text import for_model, one_line

# Backticks, and what looks like them to a model that was taught to read past spelling.
_BACKTICKS = re.compile("[`\u02cb\u2035\uff40\u1fef]+")
_LABEL_CHARACTERS = 200
MIN_FENCE = 3


class Block(str):
    """Text that may stand in a prompt as it is: a fenced block, or words of our own."""

    __slots__ = ()


def fence_for(text: str) -> str:
    """Return backticks that `text` cannot close: one more than its longest run, three at least."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    return "`" * max(MIN_FENCE, longest + 1)


def fenced(label: str, text: str) -> Block:
    """Return `text` as a block, with `label` (such as a path) on the line before it.

    Line ends become line feeds, NUL is dropped, and what a server would take for the end of a
    message is broken; all else stays as it is, because code is quoted back exactly.
    """
    text = for_model(text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""))
    fence = fence_for(text)
    name = for_model(one_line(label, _LABEL_CHARACTERS).replace("`", "'"))
    return Block(f"{name}\n{fence}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}")


def trusted(text: str) -> Block:
    """Mark words of Mai's own as fit for a prompt. Never call it on what a repo or person wrote."""
    return Block(text)
