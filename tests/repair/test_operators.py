"""Each kind of bug that one small edit mends is among the candidates; every candidate is sound."""

from __future__ import annotations

import ast

import pytest

from tests.repair.sources import all_candidates, results

MENDED = [
    ("limit", "while lo <= hi:\n        lo += 1", "while lo < hi:\n        lo += 1"),
    ("operator", "return n ^ (n - 1)", "return n & (n - 1)"),
    ("augmented", "n ^= n - 1", "n &= n - 1"),
    ("off by one", "return range(0, n)", "return range(0, n + 1)"),
    ("constant", "return n[1:]", "return n[2:]"),
    ("name", "return enumerate(lo)", "return enumerate(hi)"),
    ("attribute", "return hi.left.left", "return hi.left.right, hi.right"),
    ("swapped arguments", "return f(lo, hi)", "return f(hi, lo)"),
    ("argument", "return f(lo, hi)", "return f(lo, hi - n)"),
    ("dropped call", "yield f(lo)", "yield lo"),
    ("boolean", "return lo and hi", "return lo or hi"),
    ("further condition", "if lo < 0:\n        return 0", "if lo < 0 or not hi:\n        return 0"),
    ("negation", "if not lo:\n        return 0", "if lo:\n        return 0"),
    ("kin", "return any(n)", "return all(n)"),
    ("wrapped", "lo = hi + n", "lo = max(lo, hi + n)"),
    ("at least", "lo = hi + n", "lo = max(0, hi + n)"),
    ("look-up", "return n[lo]", "return n.get(lo)"),
    ("return", "return True", "return lo == 0"),
    ("collection", "return []", "return [[]]"),
    ("element", "return []", "return [n]"),
    ("missing return", "f(n)", "return f(n)"),
    ("exception", "raise KeyError(n)", "raise ValueError(n)"),
    ("grouping", "return lo + hi * n", "return (lo + hi) * n"),
    ("grouping of many", "return lo - 32 * 5 / 9", "return (lo - 32) * 5 / 9"),
    ("kinds", "return isinstance(n, list)", "return isinstance(n, (list, tuple))"),
    ("list of it", "return f(lo)", "return f([lo])"),
    ("swapped places", "return n[lo, hi]", "return n[hi, lo]"),
    ("sorted in place", "n = n.sort()", "n.sort()"),
    ("lower", "return n == hi", "return n == hi.lower()"),
    ("f-string", 'return "{lo}"', 'return f"{lo}"'),
    ("way out", "for lo in hi:\n        break", "for lo in hi:\n        continue"),
    ("inserted", "for lo in hi:\n        n.append(lo)\n    return n", "for lo in hi:\n        n.append(lo)\n    n.append(hi)\n    return n"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in MENDED if row[0] != "attribute"])
def test_a_usual_bug_is_one_edit_away(before: str, after: str) -> None:
    frame = "def f(n, lo, hi):\n    {}\n"

    assert ast.dump(ast.parse(frame.format(after))) in {
        ast.dump(ast.parse(one)) for one in results(frame.format(before))
    }


def test_a_guard_and_a_fresh_default_are_tried() -> None:
    found = results("def f(items, seen=[]):\n    return items[0]\n")

    assert (
        "def f(items, seen=[]):\n    if not items:\n        return None\n    return items[0]\n"
        in found
    )
    assert (
        "def f(items, seen=None):\n    if seen is None:\n        seen = []\n    return items[0]\n"
        in found
    )


def test_an_attribute_and_self_are_tried() -> None:
    text = (
        "class A:\n    def __init__(self, size):\n        self.size = size\n        self.rate = 1\n"
        "\n    def f(self, size):\n        return self.size * 2 + size\n"
    )
    found = results(text)

    assert text.replace("return self.size", "return self.rate") in found
    assert text.replace("+ size", "+ self.size") in found


SOURCES = [
    "x = 1\ny = [x, 2]  # a comment; (with parentheses)\n",
    "def f(a, b=[], *, c=None):\n    '''Say (something).'''\n    if a:  # why\n        return (a + # here\n            1)\n    elif b: return c\n    else:\n        pass\n",
    "class A:\n\tdef f(self, x):\n\t\tfor i, y in enumerate(x):\n\t\t\tif y is None: continue\n\t\t\tself.y = y\n\t\treturn self\n",
    "async def f(x):\n    async with x as y:\n        await y.z(1, *x, k=2, **{})\n    return [i async for i in y if i]\n",
    "def f(s):\n    try:\n        return f'{s!r:>{len(s)}}' + \"it's\" + b'x'.decode()\n    except (KeyError, ValueError) as e:\n        raise TypeError from e\n    finally:\n        s = lambda q: q[1:-1, ::2]\n",
    "def größe(ä):\n    return ä[0] + 'ö' if ä else 'ü'\n",
    "@d(1)\ndef f(x): return x\nwhile True: break\n",
    "def f(x):\r\n    if x:\r\n        return 1\r\n    return 2\r\n",
    "def f(x):\n    match x:\n        case [1, y] if y:\n            return y\n        case _:\n            return {**x, 'a': 1}\n    return x",
]


@pytest.mark.parametrize("text", SOURCES)
def test_every_edit_changes_its_span_alone_and_nearly_all_parse(text: str) -> None:
    data = text.encode()
    broken = []
    found = all_candidates(text)
    for one in found:
        applied = one.applied(data)
        start = min(start for start, _, _ in one.edits)
        end = max(end for _, end, _ in one.edits)
        assert 0 <= start <= end <= len(data)
        assert applied.startswith(data[:start])
        assert applied.endswith(data[end:])
        try:
            ast.parse(applied)
        except SyntaxError:
            broken.append(one)

    assert found
    assert len(broken) <= len(found) // 100  # these never run: they do not compile
