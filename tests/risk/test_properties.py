"""What never changes a level, and what never lowers one."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.proposal import Level, RiskReport
from mai.risk import Change, Policy, score_change
from tests.risk.conftest import as_bytes, changes_between
from tests.snapshots import MemorySnapshot

LINES = [
    "x = 1",
    "items = [n for n in range(3)]",
    "text = 'a' + 'b'",
    "path = open('x').read()",
    "import json; data = json.loads('1')",
]
SINKS = [
    "import os; os.system(text)",
    "exec(text)",
    "import requests; requests.get(text)",
    "open(text, 'w').write('x')",
    "import pickle; pickle.loads(data)",
    "import ctypes; ctypes.CDLL(text)",
    "import os; key = os.environ['API_TOKEN']",
    "getattr(data, text)()",
    "print(open('/etc/passwd').read())",
    "().__class__.__base__.__subclasses__()",
    "import subprocess as s; s.run([text])",
    "import importlib; importlib.import_module(text)",
]
BLOCKS = st.lists(st.sampled_from([*LINES, *SINKS]), min_size=1, max_size=4)


def program(blocks: list[list[str]]) -> str:
    functions = []
    for number, lines in enumerate(blocks):
        body = textwrap.indent("\n".join(lines), "    ")
        functions.append(f"def f{number}(text, data):\n{body}\n    return data\n")
    return "\n\n".join(functions)


def scored(base: dict[str, str], head: dict[str, str]) -> RiskReport:
    before, after = as_bytes(base), as_bytes(head)
    change = Change(MemorySnapshot(before), MemorySnapshot(after), changes_between(before, after))
    return score_change(change, Policy(), is_own_repo=False)


NAMES = {"text": "a", "data": "b", "x": "c", "items": "d", "n": "e", "path": "f", "key": "g"}


class Renamer(ast.NodeTransformer):
    """Renames parameters and locals, nothing that is seen from outside."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(NAMES.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(NAMES.get(node.arg, node.arg))


def renamed(source: str) -> str:
    return ast.unparse(ast.fix_missing_locations(Renamer().visit(ast.parse(source))))


def commented(source: str) -> str:
    lines = [f"{line}  # eval(x)" if line.strip() else line for line in source.split("\n")]
    return "# import os\n" + "\n\n".join(lines)


@pytest.mark.parametrize("rewrite", [renamed, commented, lambda s: ast.unparse(ast.parse(s))])
@settings(max_examples=15, deadline=None)
@given(blocks=st.lists(BLOCKS, min_size=1, max_size=3))
def test_the_same_program_in_other_clothes_has_the_same_level(
    rewrite: Callable[[str], str], blocks: list[list[str]]
) -> None:
    source = program(blocks)
    dressed = rewrite(source)
    assert scored({}, {"a.py": source}).level is scored({}, {"a.py": dressed}).level
    # ... and putting it on is no gain.
    assert scored({"a.py": source}, {"a.py": dressed}).level is Level.LOW


@settings(max_examples=15, deadline=None)
@given(st.lists(BLOCKS, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_functions_does_not_matter(blocks: list[list[str]], random: Random) -> None:
    functions = program(blocks).split("\n\n\n")
    source = "\n\n\n".join(functions)
    shuffled = list(functions)
    random.shuffle(shuffled)
    report = scored({"a.py": source}, {"a.py": "\n\n\n".join(shuffled)})
    assert report.level is Level.LOW


@settings(max_examples=30, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=3), st.sampled_from(SINKS))
def test_one_more_sink_never_lowers_a_level(blocks: list[list[str]], sink: str) -> None:
    less = scored({"b.py": "x = 1\n"}, {"b.py": "x = 1\n", "a.py": program(blocks)})
    more = scored({"b.py": "x = 1\n"}, {"b.py": "x = 1\n", "a.py": program([*blocks, [sink]])})
    assert more.level >= less.level
    assert more.level >= Level.MEDIUM


@settings(max_examples=30, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=3))
def test_no_change_gains_nothing_and_taking_away_gains_nothing(blocks: list[list[str]]) -> None:
    source = program(blocks)
    assert scored({"a.py": source}, {"a.py": source + "\n"}).findings == ()
    fewer = program(blocks[:-1])
    assert scored({"a.py": source}, {"a.py": fewer}).level is Level.LOW


@settings(max_examples=30, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=3))
def test_the_same_question_has_the_same_answer(blocks: list[list[str]]) -> None:
    head = {"a.py": program(blocks)}
    assert scored({}, head) == scored({}, head)
