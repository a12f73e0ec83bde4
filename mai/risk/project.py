"""Says cheaply whether a project already uses a capability, so that a new one weighs more."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mai.protocols import Snapshot
from mai.risk import sinks
from mai.risk.rules import RULE

_MAXIMUM_FILES = 4000
_MAXIMUM_BYTES = 24 * 2**20


# Modules that some rule knows a name of, and that most programs import for other reasons.
_GENERAL = frozenset(
    {
        *("asyncio", "builtins", "cgi", "codecs", "doctest", "gc", "inspect", "logging", "os"),
        *("platform", "resource", "signal", "site", "sys", "threading", "timeit", "trace", "types"),
        *("docker", "jinja2", "numpy", "pandas", "pip", "setuptools", "torch", "pydoc", "pdb"),
        *("typing", "dataclasses", "time", "pathlib", "posixpath", "multiprocessing", "xml"),
        *("tkinter", "click", "sympy", "flask", "quart", "django", "tensorflow", "transformers"),
        *("twisted", "tornado", "openpyxl", "gettext", "webbrowser", "argparse", "mlflow"),
    }
)


def _pattern(capability: str) -> re.Pattern[bytes]:
    """Return what the source of a file that uses `capability` most likely contains."""
    names = [name for name, rule in sinks.NAMES.items() if _capability(rule) == capability]
    modules = {name.rpartition(".")[0].removesuffix("()") for name in names}
    modules |= {name for name, rule in sinks.MODULES.items() if _capability(rule) == capability}
    telling = _any_of(module for module in modules if module.partition(".")[0] not in _GENERAL)
    calls = _any_of(
        name.removeprefix("builtins.") for name in names if name.startswith(("os.", "builtins."))
    )
    return re.compile(
        rf"^[ \t]*import[ \t][^\n#]*\b{telling}\b|^[ \t]*from[ \t]+{telling}\b"
        rf"|(?<![\w.]){calls}\(".encode(),
        re.MULTILINE,
    )


def _capability(rule: str) -> str | None:
    return RULE[rule].capability if rule in RULE else None


def _any_of(words: Iterable[str]) -> str:
    # A pattern that matches nothing where there is no word at all.
    return f"(?:{'|'.join(re.escape(word) for word in sorted(words)) or '(?!)'})"


def packages_of(paths: Iterable[str]) -> frozenset[str]:
    """Return the packages that a tree consists of, as they are imported."""
    found = set()
    for path in paths:
        parts = path.split("/")
        folders = parts[1:-1] if parts[0] in {"src", "lib"} else parts[:-1]
        if parts[-1] == "__init__.py" and len(folders) == 1:
            found.add(folders[0])
    return frozenset(found)


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
