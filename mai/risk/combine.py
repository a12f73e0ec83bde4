"""Two capabilities that are harmless apart can make an attack together. These are HIGH."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from mai.proposal import Finding
from mai.risk.facts import Use
from mai.risk.gain import Gained
from mai.risk.moves import Version
from mai.risk.paths import finding

_NET = ("net.http", "net.socket")
_PRIVATE = ("env.secret", "env.read", "sensitive-path.")
_RUN = ("dynamic-code.run", "dynamic-code.load", "process.shell", "process.start")
_DECODE = ("mark.decode", "dynamic-code.decode")
_WRITE = ("fs-write.",)
_TRUSTED = ("mark.startup", "sensitive-path.")
_EVERYTHING = re.compile(
    r"^(?:/|~|/\*|~/\*?|/home/?|[A-Za-z]:[/\\]?\*?|\$HOME|/(?:etc|usr|var|boot|root)/?)$"
)

_MESSAGES = {
    "combination.leak": "It can now read private data ({0}) and send it away ({1}).",
    "combination.remote-code": "It can now run ({1}) what it received or decoded ({0}).",
    "combination.persistence": "It can now write ({1}) to what is run or trusted later ({0}).",
    "combination.wipe": "It can now delete everything below {0}.",
}


def combinations(gained: Sequence[Gained], versions: Sequence[Version]) -> Iterator[Finding]:
    """Yield what gained uses make together with each other and with what stands in their file."""
    gained = [gain for gain in gained if gain.how != "moved"]
    new = {(gain.path, gain.use) for gain in gained}
    for version in versions:
        if version.head is None:
            continue
        mine = [use for use in version.head.uses if (version.path, use) in new]
        if not mine:
            continue
        before = version.base.uses if version.base else ()
        for rule, first, second, are_near in _PAIRS:
            together = _pair(mine, mine, first, second, _beside if are_near is _beside else _nearby)
            if together:
                yield _finding(rule, version.path, *together)
                continue
            if _pair(before, before, first, second, are_near):
                continue  # the combination stood before
            pair = _pair(mine, version.head.uses, first, second, are_near) or _pair(
                version.head.uses, mine, first, second, are_near
            )
            if pair:
                yield _finding(rule, version.path, *pair)
        yield from _wipes(version.path, mine)
    yield from _across(gained)


def _across(gained: Sequence[Gained]) -> Iterator[Finding]:
    """Pair what one change adds to different files: splitting an attack does not hide it."""
    for rule, first, second, are_near in _PAIRS:
        if are_near is not _anywhere:
            continue
        ones = [gain for gain in gained if gain.use.rule.startswith(first) and gain.how != "again"]
        others = [
            gain for gain in gained if gain.use.rule.startswith(second) and gain.how != "again"
        ]
        for one in ones:
            other = next((each for each in others if each.path != one.path), None)
            if other is not None:
                yield _finding(rule, other.path, one.use, other.use)
                break


def _pair(
    ones: Iterable[Use],
    others: Iterable[Use],
    first: tuple[str, ...],
    second: tuple[str, ...],
    are_near: Callable[[Use, Use], bool],
) -> tuple[Use, Use] | None:
    right = [use for use in others if use.rule.startswith(second)]
    if not right:
        return None
    for one in ones:
        if one.rule.startswith(first):
            for other in right:
                if are_near(one, other):
                    return one, other
    return None


def _anywhere(one: Use, other: Use) -> bool:  # noqa: ARG001 - beside `_nearby`, which looks
    return True


def _nearby(one: Use, other: Use) -> bool:
    return one.function == other.function or not one.function or not other.function


def _beside(one: Use, other: Use) -> bool:
    """Whether `one` names a place, and not who a user is, near to `other`."""
    return bool(one.target) and _nearby(one, other)


_PAIRS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], Callable[[Use, Use], bool]], ...] = (
    ("combination.leak", _PRIVATE, _NET, _anywhere),
    ("combination.remote-code", _NET, _RUN, _anywhere),
    ("combination.remote-code", _DECODE, _RUN, _nearby),
    ("combination.persistence", _TRUSTED, _WRITE, _beside),
)


def _wipes(path: str, uses: Iterable[Use]) -> Iterator[Finding]:
    for use in uses:
        if use.rule == "fs-write.delete" and _EVERYTHING.match(use.target):
            yield _finding("combination.wipe", path, use, use)


def _finding(rule: str, path: str, one: Use, other: Use) -> Finding:
    names = [use.target if rule == "combination.wipe" else use.name for use in (one, other)]
    return finding(rule, path, _MESSAGES[rule].format(*names), other.line, other.column)
