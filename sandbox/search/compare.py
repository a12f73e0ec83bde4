"""Calls one function with many inputs under each of several edits, and reports what comes back."""

from __future__ import annotations

import ast
import itertools
import re
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType, GeneratorType
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.search.answers import decode, encode
from sandbox.search.forks import Answer, run_forked
from sandbox.search.swap import NeedsImport, Swapper

if TYPE_CHECKING:
    from sandbox.search.plugin import Searcher

_CALL_S = 0.05
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_MOST_ITEMS = 20
_LONGEST = 120


class _Late(BaseException):
    pass


def compare(search: Searcher, _: Sequence[pytest.Item]) -> None:
    """Report for each edit what `function` of the file `path` answers to each of the inputs."""
    spec = search.spec
    swapper = Swapper(search.root)
    for number, (path, edits) in enumerate(spec["edits"]):
        try:
            pairs = swapper.exchange(path, [(start, end, text) for start, end, text in edits])
        except (NeedsImport, SyntaxError, ValueError):
            continue

        def work(answer: Answer, pairs: Any = pairs) -> None:
            for function, code in pairs:
                function.__code__ = code
            called = _find(search.root, spec["path"], spec["function"])
            answer(encode([_called(called, text) for text in spec["inputs"]]))

        ended = run_forked(work, _CALL_S * len(spec["inputs"]) + 1.0)
        if answer := decode(ended.data):
            search.send("compared", number, answer[0])


def _find(root: str, path: str, name: str) -> Callable[..., Any]:
    """Return the function `name`; a method takes its object's arguments and its own, as tuples."""
    owner, _, last = name.rpartition(".")
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == f"{root}/{path}":
            if not owner:
                return getattr(module, last)  # type: ignore[no-any-return]
            cls = getattr(module, owner)
            return lambda given, arguments: getattr(cls(*given), last)(*arguments)
    raise LookupError(name)


def _called(function: Callable[..., Any], text: str) -> str:
    """Return what the function gives back for arguments that are written as a tuple."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise _Late

    signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, _CALL_S)
    try:
        value = function(*ast.literal_eval(text))
        if isinstance(value, GeneratorType):
            value = list(itertools.islice(value, _MOST_ITEMS))
        shown = _ADDRESS.sub("", repr(value))
    except _Late:
        return "takes too long"
    except BaseException as error:  # noqa: BLE001 - whatever the tree raises is the answer
        return f"raises {type(error).__name__}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
