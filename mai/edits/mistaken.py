"""Blocks that pass for a whole file and are not one: its code inside JSON, or one part of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from mai.errors import EditError

_JSON_BEGINS = ("{", "[", '"')
_DEFINITION = re.compile(r"(?:async\s+def|def|class)\s+(\w+)")
#: What may stand at a line's beginning without being a statement of its own.
_NO_STATEMENT = re.compile(r"[\s@#)\]}]|$")


def refuse_mistaken(path: str, new: str, base: str | None) -> None:
    """Refuse a block that small models write where a whole file was asked for.

    Args:
        path: the file's.
        new: the block.
        base: the file as it was, None for a new one.

    Raises:
        EditError: it is the code as a string of JSON, or only some definitions of a file that
            holds others and more.
    """
    is_python = path.endswith(".py")
    if (is_python or base is not None) and _is_json_of_text(new) and not _is_json(base or ""):
        raise EditError(
            f"{path}: the block is JSON around the code; it must be the code as it stands."
        )
    if not is_python or base is None:
        return
    there, is_more = _definitions(base.split("\n"))
    given, has_more = _definitions(new.split("\n"))
    missing = [name for name in there if name not in given]
    if given and missing and is_more and not has_more and set(given) <= set(there):
        raise EditError(
            f"{path}: the block holds only {', '.join(given[:3])}, and the file also "
            f"{', '.join(missing[:3])}; it must be the whole file, or a block of that symbol."
        )


def _definitions(lines: Sequence[str]) -> tuple[list[str], bool]:
    """Return what is defined at the top of a file, and whether other statements are there."""
    names, has_more = [], False
    for line in lines:
        if match := _DEFINITION.match(line):
            names.append(match[1])
        elif not _NO_STATEMENT.match(line):
            has_more = True
    return names, has_more


def _is_json_of_text(text: str) -> bool:
    if "\\n" not in text or not text.lstrip().startswith(_JSON_BEGINS):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    values = value.values() if isinstance(value, dict) else (value,)
    return any(isinstance(one, str) and "\n" in one for one in values)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
