"""Making a prompt fit: parts with an order of importance, dropped from its end until they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mai.errors import ContextOverflow
from mai.providers.tokens import most_tokens
from mai.templating.blocks import fenced


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of context. `importance` 0 is never dropped; the highest number goes first.

    `text` is data, whoever wrote it; it reaches the prompt in a fenced block under `label`.
    """

    label: str
    text: str
    importance: int = 1

    @property
    def tokens(self) -> int:
        """The ceiling of what this part costs, with label, fence and the empty line after it."""
        return most_tokens(fenced(self.label, self.text) + "\n\n")


def fit(parts: Sequence[Part], room_tokens: int) -> tuple[Part, ...]:
    """Return the parts that fit into `room_tokens`, in the order given.

    What goes first is the least important; among equals, what stands last.

    Raises:
        ContextOverflow: the parts that must stay do not fit.
    """
    costs = [part.tokens for part in parts]
    kept = list(range(len(parts)))
    total = sum(costs)
    droppable = sorted(
        (at for at in kept if parts[at].importance > 0),
        key=lambda at: (-parts[at].importance, -at),
    )
    for at in droppable:
        if total <= room_tokens:
            break
        kept.remove(at)
        total -= costs[at]
    if total > room_tokens:
        raise ContextOverflow(
            f"What must be read needs up to {total} tokens, and there is room for "
            f"{max(0, room_tokens)}; a model with a longer context, or a smaller change, would do."
        )
    return tuple(parts[at] for at in kept)
