"""Finds what a change only calls by another name, and says the old version in the new names.

The judge then compares the change with that: what is left is what the change does besides. Only
findings about other data, other asserts and lost checks are taken back this way, never a
capability.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from mai.proposal import Finding, Level
from mai.protocols import Snapshot
from mai.risk import aliases, methods, sinks

Pair = tuple[bytes, bytes]

# What a rename or a move alone can look like.
_RULES = frozenset(
    {
        *("flow.changed", "test-tampering.weaker", "removed.check", "removed.safeguard"),
        "reflection.patch",
    }
)
_WORD = re.compile(rb"[A-Za-z_]\w*")
_DEFINES = re.compile(
    rb"^[ \t]*(?:(?:async[ \t]+)?(?:def|class)[ \t]+([A-Za-z_]\w*)"
    rb"|([A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=[^=]).*$",
    re.MULTILINE,
)
# A rename to one of these would be a rename to something that can act by itself.
_KNOWN = frozenset(
    {
        *dir(builtins),
        *keyword.kwlist,
        *keyword.softkwlist,
        *sinks.LAST_WORDS,
        *methods.METHODS,
        *(part for name in (*sinks.NAMES, *sinks.MODULES) for part in name.split(".")),
        *aliases.POWERFUL,
        *aliases.BUILTINS,
        *aliases.STRONG_RUNGS,
        *aliases.WEAK_RUNGS,
    }
)
_LEAST_LETTERS = 3
_MAXIMUM_NAMES = 40
_MAXIMUM_FILES = 4000
_MAXIMUM_BYTES = 24 * 2**20


def may_be_a_rename(found: Finding) -> bool:
    """Whether a finding is of the kind that a rename by itself gives."""
    return found.rule in _RULES and found.level is Level.MEDIUM


def renamed_words(pairs: Sequence[Pair], base: Snapshot) -> dict[bytes, bytes]:
    """Return the new name of each name that a change defines otherwise and uses as before.

    Args:
        pairs: both sides of every changed Python file.
        base: the tree before; a name that stood anywhere in it is no new name.
    """
    before, after = _counted(old for old, _ in pairs), _counted(new for _, new in pairs)
    gone = _definitions((old for old, _ in pairs), after)
    come = _definitions((new for _, new in pairs), before)
    if not gone or not come or len(gone) > _MAXIMUM_NAMES or len(come) > _MAXIMUM_NAMES:
        return {}
    found: dict[bytes, bytes] = {}
    for old, lines in gone.items():
        fits = [
            new
            for new, others in come.items()
            if before[old] == after[new] and _renamed(lines, {old: new}) == others
        ]
        if len(fits) == 1 and fits[0] not in found.values():
            found[old] = fits[0]
    return found if found and not _stands(found.values(), base) else {}


def _counted(sources: Iterable[bytes]) -> Counter[bytes]:
    return Counter(word for source in sources for word in _WORD.findall(source))


def _definitions(sources: Iterable[bytes], others: Mapping[bytes, int]) -> dict[bytes, list[bytes]]:
    """Return the lines that define each name which `others` lack."""
    found: dict[bytes, list[bytes]] = {}
    for source in sources:
        for match in _DEFINES.finditer(source):
            name = match[1] or match[2]
            if name not in others and len(name) >= _LEAST_LETTERS and _is_free(name):
                found.setdefault(name, []).append(match[0].strip())
    return found


def _is_free(name: bytes) -> bool:
    text = name.decode("utf-8", "replace")
    return text not in _KNOWN and not text.startswith("__")


def _renamed(lines: Iterable[bytes], names: Mapping[bytes, bytes]) -> list[bytes]:
    return [in_new_words(line, names) for line in lines]


def in_new_words(source: bytes, names: Mapping[bytes, bytes]) -> bytes:
    """Return `source` with every word that `names` maps replaced."""
    return _WORD.sub(lambda match: names.get(match[0], match[0]), source)


def _stands(names: Iterable[bytes], base: Snapshot) -> bool:
    """Whether one of `names` stands in some Python file of `base`, or nobody can say so."""
    words = b"|".join(re.escape(name) for name in names)
    pattern, size = re.compile(rb"\b(?:" + words + rb")\b"), 0
    files = [path for path in base.paths() if path.endswith(".py")]
    for path in files:
        data = base.read(path) or b""
        size += len(data)
        if pattern.search(data) or size > _MAXIMUM_BYTES:
            return True
    return len(files) > _MAXIMUM_FILES


def in_new_modules(source: bytes, renamed: Mapping[str, str], *, only_text: bool) -> bytes:
    """Return `source` with the new names of modules; `renamed` maps those to the old ones.

    `only_text` leaves code alone, whose imports are followed by themselves.
    """
    names = {
        old.encode(): new.encode()
        for new, old in renamed.items()
        if "." in old.strip(".") and not old.startswith(".")
    }
    if not names:
        return source
    start = rb"(?<=['\"])" if only_text else rb"(?<![\w.])"
    any_name = b"|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(start + rb"(?:" + any_name + rb")(?!\w)")
    return pattern.sub(lambda match: names[match[0]], source)


def without_renames(
    found: Sequence[Finding], judged_again: Callable[[], Iterable[Finding]]
) -> list[Finding]:
    """Return `found` with what a rename may look like judged again, by names that are the same."""
    sure = [each for each in found if not may_be_a_rename(each)]
    if len(sure) == len(found):
        return sure
    return [*sure, *(each for each in judged_again() if may_be_a_rename(each))]
