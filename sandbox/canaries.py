"""Tests that cannot pass, with names nobody can know beforehand, put among those of the repo.

Whatever makes tests pass wholesale (a hook that swallows failures, an `assertEqual` that compares
nothing, a rewriter that drops asserts) makes these pass too, and then no outcome of the run is
believed. So does what picks out a test by its name: some of them are twins that bear the names of
the repo's own tests, and differ in their ids alone. They are never listed, printed or counted. The
supervisor makes up their ids and judges them; code that knows what it looks for can tell them from
others, as it could forge a report.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from typing import Any

import pytest
from _pytest.assertion.rewrite import rewrite_asserts
from _pytest.runner import runtestprotocol

#: Each fails by another of the ways by which tests fail.
_BODIES = (
    "assert len({name!r}) == 0",
    "raise LookupError({name!r})",
    "import unittest; unittest.TestCase().assertEqual({name!r}, 0)",
    "import pytest; pytest.fail({name!r})",
    "import pytest\n with pytest.raises(LookupError): len({name!r})",
)


class Canaries:
    """Plants tests that fail, and runs them without a word."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._planted: set[pytest.Item] = set()

    def plant(self, items: list[pytest.Item]) -> list[str]:
        """Put one of each kind behind the tests of some module, then twins; return their node ids.

        Behind, because a module's fixtures must not be torn down in the middle of it. Without any
        test function there is nowhere to put one.
        """
        functions = [item for item in items if isinstance(item, pytest.Function)]
        if not functions:
            return []
        # Not the global one, whose state tests may have come to rely on.
        chance = random.Random()  # noqa: S311 - where it stands is no secret
        places = self._names[len(_BODIES) :]
        twins = chance.sample(functions, min(len(places), len(functions)))
        canaries = [
            _canary(chance.choice(functions), name, body)
            for name, body in zip(self._names, _BODIES, strict=False)
        ]
        canaries += [
            _canary(twin, name, _BODIES[0], twin=twin)  # by an assert, as most of theirs would
            for name, twin in zip(places, twins, strict=False)
        ]
        self._planted.update(canaries)
        last = {item.getparent(pytest.Module): place for place, item in enumerate(items)}
        due = sorted((last[one.getparent(pytest.Module)], n) for n, one in enumerate(canaries))
        for place, n in reversed(due):
            items.insert(place + 1, canaries[n])
        return [canary.nodeid for canary in canaries]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a canary like any test, but report it to nobody who prints or counts."""
        if item not in self._planted:
            return None
        runtestprotocol(item, log=False, nextitem=nextitem)
        return True


def _canary(
    beside: pytest.Function, name: str, body: str, twin: pytest.Function | None = None
) -> pytest.Item:
    """Return one for the module of another test, by the name of `twin` where it is to be one."""
    module = beside.getparent(pytest.Module)
    path = str(beside.path)
    parent: Any = module
    function = _function(name, body, path)
    shown = name
    if twin is not None:
        called, shown = twin.originalname, twin.name
        function = _function(called if called.isidentifier() else name, body, path)
        # A class of its own tells its id from that of the test whose name it bears.
        place = type(name, (), {shown: staticmethod(function)})
        parent = pytest.Class.from_parent(module, name=name)
        parent.obj = place
    canary: pytest.Item = pytest.Function.from_parent(
        parent, name=shown, callobj=function, originalname=function.__name__
    )
    # Nobody will read it, and putting it together takes longer than the failing.
    canary.repr_failure = lambda *_, **__: "expected"  # type: ignore[method-assign]
    return canary


def _function(name: str, body: str, path: str) -> Callable[[], None]:
    """Return a test function as pytest would have made it from a file at `path`."""
    source = f"def {name}():\n {body.format(name=name)}\n"
    tree = ast.parse(source)
    rewrite_asserts(tree, source.encode(), path)
    scope: dict[str, Any] = {}
    exec(compile(tree, path, "exec"), scope)  # noqa: S102 - source of our own, a few lines above
    function: Callable[[], None] = scope[name]
    return function
