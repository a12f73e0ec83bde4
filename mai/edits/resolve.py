"""From a symbol's dotted name to the module that holds it."""

from __future__ import annotations

from collections.abc import Callable

from mai.errors import EditError
from mai.text import one_line

_FOLDERS = ("", "src/", "lib/")


def module_path(symbol: str, exists: Callable[[str], bool]) -> str:
    """Return the path of the module that `package.module.Class.method` lies in.

    Raises:
        EditError: no module fits, or several do.
    """
    parts = symbol.split(".")
    for count in range(len(parts) - 1, 0, -1):
        module = "/".join(parts[:count])
        candidates = [
            f"{folder}{module}{ending}" for folder in _FOLDERS for ending in (".py", "/__init__.py")
        ]
        found = [path for path in candidates if exists(path)]
        if len(found) > 1:
            raise EditError(
                f"{one_line(symbol)} may be in {' or '.join(found)}; "
                "put the file's path on the line before the fence."
            )
        if found:
            return found[0]
    raise EditError(
        f"No module for {one_line(symbol)} was found; "
        "put the file's path on the line before the fence."
    )


def names_inside(path: str, symbol: str) -> list[list[str]]:
    """Return what `symbol` may be called inside the module at `path`, likeliest first.

    A symbol may be given with its package and module or without, so each tail that starts after
    an end of the module's own dotted name is one.
    """
    module = path.rsplit(".", 1)[0].removesuffix("/__init__").split("/")
    parts = symbol.split(".")
    counts = [
        count
        for count in range(min(len(module), len(parts) - 1), -1, -1)
        if count == 0 or module[-count:] == parts[:count]
    ]
    return [parts[count:] for count in counts]
