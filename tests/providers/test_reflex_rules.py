"""Every rule of every reflex at work: what it finds, and the only thing it changes."""

from __future__ import annotations

import pytest

from mai.providers import ruff
from mai.providers.reflex_files import Style
from mai.providers.reflex_rules import REFLEXES, Reflex

MODERN = Style(target_version="py311")

EXAMPLES = {
    "B006": ("def f(a, b=[]):\n    return b\n",
             "def f(a, b=None):\n    if b is None:\n        b = []\n    return b\n"),
    "F632": ("def f(a):\n    return a is 'x'\n", "def f(a):\n    return a == 'x'\n"),
    "F901": ("def f():\n    raise NotImplemented\n", "def f():\n    raise NotImplementedError\n"),
    "PLW0133": ("def f():\n    ValueError('x')\n", "def f():\n    raise ValueError('x')\n"),
    "PLW0245": ("class A(B):\n    def f(self):\n        return super.f()\n",
                "class A(B):\n    def f(self):\n        return super().f()\n"),
    "RUF024": ("a = dict.fromkeys(b, [])\n", "a = {key: [] for key in b}\n"),
    "W605": ("a = '\\d'\n", "a = r'\\d'\n"),
    "E711": ("a = b == None\n", "a = b is None\n"),
    "B011": ("assert False, 'x'\n", "raise AssertionError('x')\n"),
    "F541": ("a = f'x'\n", "a = 'x'\n"),
    "F601": ("a = {'x': 1, 'x': 1}\n", "a = {'x': 1}\n"),
    "B033": ("a = {1, 1}\n", "a = {1}\n"),
    "G010": ("import logging\nlogging.warn('x')\n", "import logging\nlogging.warning('x')\n"),
    "PLR1722": ("import sys\nexit(1)\n", "import sys\nsys.exit(1)\n"),
    "F401": ("import os\nimport sys\nprint(sys)\n", "import sys\nprint(sys)\n"),
    "F841": ("def f():\n    a = g()\n", "def f():\n    g()\n"),
    "B013": ("try:\n    f()\nexcept (ValueError,):\n    g()\n",
             "try:\n    f()\nexcept ValueError:\n    g()\n"),
    "B014": ("try:\n    f()\nexcept (ValueError, ValueError):\n    g()\n",
             "try:\n    f()\nexcept ValueError:\n    g()\n"),
    "UP024": ("try:\n    f()\nexcept IOError:\n    g()\n",
              "try:\n    f()\nexcept OSError:\n    g()\n"),
    "UP041": ("import asyncio\ntry:\n    f()\nexcept asyncio.TimeoutError:\n    g()\n",
              "import asyncio\ntry:\n    f()\nexcept TimeoutError:\n    g()\n"),
    "TRY201": ("try:\n    f()\nexcept OSError as e:\n    raise e\n",
               "try:\n    f()\nexcept OSError as e:\n    raise\n"),
    "PIE790": ('def f():\n    """Do."""\n    pass\n', 'def f():\n    """Do."""\n'),
    "PLR1711": ("def f():\n    g()\n    return\n", "def f():\n    g()\n"),
    "E713": ("a = not b in c\n", "a = b not in c\n"),
    "E714": ("a = not b is c\n", "a = b is not c\n"),
    "SIM201": ("a = not b == c\n", "a = b != c\n"),
    "SIM202": ("a = not b != c\n", "a = b == c\n"),
    "SIM208": ("a = bool(not (not b))\n", "a = bool(b)\n"),
    "SIM210": ("a = True if b > 1 else False\n", "a = b > 1\n"),
    "SIM211": ("a = False if b > 1 else True\n", "a = not b > 1\n"),
    "SIM212": ("a = b if not c else c\n", "a = c if c else b\n"),
    "SIM103": ("def f(a):\n    if a > 1:\n        return True\n    return False\n",
               "def f(a):\n    return a > 1\n"),
    "SIM101": ("a = isinstance(b, int) or isinstance(b, str)\n", "a = isinstance(b, (int, str))\n"),
    "PIE810": ("a = b.startswith('x') or b.startswith('y')\n", "a = b.startswith(('x', 'y'))\n"),
    "PLR1714": ("a = b == 1 or b == 2\n", "a = b in {1, 2}\n"),
    "SIM118": ("b = {}\na = 1 in b.keys()\n", "b = {}\na = 1 in b\n"),
    "SIM910": ("b = {}\na = b.get('x', None)\n", "b = {}\na = b.get('x')\n"),
    "SIM911": ("b = {}\nfor x, y in zip(b.keys(), b.values()):\n    f(x, y)\n",
               "b = {}\nfor x, y in b.items():\n    f(x, y)\n"),
    "RUF019": ("if 'x' in b and b['x']:\n    f()\n", "if b.get('x'):\n    f()\n"),
    "C400": ("a = list(f(x) for x in b)\n", "a = [f(x) for x in b]\n"),
    "C401": ("a = set(f(x) for x in b)\n", "a = {f(x) for x in b}\n"),
    "C402": ("a = dict((x, f(x)) for x in b)\n", "a = {x: f(x) for x in b}\n"),
    "C403": ("a = set([f(x) for x in b])\n", "a = {f(x) for x in b}\n"),
    "C404": ("a = dict([(x, f(x)) for x in b])\n", "a = {x: f(x) for x in b}\n"),
    "C405": ("a = set([1, 2])\n", "a = {1, 2}\n"),
    "C406": ("a = dict([(1, 2)])\n", "a = {1: 2}\n"),
    "C409": ("a = tuple([1, 2])\n", "a = (1, 2)\n"),
    "C410": ("a = list([1, 2])\n", "a = [1, 2]\n"),
    "C411": ("a = list([f(x) for x in b])\n", "a = [f(x) for x in b]\n"),
    "C414": ("a = set(list(b))\n", "a = set(b)\n"),
    "C416": ("a = [x for x in b]\n", "a = list(b)\n"),
    "C418": ("a = dict({'x': 1})\n", "a = {'x': 1}\n"),
    "RET505": ("def f(a):\n    if a:\n        return 1\n    else:\n        return 2\n",
               "def f(a):\n    if a:\n        return 1\n    return 2\n"),
    "RET506": ("def f(a):\n    if a:\n        raise a\n    else:\n        return 2\n",
               "def f(a):\n    if a:\n        raise a\n    return 2\n"),
    "RET507": ("def f():\n    for a in b:\n        if a: continue\n        else: f()\n",
               "def f():\n    for a in b:\n        if a: continue\n        f()\n"),
    "RET508": ("def f():\n    for a in b:\n        if a: break\n        else: f()\n",
               "def f():\n    for a in b:\n        if a: break\n        f()\n"),
    "RET504": ("def f():\n    a = g()\n    return a\n", "def f():\n    return g()\n"),
    "B009": ("a = getattr(b, 'c')\n", "a = b.c\n"),
    "B010": ("setattr(b, 'c', 1)\n", "b.c = 1\n"),
    "UP018": ("a = str('x')\n", "a = 'x'\n"),
    "UP004": ("class A(object):\n    x = 1\n", "class A:\n    x = 1\n"),
    "UP008": ("class A(B):\n    def f(self):\n        return super(A, self).f()\n",
              "class A(B):\n    def f(self):\n        return super().f()\n"),
    "UP039": ("class A():\n    x = 1\n", "class A:\n    x = 1\n"),
    "UP009": ("# -*- coding: utf-8 -*-\na = 1\n", "a = 1\n"),
    "UP010": ("from __future__ import print_function\na = 1\n", "a = 1\n"),
    "UP015": ("with open('x', 'r') as a:\n    f(a)\n", "with open('x') as a:\n    f(a)\n"),
    "UP025": ("a = u'x'\n", "a = 'x'\n"),
    "UP034": ("print(('x'))\n", "print('x')\n"),
    "UP032": ("a = '{} {}'.format(b, c)\n", "a = f'{b} {c}'\n"),
}  # fmt: skip

ROWS = [(reflex, code) for reflex in REFLEXES for code in reflex.codes]


@pytest.mark.parametrize(("reflex", "code"), ROWS, ids=[code for _, code in ROWS])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_the_installed_ruff_mends_exactly_this(reflex: Reflex, code: str, end: str) -> None:
    before, after = (text.replace("\n", end).encode() for text in EXAMPLES[code])
    files = {"core.py": before}
    assert any(hit.code == code for hit in ruff.check(files, [code], MODERN))
    fixed = ruff.fix(files, [code], MODERN, takes_unsafe=reflex.takes_unsafe)
    assert fixed["core.py"].decode() == after.decode()


def test_no_rule_stands_twice_and_none_lacks_an_example() -> None:
    codes = [code for _, code in ROWS]
    assert len(codes) == len(set(codes))
    assert set(codes) == set(EXAMPLES)


def test_titles_are_short_imperatives_and_whys_are_sentences() -> None:
    for reflex in REFLEXES:
        for title in (reflex.one, reflex.many.format(n=123)):
            assert len(title) < 60
            assert title[0].isupper()
            assert not title.endswith(".")
        assert "{n}" in reflex.many
        assert reflex.why.endswith(".")
        assert "!" not in reflex.why
