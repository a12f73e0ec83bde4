"""A yes waits a few seconds, in which it can be taken back, and has a place in line."""

from __future__ import annotations

import time

_PLACES = ("", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


class Considered:
    """Remembers since when each card has had a yes, by its proposal and digest.

    It is not kept over a restart: a yes that is read then waits once more.
    """

    def __init__(self, undo_s: float) -> None:
        self.undo_s = undo_s
        self._since_s: dict[tuple[str, str], float] = {}

    def note(self, card: tuple[str, str]) -> bool:
        """Note that a card has a yes; return whether that is news."""
        is_new = card not in self._since_s
        self._since_s.setdefault(card, time.monotonic())
        return is_new

    def forget(self, card: tuple[str, str]) -> None:
        """Note that a card has no yes any more, or that it was carried out."""
        self._since_s.pop(card, None)

    def withdrawn(self, card: tuple[str, str]) -> bool:
        """Return whether a card had a yes that it has no more, once."""
        return self._since_s.pop(card, None) is not None

    def left_s(self, card: tuple[str, str]) -> float:
        """Return for how many seconds the yes can still be taken back."""
        since_s = self._since_s.get(card)
        return 0.0 if since_s is None else max(0.0, since_s + self.undo_s - time.monotonic())

    def echo(self, card: tuple[str, str]) -> str:
        """Return what the owner hears as soon as a yes was read."""
        ahead = list(self._since_s).index(card)
        place = _PLACES[ahead] if ahead < len(_PLACES) else f"number {ahead + 1}"
        heard = f"Heard, {place} in line." if place else "Heard."
        if not self.undo_s:
            return heard
        return f"{heard} 👎, or taking the 👍 back within {self.undo_s:g} s, undoes it."
