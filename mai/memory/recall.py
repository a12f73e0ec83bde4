"""Bringing back what bears on a task: by words, by meaning where a model embeds, refusals first."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from operator import mul

from mai.errors import ProviderError
from mai.memory.notes import Kind, Note, Notes
from mai.proposal import Proposal, State
from mai.text import one_line
from mai.words import label, quoted_title, said, writes

#: Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009): how much the first places count.
_FUSION = 60
_MOST_COMPARED = 1_000
_BATCH = 64
_CANDIDATES = 40
#: What a person refused must not be proposed again, so it is worth more than what was chatted.
_WORTH = {
    Kind.REFUSED: 2.0,
    Kind.DECIDED: 1.4,
    Kind.NOTED: 1.4,
    Kind.FAILED: 1.3,
    Kind.SUMMARY: 1.2,
    Kind.SAID: 1.0,
    Kind.ANSWERED: 0.8,
}

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]


def recall(
    notes: Notes, text: str, limit: int = 6, embed: Embed | None = None, model: str = ""
) -> list[Note]:
    """Return the notes that bear on `text`, best first.

    A note that a summary stands for gives way to it. `embed` turns texts into vectors and `model`
    names it; where it fails, words alone decide.
    """
    ranked = [[note.id for note in notes.search(text, _CANDIDATES)]]
    known = {note.id: note for note in notes.all()}
    if embed is not None:
        with contextlib.suppress(ProviderError):
            ranked.append(_by_meaning(notes, list(known.values()), text, embed, model))
    scores: dict[int, float] = {}
    for order in ranked:
        for rank, number in enumerate(order):
            note = known.get(number)
            if note is None:
                continue
            stands = note.covered_by if note.covered_by in known else number
            scores[stands] = scores.get(stands, 0.0) + 1 / (_FUSION + rank)
    best = sorted(
        scores, key=lambda number: (-scores[number] * _WORTH[known[number].kind], -number)
    )
    return [known[number] for number in best[:limit]]


def told(note: Note) -> str:
    """Return a note as one line with its day and kind, for a person or a model."""
    return f"{note.at[:10]} {note.kind}: {said(note.text, 400)}"


def learn(notes: Notes, proposals: Iterable[Proposal]) -> None:
    """Write down what became of proposals: what landed, what was refused and why, what failed."""
    known = {note.source: note.text for note in notes.all()}
    fresh = [
        (*lesson, source, one.landed.at if one.landed else one.created_at)
        for one in proposals
        if (lesson := _lesson(one)) and known.get(source := f"proposal:{one.id}") != lesson[1]
    ]
    if fresh:
        with notes.database.transaction():  # each by itself would wait for the disk
            for kind, text, source, ended in fresh:
                notes.add(kind, text, source, ended)


def _lesson(proposal: Proposal) -> tuple[Kind, str] | None:
    title = quoted_title(proposal.title)
    paths = ", ".join(label(change.path, 60) for change in proposal.files[:3])
    match proposal.state:
        case State.LANDED:
            why = writes(proposal.author, one_line(proposal.why, 300), width=400)
            return Kind.DECIDED, " ".join([f"Landed: {title} ({paths}).", *why])
        case State.ROLLED_BACK:
            return Kind.REFUSED, f"Taken back after it landed: {title} ({paths})."
        case State.REJECTED:
            reason = one_line(proposal.reason, 600)
            because = f"because: {reason}" if reason else "without a reason"
            return Kind.REFUSED, f"The person refused: {title} ({paths}), {because}"
        case State.BLOCKED | State.FAILED if proposal.error:
            error = said(proposal.error.message, 300)
            return Kind.FAILED, f"Did not get through: {title} ({paths}). {error}"
        case _:
            return None


def _by_meaning(
    notes: Notes, known: Sequence[Note], text: str, embed: Embed, model: str
) -> list[int]:
    """Return the notes' ids by how near their vectors are, making those that are missing."""
    vectors = notes.vectors(model)
    recent = known[-_MOST_COMPARED:]
    missing = [note for note in recent if note.id not in vectors]
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        made = embed([note.text for note in batch])
        fresh = {note.id: vector for note, vector in zip(batch, made, strict=True)}
        notes.keep_vectors(model, fresh)
        vectors |= {number: list(vector) for number, vector in fresh.items()}
    (wanted,) = embed([text])
    near = {note.id: _cosine(wanted, vectors[note.id]) for note in recent if note.id in vectors}
    order = sorted(near, key=lambda number: (-near[number], -number))
    return [number for number in order if near[number] > 0][:_CANDIDATES]


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        return 0.0
    length = math.sqrt(sum(map(mul, one, one)) * sum(map(mul, other, other)))
    return sum(map(mul, one, other)) / length if length else 0.0
