"""Short notes that stand for many long ones. The originals stay, and can always be searched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mai.memory.notes import Kind, Note, Notes
from mai.text import one_line

#: So many notes of talk are read as they are; what is older than these is put together.
KEPT = 60
BATCH = 30
_LINE_CHARACTERS = 160
_SUMMARY_CHARACTERS = 1_600
_TALK = (Kind.SAID, Kind.ANSWERED)

Summarise = Callable[[Sequence[Note]], str]


def due(notes: Notes) -> list[Note]:
    """Return the next notes to put together, the oldest first; none while there are few.

    Only talk is put together: what was decided, refused or noted by name is short already.
    """
    talk = notes.uncovered(*_TALK)
    return talk[:BATCH] if len(talk) >= KEPT + BATCH else []


def compress(notes: Notes, summarise: Summarise | None = None) -> int:
    """Put everything together that is due; return how many notes now have a summary.

    `summarise` is a model's part; without it, or where it gives nothing, the first line of what
    the person said is kept of each exchange.
    """
    count = 0
    while batch := due(notes):
        text = summarise(batch).strip() if summarise else ""
        if notes.cover((text or extract(batch))[:_SUMMARY_CHARACTERS], batch) is None:
            break  # a person had this summary forgotten: it is not made again
        count += len(batch)
    return count


def extract(batch: Sequence[Note]) -> str:
    """Return the first words of each thing said, once, as lines."""
    said = [note for note in batch if note.kind is Kind.SAID] or batch
    lines = dict.fromkeys(one_line(note.text, _LINE_CHARACTERS) for note in said)
    return "\n".join(f"- {line}" for line in lines)
