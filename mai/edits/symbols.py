"""Edits of one function, method or class by name: asked of the worker, which has libcst."""

from __future__ import annotations

from collections.abc import Sequence

from mai.edits.child import worker
from mai.edits.nouns import SymbolEdit
from mai.edits.resolve import names_inside
from mai.errors import EditError
from mai.text import one_line


def with_symbols(path: str, data: bytes, edits: Sequence[SymbolEdit], timeout_s: float) -> bytes:
    """Return the module `data` at `path` with every edit made, all against `data` as it is.

    Raises:
        EditError: a symbol is not there, or there several times, or what should replace it is not
            one definition of the same name; or the module cannot be parsed.
    """
    shown = one_line(path)
    if not path.endswith((".py", ".pyi")):
        raise EditError(f"{shown} is not a Python module, so it has no symbols to edit.")
    asked = [
        {
            "names": names_inside(path, edit.symbol),
            "source": edit.source,
            "action": edit.action,
        }
        for edit in edits
    ]
    with worker(timeout_s) as child:
        answer = child.ask({"op": "symbols", "edits": asked}, data)
    if answer.fate:
        raise EditError(f"{shown} could not be parsed to edit a symbol in it ({answer.fate}).")
    error = answer.header.get("error")
    if error:
        raise EditError(f"{shown}: {one_line(str(error), 500)}")
    return answer.body
