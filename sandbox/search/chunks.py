"""Tries many edits in one fork, where code under test keeps nothing from one call to the next.

A fork costs more than most tests, so edits run one after the other with the function's code
exchanged and put back; what passes is run again by itself. Where the tree holds state, the code as
it was runs in between, to see whether it still fails as it did.
"""

from __future__ import annotations

import gc
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import _lru_cache_wrapper
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sandbox.search.answers import describe, encode
from sandbox.search.forks import Answer

CHUNK = 40
_STATELESS = (
    *(
        int,
        float,
        complex,
        str,
        bytes,
        bool,
        type(None),
        type(...),
        tuple,
        frozenset,
        range,
        property,
    ),
    *(FunctionType, type(len), ModuleType, re.Pattern, staticmethod, classmethod, CodeType),
)

Pairs = Sequence[tuple[FunctionType, CodeType]]


def keeps_nothing(root: str) -> bool:
    """Whether no module of the tree holds anything that a call could leave changed."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        is_ours = isinstance(file, str) and file.startswith(f"{root}/") and name != "__main__"
        if is_ours and not all(_is_stateless(one, root) for one in _own(vars(module))):
            return False
    return True


def _own(names: dict[str, Any]) -> Iterator[Any]:
    return (value for name, value in names.items() if not name.startswith("__"))


def _is_stateless(value: Any, root: str) -> bool:
    if isinstance(value, FunctionType):
        given = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        return not value.__dict__.get("cache") and all(
            isinstance(one, _STATELESS) for one in (*given, *cells)
        )
    if isinstance(value, _lru_cache_wrapper):
        return False
    if isinstance(value, type):
        if not getattr(sys.modules.get(value.__module__), "__file__", "").startswith(f"{root}/"):
            return True
        return all(
            isinstance(one, (*_STATELESS, type)) or type(one).__name__ == "member_descriptor"
            for one in _own(dict(vars(value)))
        )
    if isinstance(value, (list, dict, set)):
        return _is_table(value)
    return isinstance(value, _STATELESS) or type(value).__module__ in {
        "pytest",
        "_pytest.mark.structures",
        "__future__",
        "typing",
    }


def _is_table(value: list[Any] | dict[Any, Any] | set[Any]) -> bool:
    """Whether a collection at module level holds something: an empty one is there to be filled."""
    return len(value) > 1


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - it raises where it is empty
    except ValueError:
        return False
    return True


def chunk_work(
    call: Callable[[], Any], chunk: Sequence[Pairs], limit_s: float, usual: str | None = None
) -> Callable[[Answer], None]:
    """Return work that answers for each edit of `chunk` in turn: "" where it passes, or the error.

    With `usual`, the error without any edit, the code as it was runs after each edit: where it
    fails otherwise, an edit has left something behind, and what follows needs another fork. An edit
    that loops ends the fork: its answer is the first one missing.
    """

    def work(answer: Answer) -> None:
        gc.disable()
        for pairs in chunk:
            before = [(function, function.__code__) for function, _ in pairs]
            for function, code in pairs:
                function.__code__ = code
            error = outcome_of(call, limit_s)
            for function, code in before:
                function.__code__ = code
            is_clean = usual is None or outcome_of(call, limit_s) == usual
            answer(encode(error, is_clean))
            if not is_clean:
                return

    return work


def outcome_of(call: Callable[[], Any], limit_s: float) -> str:
    """Return the error that `call` ends with, "" where it ends well."""
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        call()
    except BaseException as raised:  # noqa: BLE001 - whatever the tree raises
        return describe(raised) or "?"
    return ""
