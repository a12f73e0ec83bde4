"""Text that somebody else wrote, made safe to show and to commit.

A title, a reason, a test's name or a server's error may carry terminal escapes, line breaks that
forge a second line, bidirectional controls that reorder what is read, mentions that ping people
and fences that end a code block. Each function removes what can mislead at one kind of place.
"""

from __future__ import annotations

import re
import unicodedata

_KEPT_CONTROLS = frozenset("\n\t")
_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[PX^_\]].*?(?:\x1b\\|\x07|\Z)|[@-Z\\-_])"
    r"|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
# Discord's Markdown: what hides text, or lets it lead somewhere else than it says.
_HIDING = re.compile(r"\|(?=\|)|~(?=~)|\](?=\()|<(?=[@#:/a-z0-9])", re.IGNORECASE)
_LONG_RUN = re.compile(r"`{3,}")
_BLOCK_MARK = re.compile(r"^([ \t]*)(#{1,3} |>{1,3} |-# )", re.MULTILINE)
_ZERO_WIDTH_SPACE = "\u200b"
# What chat templates set messages apart with: ChatML and its kin, DeepSeek, Llama 2 and Mistral,
# Gemma, and the tags of thoughts and tool calls. A server takes one in a quoted text for its own.
_ANGLED = (
    r"\|[^|<>\s]{1,40}\||\uff5c[^\uff5c<>\n]{1,40}\uff5c|</?SYS>|/?s|bos|eos|pad|unk"
    r"|(?:start|end)_of_\w{1,20}|fim_\w{1,10}|/?(?:think|thinking|tool_calls?|tool_response)"
)
_SQUARE = r"/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_\w{1,10}|gMASK|THINK)"
_WORD_JOINER = "\u2060"
_TOKEN = re.compile(rf"<(?:{_ANGLED})>|\[{_SQUARE}\]")
_BROKEN_TOKEN = re.compile(rf"<{_WORD_JOINER}(?:{_ANGLED})>|\[{_WORD_JOINER}{_SQUARE}\]")


def _is_harmless(character: str) -> bool:
    if character in _KEPT_CONTROLS:
        return True
    # Cc controls, Cf formats (bidi, zero width), Cs surrogates, Co private use, Zl/Zp separators.
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def plain(text: str) -> str:
    """Return `text` without escape sequences, controls and invisible format characters.

    Line feeds and tabs stay; CRLF and lone CR become line feeds.
    """
    text = _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(character for character in text if _is_harmless(character))


def one_line(text: str, limit: int = 200) -> str:
    """Return `text` as one line of at most `limit` characters, cut with an ellipsis."""
    line = " ".join(plain(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def path_line(path: str, limit: int = 200) -> str:
    """Return `path` as one line in which nothing is left out: what is invisible is escaped."""
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in path
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def without_mentions(text: str) -> str:
    """Break `@name`, `<@id>` and `#123` so that no chat or forge takes them for a mention."""
    return re.sub(r"@(?=[\w&!<])", "@" + _ZERO_WIDTH_SPACE, text)


def prose(text: str, limit: int = 4000) -> str:
    """Return `text` as paragraphs for a person: plain, bounded, no fences, no mentions."""
    text = plain(text).replace("`" * 3, "'" * 3).strip()
    if len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    return without_mentions(text)


def chat(text: str, limit: int = 4000) -> str:
    """Return `prose(text)` with nothing in it that a chat would hide, enlarge or link elsewhere.

    Inline code, bold and lists stay. Spoilers (`||…||`), strike-through, masked links
    (`[here](https://…)`), headings, quotes, small print and `<@id>`-like tags are broken.
    """
    text = _HIDING.sub(lambda match: match.group() + _ZERO_WIDTH_SPACE, prose(text, limit))
    text = _BLOCK_MARK.sub(lambda match: match[1] + _ZERO_WIDTH_SPACE + match[2], text)
    # What was put in between may have made it a little longer than what was asked for.
    return text if len(text) <= limit else text[: limit - 1] + "…"


def chat_line(text: str, limit: int = 200) -> str:
    """Return `text` as one line for a chat, without links that would unfold beside it."""
    line = chat(one_line(text, limit), limit).replace("://", ":" + _ZERO_WIDTH_SPACE + "//")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def inside_fence(text: str) -> str:
    """Return `text` plain and such that it cannot close the fence of three backticks around it."""
    return _LONG_RUN.sub(lambda match: _ZERO_WIDTH_SPACE.join(match.group()), plain(text))


def for_model(text: str) -> str:
    """Return `text` with every token that sets messages apart broken, so that it stays text.

    An invisible character stands after its first one; `from_model` takes it out again.
    """
    return _TOKEN.sub(lambda match: match[0][0] + _WORD_JOINER + match[0][1:], text)


def from_model(text: str) -> str:
    """Return what a model wrote with the tokens that `for_model` broke whole again."""
    return _BROKEN_TOKEN.sub(lambda match: match[0][0] + match[0][2:], text)
