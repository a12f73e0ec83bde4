"""What modules were called before a change that renames them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # The parser's process starts for every change and has no use for the ground floor.
    from mai.proposal import FileChange

_ROOTS = ("src.", "lib.")


def renames_of(files: Iterable[FileChange]) -> dict[str, str]:
    """Return what modules were called before a change, by what they are called after it.

    As other files import them: absolute, with a leading dot as a relative import is resolved, and
    both without the folder that sources lie in.
    """
    found: dict[str, str] = {}
    for file in files:
        if file.status != "renamed" or not file.old_path or not file.path.endswith(".py"):
            continue
        new, old = _dotted(file.path), _dotted(file.old_path)
        for root in ("", *(root for root in _ROOTS if new.startswith(root))):
            if old.startswith(root):
                found[new.removeprefix(root)] = old.removeprefix(root)
                found[f".{new.removeprefix(root)}"] = f".{old.removeprefix(root)}"
    return found


def before(name: str, renamed: Mapping[str, str]) -> str:
    """Return a dotted name as it was before the modules of `renamed` were renamed."""
    end = len(name) if renamed else 0
    while end > 0:
        old = renamed.get(name[:end])
        if old is not None:
            return old + name[end:]
        end = name.rfind(".", 0, end)
    return name


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
