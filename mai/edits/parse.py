"""From what a model or a person wrote to edits: a diff, or Mai's edit blocks, told apart here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mai.edits.blocks import parse_blocks
from mai.edits.diffs import Budget, parse_diffs, starts_diff
from mai.edits.envelope import envelope_start, parse_envelopes
from mai.edits.fences import is_open_after
from mai.edits.forms import plain
from mai.edits.hunks import is_body_line
from mai.edits.nouns import Edit
from mai.edits.strays import is_announcement, refuse_strays
from mai.errors import EditError

MAX_BYTES = 50_000_000
_MAIL = re.compile(rb"(?:From [0-9a-f]{40} |commit [0-9a-f]{40}|(?:From|Subject|Date): )")


def parse(text: str | bytes, *, max_bytes: int = MAX_BYTES) -> tuple[Edit, ...]:
    """Read the edits in `text`: a unified or git diff, raw or fenced, an envelope, or edit blocks.

    Diffs are read as bytes, so that a file in any encoding survives; edit blocks are UTF-8.

    Args:
        text: a patch file, a mail, or a model's reply; prose around the edits is skipped.
        max_bytes: how long the text may be, and how much its binary patches may unpack to.

    Returns:
        At least one edit, in the order of the text, not yet compared with any file.

    Raises:
        EditError: there is no edit, or one cannot be read for certain. Nothing is guessed.
    """
    try:
        data = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise EditError("The change holds characters that are not Unicode text.") from error
    if len(data) > max_bytes:
        raise EditError(f"The change has {len(data)} bytes; more than {max_bytes} are refused.")
    if not data.strip():
        raise EditError("The change is empty.")
    data = plain(data)
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if enveloped := _enveloped(data, lines):
        return enveloped
    budget = Budget(max_bytes)
    if _has_raw_diff(lines):
        return parse_diffs(lines, 1, budget, is_fenced=False)
    edits = parse_blocks(_decoded(data), budget)
    if not edits:
        raise EditError(
            "There is no edit in the text: neither a diff nor a block with a path before its fence."
        )
    return tuple(edits)


def _has_raw_diff(lines: Sequence[bytes]) -> bool:
    """Return whether a diff starts outside any fence.

    Raises:
        EditError: there are edit blocks before it.
    """
    start = next((at for at in range(len(lines)) if starts_diff(lines, at)), None)
    if start is None:
        return False
    # A header that only says which file is next is no prose; the reader of diffs looks at it.
    before = [b"" if is_announcement(line) else line for line in lines[:start]]
    first = next((line for line in lines[:start] if line.strip()), b"")
    if _MAIL.match(first):
        return True  # whatever fences a commit's message has, they are no edits
    prose = [line.decode("utf-8", "replace").removesuffix("\r") for line in before]
    if is_open_after(prose):
        return False
    refuse_strays(before)
    if parse_blocks(prose, Budget(0)):
        raise EditError("The text has both edit blocks and a diff outside any fence; send one.")
    return True


def _enveloped(data: bytes, raw: Sequence[bytes]) -> tuple[Edit, ...]:
    """Return the edits of `*** Begin Patch`, none where there is no such envelope."""
    if b"*** Begin Patch" not in data:
        return ()
    lines = _decoded(data)
    start = envelope_start(lines)
    if start is None:
        return ()
    if any(starts_diff(raw, at) for at in range(start)) and _has_raw_diff(raw):
        return ()  # it is a line of a hunk, or in the way, which the reader of diffs says
    edits, spans = parse_envelopes(lines, start)
    inside = {at for first, end in spans for at in range(first, end + 1)}
    others = _other_edits(lines[:start]) or _other_edits(lines[spans[-1][1] + 1 :])
    if others:
        raise EditError("The text has both edit blocks and a patch in an envelope; send one.")
    refuse_strays([b"" if at in inside else line.encode() for at, line in enumerate(lines)])
    for _, end in spans:
        if end + 1 < len(lines) and is_body_line(lines[end + 1].encode()):
            raise EditError(f"Line {end + 2}: this is a part of the patch, and it stands after it.")
    return edits


def _other_edits(lines: Sequence[str]) -> Sequence[Edit]:
    try:
        return parse_blocks(lines, Budget(0))
    except EditError:
        # A fence that opens before the envelope or closes after it, or a block that only shows.
        return ()


def _decoded(data: bytes) -> list[str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EditError("The edit blocks are not UTF-8 text.") from error
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
