"""Calls a plain test function without pytest around it: enough to see that an edit fails it."""

from __future__ import annotations

import copy
import inspect
import sys
import unittest
from collections.abc import Callable
from typing import Any

import pytest
from _pytest.unittest import TestCaseFunction

_HARMLESS = frozenset({"parametrize", "filterwarnings", "usefixtures"})
_PLAIN = (int, float, str, bytes, bool, type(None), list, tuple, dict, set, frozenset)


def quick_call(item: pytest.Item) -> Callable[[], Any] | None:
    """Return a function that does what `item` does, None where it needs pytest.

    That holds for functions without fixtures, whose parameters are plain values; they get copies.
    """
    if type(item) is TestCaseFunction:
        return _case_call(item)
    if type(item) is not pytest.Function or inspect.iscoroutinefunction(item.obj):
        return None
    if any(mark.name not in _HARMLESS for mark in item.iter_markers()):
        return None
    params = dict(getattr(getattr(item, "callspec", None), "params", {}))
    if set(item.fixturenames) - set(params) or not all(_is_plain(one) for one in params.values()):
        return None
    function = item.obj

    def call() -> Any:
        return function(**copy.deepcopy(params))

    return call


def _case_call(item: TestCaseFunction) -> Callable[[], Any] | None:
    """Return a function that runs one method of a `unittest.TestCase` and lets its error out."""
    cls: Any = getattr(item.parent, "obj", None)
    name = item.originalname or item.name
    if not isinstance(cls, type) or not issubclass(cls, unittest.TestCase):
        return None
    is_async = issubclass(cls, unittest.IsolatedAsyncioTestCase)
    is_set_up = cls.setUpClass.__func__ is not unittest.TestCase.setUpClass.__func__  # type: ignore[attr-defined]
    if is_async or is_set_up or hasattr(sys.modules.get(cls.__module__), "setUpModule"):
        return None
    if any(not fixture.startswith("_unittest") for fixture in item.fixturenames):
        return None
    return lambda: cls(name).debug()


def _is_plain(value: Any) -> bool:
    if type(value) not in _PLAIN:
        return False
    if type(value) is dict:
        return all(_is_plain(one) for pair in value.items() for one in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(_is_plain(one) for one in value)
    return True
