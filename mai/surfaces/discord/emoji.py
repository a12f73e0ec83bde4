"""What a reaction means. Only the standard thumbs count, in every skin tone."""

from __future__ import annotations

from enum import StrEnum

YES, NO, STOP = "👍", "👎", "⏹️"
_SKIN_TONES = frozenset(chr(tone) for tone in range(0x1F3FB, 0x1F400))
_VARIATIONS = frozenset("\ufe0e\ufe0f")


class Meaning(StrEnum):
    """What somebody says with an emoji."""

    YES = "yes"
    NO = "no"
    STOP = "stop"
    NOTHING = "nothing"


def meaning_of(name: str | None, custom_id: int | None = None) -> Meaning:
    """Return what the emoji `name` means. A custom one means nothing, whatever its name."""
    if custom_id is not None or not name:
        return Meaning.NOTHING
    bare = "".join(sign for sign in name if sign not in _SKIN_TONES | _VARIATIONS)
    return _MEANINGS.get(bare, Meaning.NOTHING)


_MEANINGS = {"👍": Meaning.YES, "👎": Meaning.NO, "⏹": Meaning.STOP}
