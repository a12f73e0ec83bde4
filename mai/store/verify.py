"""Whether a chain of entries is whole: pure functions over its links, the witness and anchors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mai.store.witness import GENESIS
from mai.text import one_line


@dataclass(frozen=True, slots=True)
class Link:
    """What the chain's form rests on in one entry. Columns as they were read, of any type."""

    number: object
    previous: object
    hash: object
    is_intact: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading the whole chain showed. `problems` are sentences, none where `ok`.

    `witnessed` is the number of the last entry that the witness saw: a cut after it cannot show.
    `lost` are heads that landed commits name and this chain has not; `accepted` are those of them
    whose loss a person accepted, which are no problem any more. A chain `is_whole` where what is
    there follows from the first entry on, whatever came after its end.
    """

    ok: bool
    entries: int
    head: str
    problems: tuple[str, ...] = ()
    witnessed: int = 0
    lost: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()
    is_whole: bool = True


def check(
    links: Iterable[Link],
    has_witness: bool,
    seen: tuple[int, str] | None,
    anchors: Mapping[str, str],
    accepted: Collection[str] = (),
) -> Verification:
    """Follow `links` from the first and compare their end with the witness and the anchors.

    Args:
        links: every entry, by number.
        has_witness: whether the witness file is there.
        seen: the number and hash in it, None where it cannot be read.
        anchors: landed commits and the ledger heads that their trailers name.
        accepted: heads that a person knows to be lost.
    """
    problems: list[str] = []
    missing_anchors = set(anchors.values())
    count, last, head = 0, 0, GENESIS
    seen_hash: object = GENESIS if seen and seen[0] == 0 else None
    for link in links:
        if not (link.is_intact and link.number == last + 1 and link.previous == head):
            problems += _faults(link, last, head)
        count += 1
        missing_anchors.discard(str(link.hash))
        if isinstance(link.number, int):
            last = max(last, link.number)
            if seen and link.number == seen[0]:
                seen_hash = link.hash
        head = str(link.hash)
    is_whole = not problems
    problems += witness_faults(last, has_witness, seen, seen_hash)
    for commit, anchor in anchors.items():
        if anchor in missing_anchors and anchor not in accepted:
            problems.append(
                f"Commit {one_line(commit, 12)} was landed by a ledger that had come to "
                f"{one_line(anchor, 12)}, which is not in this one."
            )
    return Verification(
        not problems,
        count,
        head,
        tuple(problems),
        seen[0] if seen else 0,
        frozenset(missing_anchors.difference(accepted)),
        frozenset(missing_anchors.intersection(accepted)),
        is_whole,
    )


def _faults(link: Link, last: int, head: str) -> Iterator[str]:
    number = link.number
    if not isinstance(number, int):
        yield f"After entry {last} stands one whose number is {one_line(repr(number), 40)}."
        return
    if number == last + 2:
        yield f"Entry {last + 1} is missing."
    elif number > last + 2:
        yield f"Entries {last + 1} to {number - 1} are missing."
    elif number <= last:
        yield f"Entry {number} is out of place: the chain had already reached {last}."
    elif link.previous != head:
        before = f"entry {last}" if last else "the beginning"
        yield f"Entry {number} does not follow {before}: one was replaced, moved or inserted."
    if not link.is_intact:
        yield f"Entry {number} was altered: its hash does not fit what it says."


def witness_faults(
    last: int, has_witness: bool, seen: tuple[int, str] | None, seen_hash: object
) -> Iterator[str]:
    """Yield in a sentence how a chain that ends at entry `last` contradicts its witness.

    `seen_hash` is the hash of the chain's entry that has the number in the witness.
    """
    if not has_witness:
        if last:
            yield "The witness file is missing, so a cut end would not show."
    elif seen is None:
        yield "The witness file cannot be read, so a cut end would not show."
    elif seen[0] > last:
        yield f"The chain ends at entry {last}, but the witness saw {seen[0]}: its end was cut off."
    elif seen_hash != seen[1]:
        yield f"Entry {seen[0]} is not the one that the witness saw."
