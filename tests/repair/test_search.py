"""The search in a real container: what it mends, and what it does with edits that misbehave."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mai.events import Cancel
from mai.jobs import Limits
from mai.repair.candidate import Candidate
from mai.repair.mend import Mender
from mai.repair.runner import Runner
from mai.repair.search import Budget
from mai.sandbox.trial import DockerSandbox
from mai.suite import Files
from tests.sandboxes import Tree, files_of, limits, sandbox

__all__ = ["limits", "sandbox"]

pytestmark = pytest.mark.docker

Make = Callable[[Tree], Runner]

TREE = {
    "shop.py": (
        "RATE = 3\n\n\nclass Cart:\n    limit = 2\n\n    def __init__(self):\n        self.items = []\n\n"
        "    def add(self, item, times=0):\n        for _ in range(times):\n"
        "            self.items.append(item)\n        return self\n\n\n"
        "def total(cart):\n    return sum(cart.items) * RATE\n"
    ),
    "test_shop.py": (
        "from shop import Cart, total\n\n\ndef test_one():\n    assert total(Cart().add(2)) == 6\n\n\n"
        "def test_none():\n    assert total(Cart()) == 0\n\n\ndef test_limit():\n    assert Cart.limit == 2\n"
    ),
}


@pytest.fixture
def make(sandbox: DockerSandbox, limits: Limits) -> Make:
    def made(tree: Tree) -> Runner:
        return Runner(sandbox, lambda: files_of(tree), limits, Cancel())

    return made


def _edit(tree: Tree, path: str, old: str, new: str) -> Candidate:
    start = tree[path].index(old)
    return Candidate(path, ((start, start + len(old), new),), "test", 1.0, new, 1, 1.0)


def test_edits_of_functions_classes_and_modules_are_all_tried(make: Make) -> None:
    runner = make(TREE)
    measured = runner.measure(["test_shop.py"])
    found = [
        _edit(TREE, "shop.py", "times=0", "times=1"),  # made when the class was: a fresh import
        _edit(TREE, "shop.py", "range(times)", "range(times + 1)"),
        _edit(TREE, "shop.py", "range(times)", "range(1 + times)"),
        _edit(TREE, "shop.py", "range(times)", "range((times + 1))"),
        _edit(TREE, "shop.py", "return self\n", "while 1: pass\n"),
        _edit(TREE, "shop.py", "return self\n", "import os; os._exit(0)\n"),
        _edit(TREE, "shop.py", "limit = 2", "limit = = 2"),
        _edit(TREE, "shop.py", "return self\n", "open('shop.py', 'w').close()\n"),
        _edit(TREE, "shop.py", "RATE = 3", "RATE = 4"),
    ]

    tried = runner.attempt(found, measured, ["test_shop.py"], 30, 99)

    assert measured.failing == ("test_shop.py::test_one",)
    assert [one.status for one in tried] == [
        *("passes", "passes", "same", "timeout", "crash", "syntax", "fails", "passes", "fails"),
    ]
    assert [one.candidate.what for one in tried[-2:]] == ["times=1", "RATE = 4"]


def test_a_test_that_loops_is_mended(make: Make) -> None:
    tree = {
        "down.py": "def down(n):\n    while n > 0:\n        n += 1\n    return n\n",
        "tests/test_down.py": "import down\n\n\ndef test_down():\n    assert down.down(37) == 0\n\n\n"
        "def test_none():\n    assert down.down(0) == 0\n",
    }
    said: list[str] = []
    snapshot = Files({path: text.encode() for path, text in tree.items()})
    mender = Mender(snapshot, make(tree), said.append, budget=Budget(40))

    draft = mender.mend_task("tests/test_down.py fails")[0]

    assert draft.paths == ("down.py",)
    assert "37" not in draft.edits
    assert "test_down fails" in draft.why
    assert said


def test_tests_that_fail_only_after_others_are_mended(make: Make) -> None:
    tree = {
        "mod.py": "def collect(item, into=[]):\n    into.append(item)\n    return into\n",
        "test_mod.py": "from mod import collect\n\n\ndef test_one():\n    assert collect(1) == [1]\n\n\n"
        "def test_two():\n    assert collect(2) == [2]\n",
    }
    snapshot = Files({path: text.encode() for path, text in tree.items()})

    draft = Mender(snapshot, make(tree), budget=Budget(30)).mend_task("test_mod.py fails")[0]

    assert "+def collect(item, into=None):" in draft.edits
    assert "+    if into is None:" in draft.edits


def test_edits_that_pass_are_told_apart_by_inputs(make: Make) -> None:
    tree = {
        "least.py": "def least(numbers):\n    return max(numbers)\n",
        "test_least.py": "from least import least\n\n\ndef test_least():\n    assert least([1, 2, 3]) == 1\n",
    }
    snapshot = Files({path: text.encode() for path, text in tree.items()})

    draft = Mender(snapshot, make(tree), budget=Budget(30)).mend_task("test_least fails")[0]

    assert "+    return min(numbers)" in draft.edits
    assert "They differ" in draft.why
    assert "for least([1" in draft.why


def test_edits_of_a_method_are_told_apart_by_its_object(make: Make) -> None:
    tree = {
        "box.py": "class Box:\n    def __init__(self, size):\n        self.size = size\n\n"
        "    def holds(self, item):\n        return item < self.size\n",
        "test_box.py": "from box import Box\n\n\ndef test_box():\n    assert Box(3).holds(3)\n",
    }
    snapshot = Files({path: text.encode() for path, text in tree.items()})

    draft = Mender(snapshot, make(tree), budget=Budget(30)).mend_task("test_box fails")[0]

    assert "+        return item <= self.size" in draft.edits
    assert "for Box(" in draft.why


def test_bugs_of_their_own_are_mended_one_at_a_time(make: Make) -> None:
    tree = {
        "mod.py": "def low(a):\n    return max(a)\n\n\ndef high(a):\n    return min(a)\n",
        "test_mod.py": "from mod import high, low\n\n\ndef test_low():\n    assert low([3, 1, 2]) == 1\n\n\n"
        "def test_high():\n    assert high([2, 1, 3]) == 3\n",
    }
    snapshot = Files({path: text.encode() for path, text in tree.items()})
    mender = Mender(snapshot, make(tree), budget=Budget(30))

    named = mender.mend_task("test_high fails")[0]

    assert "+    return max(a)" in named.edits
    assert named.edits.count("\n+ ") == 1
