"""Notes which lines of the tree a test runs, and with what its functions are called."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

_MOST_CALLS = 4  # kept for each function
_LONGEST_VALUE = 200
_DEEPEST = 4
_PLAIN = (int, float, str, bytes, bool, type(None))
_MOST_FRAMES = 12

Trace = Callable[[FrameType, str, Any], Any]


class Tracer:
    """Traces the files below `root` that `is_wanted` accepts by their path in the tree."""

    def __init__(self, root: str, is_wanted: Callable[[str], bool]) -> None:
        self._root, self._is_wanted = f"{root}/", is_wanted
        self.lines: dict[str, set[int]] = {}
        self.calls: dict[str, list[list[str]]] = {}
        self._local: dict[str, Trace | None] = {}

    def start(self) -> None:
        """Trace this thread and those it starts."""
        threading.settrace(self._on_call)
        sys.settrace(self._on_call)

    def stop(self) -> None:
        """Trace no more."""
        sys.settrace(None)
        threading.settrace(None)

    def _on_call(self, frame: FrameType, event: str, _: Any) -> Trace | None:
        code = frame.f_code
        name = code.co_filename
        if name not in self._local:
            self._local[name] = self._made(name)
        local = self._local[name]
        if local is not None and event == "call":
            local(frame, "line", None)
            self._note(code, frame, name)
        return local

    def _made(self, name: str) -> Trace | None:
        path = name.removeprefix(self._root)
        if path == name or not path.endswith(".py") or not self._is_wanted(path):
            return None
        add = self.lines.setdefault(path, set()).add

        def local(frame: FrameType, event: str, _: Any) -> Trace:
            if event == "line":
                add(frame.f_lineno)
            return local

        return local

    def _note(self, code: CodeType, frame: FrameType, name: str) -> None:
        """Keep what a function was called with; of a method, what comes after `self`."""
        qualified = getattr(code, "co_qualname", code.co_name)
        names = code.co_varnames[: code.co_argcount]
        is_method = qualified.count(".") == 1 and names[:1] == ("self",)
        if "<" in qualified or not (names if is_method else names and "." not in qualified):
            return
        kept = self.calls.setdefault(f"{name.removeprefix(self._root)}::{qualified}", [])
        if len(kept) >= _MOST_CALLS:
            return
        values = [frame.f_locals.get(one) for one in names[is_method:]]
        if all(_is_plain(value, 0) for value in values):
            shown = [repr(value) for value in values]
            if shown not in kept and max(map(len, shown), default=0) <= _LONGEST_VALUE:
                kept.append(shown)


def _is_plain(value: Any, depth: int) -> bool:
    """Whether `repr` of a value can be read back; exact types, so that no code of the tree runs."""
    if type(value) in _PLAIN:
        return type(value) not in {str, bytes} or len(value) <= _LONGEST_VALUE
    if depth > _DEEPEST or type(value) not in {list, tuple, dict, set} or len(value) > 40:  # noqa: PLR2004 - what fits
        return False
    if type(value) is dict:
        return all(_is_plain(one, depth + 1) for pair in value.items() for one in pair)
    return all(_is_plain(one, depth + 1) for one in value) and not (
        type(value) is set and not value
    )


def frames_of(root: str, raised: BaseException | None) -> list[tuple[str, int]]:
    """Return path and line of the frames in the tree that `raised` came through, innermost last."""
    found = []
    trace = raised.__traceback__ if raised is not None else None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(f"{root}/"):
            found.append((name.removeprefix(f"{root}/"), trace.tb_lineno))
        trace = trace.tb_next
    return found[-_MOST_FRAMES:]


def stack_of(root: str, frame: FrameType | None) -> list[tuple[str, int]]:
    """Return path and line of the frames in the tree that are running, innermost last."""
    found = []
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(f"{root}/"):
            found.append((name.removeprefix(f"{root}/"), frame.f_lineno))
        frame = frame.f_back
    return found[::-1][-_MOST_FRAMES:]
