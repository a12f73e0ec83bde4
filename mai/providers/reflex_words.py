"""How a reflex speaks: a title, and a reason a person can check."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from mai.providers.reflex_rules import Reflex
from mai.providers.ruff import Hit
from mai.text import one_line
from mai.words import title_line

TITLE_CHARACTERS = 60
_SHOWN_FILES, _SHOWN_LINES, _SHOWN_NAMES = 3, 4, 4
_NAMED = re.compile(r"`([^`]+)`")


def name_of(hit: Hit) -> str:
    """Return the name a hit is about, empty where its message has none."""
    found = _NAMED.search(hit.message)
    # ruff shows `import io as fast` as `io as fast`; the name is what stands last.
    return found.group(1).rpartition(" as ")[2] if found else ""


def title(reflex: Reflex, count: int, paths: Sequence[str]) -> str:
    """Return an imperative of at most 60 characters that says how many, and where if it fits."""
    words = reflex.one if count == 1 else reflex.many.format(n=count)
    if len(paths) == 1:
        place = PurePosixPath(paths[0]).name
    else:
        folders = [PurePosixPath(path).parent.parts for path in paths]
        shared = [names[0] for names in zip(*folders, strict=False) if len(set(names)) == 1]
        place = "/".join(shared) + "/" if shared else f"{len(paths)} files"
    with_place = title_line(f"{words} in {place}", TITLE_CHARACTERS)
    is_awkward = with_place.endswith("…") or " in " in words
    return words if is_awkward else with_place


def why(reflex: Reflex, found: Mapping[str, Sequence[Hit]]) -> str:
    """Return what is wrong and where, with the names it is about, for a person to judge."""
    places = [
        f"{path} line{'s' if len({hit.line for hit in hits}) > 1 else ''} "
        + _listed([str(line) for line in sorted({hit.line for hit in hits})], _SHOWN_LINES)
        for path, hits in found.items()
    ]
    every = dict.fromkeys(f"`{name_of(hit)}`" for hits in found.values() for hit in hits)
    reason = reflex.why.replace("{names}", _listed(list(every), _SHOWN_NAMES))
    shown = "; ".join(places[:_SHOWN_FILES])
    left = len(places) - _SHOWN_FILES
    more = f"; {left} more file{'s' if left > 1 else ''}" if left > 0 else ""
    return one_line(f"{reason} {shown}{more}.", 600)


def _listed(words: Sequence[str], limit: int) -> str:
    """Join words as people do: `a, b and c`, cut at `limit` with the number left out."""
    shown = list(words[:limit])
    if len(words) > limit:
        shown.append(f"{len(words) - limit} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
