"""Head minus base: what a change can do that the code before it could not.

A use that stood before, or that moved with its whole function, is no gain. What is left is weighed:
new to the project is more than new to the file, and that is more than once more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mai.proposal import Finding, Level
from mai.risk.facts import Facts, Use
from mai.risk.moves import Version, brought_along, is_import
from mai.risk.paths import MAXIMUM_MESSAGE
from mai.risk.rules import RULE
from mai.risk.sinks import FROM_ELSEWHERE
from mai.text import one_line

# One more of these in a file that has them is everyday work.
_EVERYDAY_AGAIN = (
    "fs-write.",
    "env.read",
    "env.plain",
    "env.write",
    "reflection.",
    "dynamic-code.lookup",
    "sensitive-path.system",
    "process.signal",
)
_EVERYDAY_IN_TESTS = (
    "fs-write.",
    "env.read",
    "env.write",
    "sensitive-path.",
    "reflection.inside",
    "reflection.module",
    "dynamic-code.lookup",
    "reflection.reduce",
)
# One more of these in a test that has them, as long as it names nobody else's machine.
_EVERYDAY_AGAIN_IN_TESTS = ("net.", "deserialise.pickle")
_NOWHERE = re.compile(
    r"\w+://(?:[^/@]*\.)?(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0|example(?:\.\w+)?|"
    r"test|invalid)(?:[:/?#]|$)"
)
# New to the whole project, these open a door that was closed.
_DOORS = (
    "net.",
    "process.start",
    "process.shell",
    "dynamic-code.run",
    "dynamic-code.load",
    "native.",
    "deserialise.",
)
_SINKS_WITH_DATA = (
    "process.",
    "dynamic-code.run",
    "dynamic-code.import",
    "dynamic-code.load",
    "net.",
    "native.",
    "deserialise.",
)


@dataclass(frozen=True, slots=True)
class Gained:
    """A use that is new, and how new it is.

    `how` is `project`, `file`, `again`, `flow`, `import`, `whole`, or `moved` for one that stood in
    another file and was given other data there.
    """

    path: str
    use: Use
    how: str


def gains(
    versions: Sequence[Version],
    has_capability: Callable[[str], bool] | None,
    own_packages: frozenset[str] = frozenset(),
) -> list[Gained]:
    """Return every use that the head has and the base had not.

    Args:
        versions: every Python file of the change.
        has_capability: says whether the base project uses a capability anywhere; None where each
            file is judged as wholly new.
        own_packages: what the base project consists of; importing that hands it nothing.
    """
    moved = _moved(versions)
    found: list[Gained] = []
    for version in versions:
        if version.head is not None:
            brought = brought_along(version, versions)
            found.extend(
                gain
                for gain in _gains_of(version, version.head, moved, has_capability)
                if not (is_import(gain.use) and (gain.use.rule, gain.use.name) in brought)
                and not (gain.use.name in FROM_ELSEWHERE and gain.use.name in own_packages)
            )
    return found


Moved = dict[tuple[str, str, str], list[str]]


def _moved(versions: Sequence[Version]) -> Moved:
    """Return the data of uses that the change takes away somewhere: they may stand elsewhere.

    A use is matched by its function's body and by what its name resolved to there, because the
    same body can mean something else beside other imports; what it is given may then differ.
    """
    gone: Moved = {}
    for version in versions:
        if version.base is None:
            continue
        after = Counter(version.head.bodies.values()) if version.head else Counter[str]()
        head_uses = version.head.uses if version.head else ()
        left = Counter(_key(use, at_import=use.at_import) for use in head_uses)
        for use in version.base.uses:
            body, key = _body(version.base, use), _key(use, at_import=use.at_import)
            left[key] -= 1
            if body and not after[body]:
                gone.setdefault((body, use.rule, use.name), []).append(use.flow)
            elif version.head is None or (left[key] < 0 and not body and not is_import(use)):
                origin = (f"{use.target}\0{use.flow}", use.rule, use.name)
                gone.setdefault(origin, []).append(use.flow)
    return gone


def _body(facts: Facts, use: Use) -> str:
    """Return the fingerprint of the outermost function that `use` is in, empty where none is."""
    name = use.function
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        body = facts.bodies.get(".".join(parts[:end]))
        if body:
            return body
    return ""


def _gains_of(
    version: Version,
    head: Facts,
    moved: Moved,
    has_capability: Callable[[str], bool] | None,
) -> Iterator[Gained]:
    base_uses = version.base.uses if version.base else ()
    exact = Counter(_key(use, at_import=use.at_import) for use in base_uses)
    left: list[Use] = []
    for use in head.uses:
        key = _key(use, at_import=use.at_import)
        # What ran at import before and now runs later has lost something, not gained.
        earlier = _key(use, at_import=True)
        if exact[key] > 0:
            exact[key] -= 1
        elif not use.at_import and exact[earlier] > 0:
            exact[earlier] -= 1
        else:
            left.append(use)
    by_name = Counter(
        (rule, name, at) for (rule, name, _, _, at), count in exact.items() for _ in range(count)
    )
    rules_before = {use.rule for use in base_uses}
    for use in left:
        # Outside functions, only what a whole file took along as it was has moved.
        body = _body(head, use) or f"{use.target}\0{use.flow}"
        flows = moved.get((body, use.rule, use.name))
        if flows:
            is_same = use.flow in flows
            flows.remove(use.flow if is_same else flows[0])
            if not is_same and _takes_data(use):
                yield Gained(version.path, use, "moved")
            continue
        yield Gained(version.path, use, _how(use, by_name, rules_before, has_capability))


def _key(use: Use, *, at_import: bool) -> tuple[str, str, str, str, bool]:
    return use.rule, use.name, use.target, use.flow, at_import


def _how(
    use: Use,
    by_name: Counter[tuple[str, str, bool]],
    rules_before: set[str],
    has_capability: Callable[[str], bool] | None,
) -> str:
    if has_capability is None:
        return "whole"
    for at_import in (use.at_import, True, False):
        key = (use.rule, use.name, at_import)
        if by_name[key] > 0:
            by_name[key] -= 1
            return "import" if use.at_import and not at_import else "flow"
    if use.rule in rules_before:
        return "again"
    rule = RULE.get(use.rule)
    if rule and use.rule.startswith(_DOORS) and not has_capability(rule.capability):
        return "project"
    return "file"


def finding_of(gained: Gained, *, is_test: bool) -> Finding | None:
    """Return the finding for one gain, None for what only counts in combinations."""
    use = gained.use
    if use.rule.startswith("mark."):
        return None
    rule = RULE[use.rule]
    identity, level = _weigh(use, gained.how)
    why = _WHY[gained.how]
    if level is Level.MEDIUM and is_test and _is_everyday_there(gained):
        level, why = Level.LOW, "tests do this in folders of their own"
    where = f" in {use.function}" if use.function else (" on import" if use.at_import else "")
    target = f" with {use.target[:60]!r}" if use.target and use.target not in use.name else ""
    message = f"It can now {rule.summary} ({use.name}{target}{where})"
    if identity in {"flow.changed", "flow.write"}:
        message = f"It could {rule.summary} before ({use.name}{target}{where}), and now"
        return _finding(gained, identity, level, f"{message} with other data than before.")
    return _finding(gained, identity, level, f"{message}: {why}." if why else f"{message}.")


def _finding(gained: Gained, rule: str, level: Level, message: str) -> Finding:
    use = gained.use
    capability = RULE[use.rule].capability
    shown = one_line(message, MAXIMUM_MESSAGE)
    return Finding(rule, capability, level, gained.path, use.line, use.column, shown)


_WHY = {
    "whole": "",
    "flow": "the data that reaches it is not what it was",
    "moved": "the data that reaches it is not what it was",
    "import": "importing the file is now enough, where it took a call before",
    "again": "this file could do so before, and does it once more",
    "file": "nothing in this file could do that before",
    "project": "nothing in the project could do that before",
}


def _takes_data(use: Use) -> bool:
    """Whether what a use is given decides how much harm it can do."""
    return use.rule.startswith(_SINKS_WITH_DATA) and use.rule != "process.signal"


def _weigh(use: Use, how: str) -> tuple[str, Level]:
    """Return the rule and the level for a use that is new in the way `how` says."""
    level = RULE[use.rule].level
    if how == "moved":
        return "flow.changed", Level.MEDIUM
    if how == "project":
        return use.rule, max(level, Level.HIGH, key=lambda each: each.rank)
    if level >= Level.HIGH or how in {"whole", "file", "import"}:
        return use.rule, level
    if how == "flow" and _takes_data(use):
        return "flow.changed", Level.MEDIUM
    if how == "flow" and use.rule.startswith("fs-write."):
        return "flow.write", Level.LOW
    return use.rule, Level.LOW if use.rule.startswith(_EVERYDAY_AGAIN) else level


def _is_everyday_there(gained: Gained) -> bool:
    """Whether tests do this every day; a test that is on the network already, to itself only."""
    use = gained.use
    if use.rule.startswith(_EVERYDAY_IN_TESTS):
        return True
    return (
        gained.how in {"again", "flow", "moved"}
        and use.rule.startswith(_EVERYDAY_AGAIN_IN_TESTS)
        and ("://" not in use.target or _NOWHERE.match(use.target) is not None)
    )
