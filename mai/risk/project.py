"""Says cheaply whether a project already uses a capability, so that a new one weighs more."""

from __future__ import annotations

import re

from mai.protocols import Snapshot
from mai.risk import sinks
from mai.risk.rules import RULE

_MAXIMUM_FILES = 4000
_MAXIMUM_BYTES = 24 * 2**20


def _pattern(capability: str) -> re.Pattern[bytes]:
    modules = {
        name.partition(".")[0]
        if name.startswith(("os.", "builtins."))
        else name.rpartition(".")[0].removesuffix("()")
        for name, rule in sinks.NAMES.items()
        if rule in RULE and RULE[rule].capability == capability
    }
    modules |= {name for name, rule in sinks.MODULES.items() if RULE[rule].capability == capability}
    direct = {
        name
        for name, rule in sinks.NAMES.items()
        if rule in RULE
        and RULE[rule].capability == capability
        and name.startswith(("os.", "builtins."))
    }
    calls = "|".join(re.escape(name.removeprefix("builtins.")) for name in sorted(direct))
    names = "|".join(
        re.escape(name)
        for name in sorted(modules - {"os", "builtins", "sys", "asyncio", "logging.handlers"})
    )
    parts = [
        rf"^[ \t]*(?:import|from)[ \t]+(?:{names})\b" if names else "",
        rf"(?<![\w.])(?:{calls})\(" if calls else "",
    ]
    return re.compile("|".join(part for part in parts if part).encode(), re.MULTILINE)


class Project:
    """The base tree, looked at once per capability and only as far as needed."""

    def __init__(self, base: Snapshot) -> None:
        self._base = base
        self._known: dict[str, bool] = {}

    def has(self, capability: str) -> bool:
        """Whether some Python file of the base uses `capability`.

        Bounded: a project too large to look through counts as having none, which only weighs more.
        """
        if capability not in self._known:
            self._known[capability] = self._look(capability)
        return self._known[capability]

    def _look(self, capability: str) -> bool:
        pattern, size = _pattern(capability), 0
        files = [path for path in self._base.paths() if path.endswith(".py")]
        for path in files[:_MAXIMUM_FILES]:
            data = self._base.read(path) or b""
            size += len(data)
            if pattern.search(data):
                return True
            if size > _MAXIMUM_BYTES:
                break
        return False
