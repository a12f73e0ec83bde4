"""What edit blocks make of a text file: its line ends, byte order mark and last line stay."""

from __future__ import annotations

from collections.abc import Sequence

from mai.edits.elision import elided
from mai.edits.lines import Span, line_end, spliced, split, without_end
from mai.edits.match import Match, Matcher, opcodes
from mai.edits.mistaken import refuse_mistaken
from mai.edits.nouns import SearchReplace, WholeFile
from mai.errors import EditError
from mai.text import one_line

_MARK = b"\xef\xbb\xbf"


def whole(edit: WholeFile, base: bytes | None) -> bytes:
    """Return the new content of the file that `edit` gives in full.

    Raises:
        EditError: it leaves lines out, is empty where the file was not, or is something else.
    """
    path = one_line(edit.path)
    new = split(edit.data)
    known = {line.strip() for line in _decoded(split(base or b""))}
    # A new file may be all dots, such as a stub; where there was one, dots stand for its lines.
    if line := elided(_decoded(new), known if base is not None else {"..."}):
        raise EditError(f"{path}: the block leaves lines out ({line}); it must be the whole file.")
    refuse_mistaken(
        path, "\n".join(_decoded(new)), None if base is None else "\n".join(_decoded(split(base)))
    )
    if base is None:
        return edit.data
    if base.strip() and not edit.data.strip():
        raise EditError(f"{path}: the block is empty, which would empty the file.")
    old = split(base.removeprefix(_MARK))
    end = line_end(old)
    made = b"".join(without_end(line) + end for line in new)
    if old and not old[-1].endswith(b"\n"):
        made = made.removesuffix(end)
    return (_MARK if base.startswith(_MARK) else b"") + made


def searched(edits: Sequence[SearchReplace], base: bytes | None) -> bytes:
    """Return the content of a file after all its SEARCH blocks.

    An empty SEARCH makes a file that was not there, or was empty.

    Raises:
        EditError: there is no such file, it is binary, or a block does not fit it.
    """
    path = one_line(edits[0].path)
    if not edits[0].search.strip() and not (base or b"").strip() and len(edits) == 1:
        return edits[0].replace.encode()
    if base is None:
        raise EditError(f"{path} does not exist, so nothing can be searched in it.")
    mark, lines = opened(base, path, "".join(edit.replace for edit in edits))
    matcher = Matcher([text(line) for line in lines], path)
    spans = [_span(number, edit, lines, matcher) for number, edit in enumerate(edits, start=1)]
    return mark + b"".join(spliced(lines, spans, path))


def opened(base: bytes, path: str, new: str) -> tuple[bytes, list[bytes]]:
    """Return a text file's byte order mark, if it has one, and its lines; `new` goes into it.

    Raises:
        EditError: it is binary, or of an encoding that `new` would spoil.
    """
    if b"\0" in base:
        raise EditError(f"{path} is a binary file; an edit block cannot change it.")
    if not new.isascii():
        _refuse_mixed_encodings(base, path)
    mark = _MARK if base.startswith(_MARK) else b""
    return mark, split(base.removeprefix(_MARK))


def _span(number: int, edit: SearchReplace, lines: Sequence[bytes], matcher: Matcher) -> Span:
    path = one_line(edit.path)
    if not edit.search.strip():
        raise EditError(f"{path}: a SEARCH is empty, but the file is not.")
    search, replace = edit.search.split("\n")[:-1], edit.replace.split("\n")[:-1]
    if line := elided(replace, {line.strip() for line in search}):
        raise EditError(
            f"{path}: a REPLACE leaves lines out ({line}); every line must stand there."
        )
    return put(matcher.match(search, replace), lines, f"block {number}")


def put(match: Match, lines: Sequence[bytes], what: str) -> Span:
    """Return what replaces the lines that were found; those that stay keep their own ends."""
    old = lines[match.start : match.end]
    end = line_end(old) if match.end < len(lines) else line_end(lines)
    new: list[bytes] = []
    for tag, start, stop, new_start, new_stop in opcodes([text(line) for line in old], match.new):
        added = [
            line.encode("utf-8", "surrogateescape") + end for line in match.new[new_start:new_stop]
        ]
        new += old[start:stop] if tag == "equal" else added
    return Span(match.start, match.end, tuple(new), what, keeps_end=True)


def _refuse_mixed_encodings(base: bytes, path: str) -> None:
    """Raise where UTF-8 would come into a file of another encoding."""
    try:
        base.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EditError(
            f"{path} is not UTF-8; an edit block can put only ASCII into it, a diff anything."
        ) from error


def text(line: bytes) -> str:
    """Return a line without its end."""
    # Bytes that are not UTF-8 come back unchanged from surrogates.
    return without_end(line).decode("utf-8", "surrogateescape")


def _decoded(lines: Sequence[bytes]) -> list[str]:
    return [text(line) for line in lines]
