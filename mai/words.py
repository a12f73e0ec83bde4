"""Quote a model's or a submitter's words, so that they never pass for Mai's own.

Mai's facts come first and from Mai alone. What anybody else wrote comes last: `NAME writes:` and
each line behind `> `, without bold, headings, list marks, blank lines, mentions, masked links,
and without the signs, levels and separators that Mai's facts are made of. A title is one line in a
place of its own, or quoted. This is the only module that does it; every screen, card, commit
message and prompt takes its text from here.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata

from mai.text import chat_line, one_line, plain, without_mentions
from mai.visible import is_visible, visible

#: As many lines as fit below the facts on a phone.
MOST_LINES = 8
_WIDTH = 96
_NAME_CHARACTERS = 60
_ROOM_FOR_BREAKS = 2
_SUBMITTER = "patch (submit)"

# Signs of all kinds (Mai's ●▲◆■✓✗👍👎, its spinner, frames and whatever resembles them) are in the
# category So. Of the others these resemble one, or carry a colour, a keycap or a skin tone.
_LIKE_SIGNS = frozenset("•‣⁃∎√∙⋄⊙⊚⊛⊠⊡⋆╳∆∇⨯⨉▷◁◸◹◺◻◼◽◾♯✕❌⦁⦾⦿⧫⬝⟐⟡᛫‧・･⸱ꞏ·ᐧᐅᐃᐁ")
_EVERYDAY_SIGNS = frozenset("°©®™№℃℉")
_DOTS = re.compile(r"\s*[·•‧∙⋅・･⸱ꞏᐧ᛫|｜]+\s*(?=\S)")
_SEPARATORS = re.compile(r"\s*[·•‧∙⋅・･⸱ꞏᐧ᛫]+\s*")

_LEVEL = r"(?:LOW|MEDIUM|HIGH|BLOCKED)"
# A level is Mai's to say. In a path or a name (`tests/HIGH.py`, `Level.HIGH`) it is none.
_A_LEVEL = re.compile(rf"(?<![\w./-]){_LEVEL}(?![\w/-]|\.\w)")
_ID = r"[0-9a-f]{4,12}"
_DOT = "[·•‧∙⋅・･⸱ꞏᐧ᛫|｜]"
_FORGED_END = re.compile(
    rf"(?:\s*{_DOT}\s*(?:(?i:{_LEVEL})|{_ID})|\s+{_ID}\s*{_DOT}\s*(?i:{_LEVEL})|\s+{_ID}\s+{_LEVEL}|\s+{_LEVEL}\s+{_ID}"
    rf"|\s+[-—–|:,(\[]+\s*{_LEVEL})+[\s)\]·|]*\Z"
)

_LINE_MARK = re.compile(r"\A(?:#{1,6}\s+|-#\s+|>+\s*|[-*+–—]\s+|\d{1,3}[.)]\s+|\[[ xX]\]\s+)+")
_RULE = re.compile(r"[\s\-=_*~#+.:|]{3,}")
_BOLD = re.compile(r"(?<![\w*])\*{2,}(?=[^\s*])|(?<=[^\s*])\*{2,}(?![\w*])")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\(([^)\n]*)\)")
_FENCE = re.compile("`{2,}|~{3,}")
_CODE = re.compile(r"(`[^`]*`)")
# What Discord's Markdown would turn into emphasis; `mai.text.chat` breaks all else.
_EMPHASIS = re.compile(r"[\\*_]")
# `git mailinfo --scissors` drops what is above such a mark, wherever in its line it is.
_SCISSORS = re.compile(r"(>)(?=[8%])|([8%])(?=<)")


def writes(
    author: str,
    text: str,
    *,
    width: int = _WIDTH,
    most: int | None = MOST_LINES,
    rest: str = "",
) -> list[str]:
    """Return `NAME writes:` and the quoted lines of `text`; nothing where there are no words.

    Args:
        author: who wrote it, as a proposal or a review has it.
        text: the words.
        width: the longest line, its `> ` included.
        most: how many lines are shown, None for all.
        rest: the command that shows all of them, such as `mai show 7f3a`.
    """
    lines = quoted(text, width=width, most=most, rest=rest)
    return [f"{name_of(author)} writes:", *lines] if lines else []


def by(author: str) -> str:
    """Return `by NAME`, as it stands within a line of Mai's."""
    name = name_of(author)
    return f"by {name[0].lower()}{name[1:]}" if name.startswith(("The ", "A ")) else f"by {name}"


def quoted(
    text: str, *, width: int = _WIDTH, most: int | None = MOST_LINES, rest: str = ""
) -> list[str]:
    """Return the lines of `text` behind `> `, tamed and wrapped; see `writes`."""
    pieces = (
        tame(piece)  # a break can lay a mark or a level bare
        for line in plain(text).split("\n")
        for piece in textwrap.wrap(
            tame(line), width - 2, break_on_hyphens=False, drop_whitespace=True
        )
    )
    lines = [piece for piece in pieces if piece]
    shown = lines if most is None or len(lines) <= most else lines[:most]
    left = len(lines) - len(shown)
    more = [f"… {left} more line{'' if left == 1 else 's'}{f': `{rest}`' if rest else ''}"]
    return [*(f"> {line}" for line in shown), *(more if left else [])]


def tame(line: str) -> str:
    """Return one line of somebody's words without what a fact, a heading or a link is made of."""
    line = plain(line).replace("\n", " ")
    while (tamer := _tamed(line)) != line:  # taking a mark away can lay another one bare
        line = tamer
    return without_mentions(line)


def _tamed(line: str) -> str:
    line = _without_signs(_SEPARATORS.sub(", ", _folded(line)))
    line = _FENCE.sub("'", " ".join(line.split()).strip(" ,"))
    if _RULE.fullmatch(line):
        return ""
    parts = _CODE.split(_balanced(line))
    line = "".join(part if at % 2 else _without_markup(part) for at, part in enumerate(parts))
    line = _A_LEVEL.sub(lambda match: match.group().lower(), line)
    return _LINE_MARK.sub("", line)


def title_line(text: str, limit: int = 72) -> str:
    """Return `text` as a title: one tame line, without an id or a level forged at its end.

    For a place of its own; within a sentence or a list use `quoted_title`.
    """
    line = one_line(text.replace("`" * 3, "'"), limit * 4)
    while (shorter := _titled(line, limit)) != line:  # a cut can lay a mark or a level bare
        line = shorter
    return line


def _titled(line: str, limit: int) -> str:
    line = tame(_FORGED_END.sub("", _without_signs(_folded(line), kept=_DOT)))
    room = limit - _ROOM_FOR_BREAKS
    return line if len(line) <= room else _balanced(line[: room - 1].rstrip() + "…")


def quoted_title(text: str, limit: int = 72) -> str:
    """Return a title in quotation marks, for a list or a sentence of Mai's."""
    line = title_line(text, limit).translate({ord("“"): "'", ord("”"): "'"})
    return f"“{line or 'untitled'}”"


def name_of(author: str) -> str:
    """Return who wrote something: a model's name without its provider, or `The submitter`."""
    if author == _SUBMITTER:
        return "The submitter"
    name = label(author, _NAME_CHARACTERS).partition(" (")[0].strip()
    return f"A model named {name}" if name.casefold() in {"", "mai", "i"} else name


def label(text: str, limit: int = 200) -> str:
    """Return a name that somebody else chose (a test's, a model's, a branch's) as one exact line.

    Nothing is left out or changed: a symbol stands for what hides and for what is a sign of Mai's.
    """
    shown = "".join(f"‹U+{ord(one):04X}›" if _is_sign(one) else one for one in visible(text))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def said(text: str, limit: int = 200) -> str:
    """Return a sentence of Mai's that quotes words of others, as one line without signs."""
    line = _FENCE.sub("'", _without_signs(_SEPARATORS.sub(", ", one_line(text, limit * 2))))
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def without_signs(text: str) -> str:
    """Return what a model says in a conversation without the signs that Mai's facts begin with."""
    return _without_signs(text)


def unformatted(line: str) -> str:
    """Return `line` with Discord's emphasis escaped, outside of inline code."""
    parts = _CODE.split(line)
    return "".join(
        part if at % 2 else _EMPHASIS.sub(r"\\\g<0>", part) for at, part in enumerate(parts)
    )


def chat_title(text: str, limit: int = 72) -> str:
    """Return `quoted_title(text)` as Discord shows it."""
    return unformatted(chat_line(quoted_title(text, limit), limit * 2))


def chat_label(text: str, limit: int = 200) -> str:
    """Return `label(text)` as Discord shows it."""
    return unformatted(chat_line(label(text, limit), limit))


def chat_said(text: str, limit: int = 200) -> str:
    """Return `said(text)` as Discord shows it."""
    return unformatted(chat_line(said(text, limit), limit))


def mailed(line: str) -> str:
    """Return a line of a commit message with nothing that `git am --scissors` would cut at."""
    return _SCISSORS.sub(lambda match: match.group() + " ", line)


def _folded(text: str) -> str:
    """Return `text` with full-width and mathematical letters as the ones that they look like."""
    if text.isascii():
        return text
    return "".join(
        unicodedata.normalize("NFKC", one)
        if "\uff01" <= one <= "\uff5e" or "\U0001d400" <= one <= "\U0001d7ff"
        else one
        for one in text
        if one in "\n\t" or is_visible(one) or unicodedata.category(one) == "Zs"
    )


def _is_sign(one: str) -> bool:
    if one.isascii() or one in _EVERYDAY_SIGNS:
        return False
    return (
        unicodedata.category(one) == "So"
        or one in _LIKE_SIGNS
        or "\U0001f3fb" <= one <= "\U0001f3ff"
    )


def _without_signs(text: str, kept: str = "") -> str:
    if text.isascii():
        return text
    return "".join(one for one in text if one in kept or not _is_sign(one))


def _without_markup(text: str) -> str:
    text = _LINK.sub(lambda match: f"{match[1]} ({match[2]})", text)
    return _BOLD.sub("", text)


def _balanced(line: str) -> str:
    """Return `line` with no backtick that would pair with one in a later line."""
    return line if line.count("`") % 2 == 0 else line.replace("`", "'")
