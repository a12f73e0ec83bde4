"""Follows new calls into the project's own helpers: `util.run(x)` starts what `util.run` starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from mai.proposal import Finding
from mai.protocols import Snapshot
from mai.risk.facts import Facts, Use
from mai.risk.moves import Version
from mai.risk.paths import finding
from mai.risk.renames import before
from mai.risk.rules import RULE

_ROOTS = ("", "src/", "lib/")
_DANGEROUS = ("process.sh", "process.start", "dynamic-code.run", "native.", "deserialise.")
_MAXIMUM_MODULES = 24

Facts_of = Callable[[str, bytes], Facts | None]


def judge_reach(
    versions: Sequence[Version],
    head: Snapshot,
    facts_of: Facts_of,
    renamed: Mapping[str, str],
) -> Iterator[Finding]:
    """Yield new calls that hand data to something dangerous inside the project.

    Args:
        versions: every Python file of the change.
        head: the tree after it, where untouched helpers are looked up.
        facts_of: parses one of those.
        renamed: what modules were called before, by what they are called now.
    """
    new = [(version, call) for version in versions for call in _new_calls(version, renamed)]
    if not new:
        return
    known = {version.path: version.head for version in versions}
    modules = _Modules(head, known, facts_of)
    for version, call in new:
        use = modules.sink_behind(call.name)
        if use is not None:
            rule = RULE[use.rule]
            yield finding(
                "flow.changed",
                version.path,
                f"It can now {rule.summary} with data of its own: {call.name.lstrip('.')} hands "
                f"it to {use.name}.",
                call.line,
                call.column,
            )


def _new_calls(version: Version, renamed: Mapping[str, str]) -> Iterator[Use]:
    base = version.base.calls if version.base else ()
    known_calls = Counter((call.name, call.flow, call.at_import) for call in base)
    for call in version.head.calls if version.head else ():
        # What ran at import before covers what now runs later, not the other way round.
        name = before(call.name, renamed)
        keys = ((name, call.flow, at_import) for at_import in (call.at_import, True))
        known = next((key for key in keys if known_calls[key] > 0), None)
        if known is None:
            yield call
        else:
            known_calls[known] -= 1


def _is_of(facts: Facts, inner: str, called: str) -> bool:
    """Whether calling `called`, a function or a class, runs the function `inner`."""
    if called in facts.bodies:
        return inner == called or inner.startswith(f"{called}.")
    return inner in {f"{called}.__init__", f"{called}.__new__", f"{called}.__call__"}


class _Modules:
    """Finds the function that a dotted name means, and what it does with its parameters."""

    def __init__(self, head: Snapshot, known: dict[str, Facts | None], facts_of: Facts_of) -> None:
        self._head = head
        self._facts = known
        self._facts_of = facts_of
        self._paths = frozenset(head.paths())
        self._parsed = 0

    def sink_behind(self, name: str) -> Use | None:
        """Return the use that a parameter of the project's function `name` reaches, if one does."""
        parts = name.lstrip(".").split(".")
        for end in range(len(parts) - 1, 0, -1):
            path = self._path_of(parts[:end])
            if path is not None:
                function = ".".join(parts[end:])
                facts = self._facts_at(path)
                return (
                    None
                    if facts is None
                    else next(
                        (
                            use
                            for use in facts.uses
                            if use.is_fed
                            and use.rule.startswith(_DANGEROUS)
                            and _is_of(facts, use.function, function)
                        ),
                        None,
                    )
                )
        return None

    def _path_of(self, parts: list[str]) -> str | None:
        joined = "/".join(parts)
        for root in _ROOTS:
            for path in (f"{root}{joined}.py", f"{root}{joined}/__init__.py"):
                if path in self._paths:
                    return path
        return None

    def _facts_at(self, path: str) -> Facts | None:
        if path not in self._facts and self._parsed < _MAXIMUM_MODULES:
            self._parsed += 1
            self._facts[path] = self._facts_of(path, self._head.read(path) or b"")
        return self._facts.get(path)
