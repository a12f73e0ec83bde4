"""Where the place is known, the code alone is the answer, in whatever form it comes."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mai.agent.known.read import as_edit, fitted
from mai.agent.known.splice import UnfitError
from mai.edits.nouns import WholeFile
from mai.edits.parse import parse

OLD = '''\
#!/usr/bin/env python3
"""Figures."""

from __future__ import annotations

import math

LIMIT = 3


# How a mean is taken.
def mean(xs):
    """Return the mean."""
    return sum(xs) / len(xs)


class Box:
    """Holds things."""

    size = 1

    def __init__(self, items):
        self.items = items

    @property
    def first(self):
        return self.items[0]

    def root(self):
        return math.sqrt(len(self.items))
'''
FIXED = "return sum(xs) / len(xs) if xs else 0"
NEW = OLD.replace("return sum(xs) / len(xs)", FIXED)
MEAN = f'def mean(xs):\n    """Return the mean."""\n    {FIXED}\n'
WRONG = "    return sum(xs) / len(xs)"
HUNK = f'     """Return the mean."""\n-{WRONG}\n+    {FIXED}\n'
TASK = "mean of an empty list raises"


@pytest.mark.parametrize(
    "answer",
    [
        f"calc.py\n```python\n{NEW}```",
        f"```python\n{NEW}```",
        f"```python\n# calc.py\n{NEW}```",
        f"```python\n# path: src/calc.py\n{NEW}```",
        f"```python\n# path/to/file.py\n{NEW}```",
        f"<path of the file>\n```python\n{NEW}```",
        f"```\n<path of the file>\n{NEW}```",
        f"```python\ncalc.py\n{NEW}```",
        f"Here is the fix:\n\n```py\n{NEW}```\n\nIt returns 0 for an empty list.",
        f"~~~python\n{NEW}~~~",
        f"```python\n{NEW}",
        NEW,
        f"```python\n{MEAN}```",
        f"```python\n# How a mean is taken.\n{MEAN}```",
        MEAN,
        f"Change mean:\n\n{MEAN}\nThat is all.",
        f"```python\n{MEAN}\n\nprint(mean([]))\n```",
        f"```python\n{NEW}\n\n# Example\nprint(mean([]))\nassert mean([]) == 0\n```",
        f"```python\n{NEW}\nif __name__ == '__main__':\n    print(mean([]))\n```",
        f"```python\n{MEAN}\n\ndef test_mean():\n    assert mean([]) == 0\n```",
        f"```python\n{MEAN}\n\n# ... rest of the code unchanged ...\n```",
        f"```python\n# ... existing code ...\n\n{MEAN}\nclass Box:\n    ...\n```",
        f"```python\n{MEAN}```\n\nUse it so:\n\n```bash\npython calc.py\n```",
        f"Before:\n```python\n{OLD}```\nAfter:\n```python\n{NEW}```",
        f"```python\n{MEAN}```\n```python\nprint(mean([]))\n```",
        "```python\n" + "\n".join("    " + line for line in MEAN.split("\n")) + "\n```",
        NEW.replace("\n", "\r\n"),
        f"```python\n{NEW[NEW.index('import math') :]}```",
        f"```diff\n--- a/x.py\n+++ b/x.py\n@@ -13,2 +13,2 @@\n{HUNK}```",
        f"```python\n<<<<<<< SEARCH\n{WRONG}\n=======\n    {FIXED}\n>>>>>>> REPLACE\n```",
        f"<code>\n{NEW}</code>",
        "```python\n" + NEW[: NEW.index("    @property")],
        "```python\n" + NEW[: NEW.index("self.items = items")],
    ],
)
def test_one_mended_function_is_read_in_every_form(answer: str) -> None:
    assert fitted(answer, "calc.py", OLD, TASK) == NEW


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("I do not know.", "not Python"),
        ("", "no code"),
        (f"```python\n{OLD}```", "leaves the file as it is"),
        (f"```python\n{OLD.replace('# How', '# This is how')}```", "nothing but comments"),
        ("```python\ndef mean(xs):\n    # ... existing code ...\n    return 0\n```", "leaves out"),
        ("```bash\nrm -rf /\n```", "no code"),
        (f"tests/test_calc.py\n```python\n{MEAN}```", "no code"),
        ("```python\ndef mean(xs:\n    return 0\n```", "not Python"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_reason(answer: str, reason: str) -> None:
    with pytest.raises(UnfitError, match=reason):
        fitted(answer, "calc.py", OLD, TASK, lambda path: path == "tests/test_calc.py")


def test_a_lone_method_finds_its_class() -> None:
    answer = "```python\ndef root(self):\n    return math.isqrt(len(self.items))\n```"
    assert fitted(answer, "calc.py", OLD, "whole roots") == OLD.replace("math.sqrt", "math.isqrt")


def test_a_class_with_some_of_its_methods_keeps_the_others() -> None:
    answer = (
        "```python\nclass Box:\n    size = 2\n\n"
        "    def last(self):\n        return self.items[-1]\n\n"
        "    def root(self):\n        return 0\n```"
    )
    text = fitted(answer, "calc.py", OLD, "add last")
    (box,) = [one for one in ast.parse(text).body if isinstance(one, ast.ClassDef)]
    names = [one.name for one in box.body if isinstance(one, ast.FunctionDef)]
    assert sorted(names) == ["__init__", "first", "last", "root"]
    assert "    size = 2\n" in text
    assert "    @property\n    def first" in text


def test_a_property_given_without_its_decorator_stays_one() -> None:
    answer = "```python\ndef first(self):\n    return self.items[0] if self.items else None\n```"
    assert "    @property\n    def first(self):\n        return self.items[0] if" in fitted(
        answer, "calc.py", OLD, "first of an empty box"
    )


def test_what_is_new_comes_behind_what_it_was_written_behind() -> None:
    answer = "```python\nimport re\n\ndef median(xs):\n    return sorted(xs)[len(xs) // 2]\n```"
    text = fitted(answer, "calc.py", OLD, "add median")
    assert "import math\nimport re\n" in text
    assert text.endswith("    return sorted(xs)[len(xs) // 2]\n")
    assert text.replace("import re\n", "").startswith(OLD)


def test_what_the_task_takes_away_goes() -> None:
    without = OLD[: OLD.index("# How a mean")] + OLD[OLD.index("class Box") :]
    assert fitted(f"```python\n{without}```", "calc.py", OLD, "Remove mean()") == without
    renamed = OLD.replace("def mean", "def average")
    assert fitted(f"```python\n{renamed}```", "calc.py", OLD, "Rename mean to average") == renamed
    # No task says so: what is not there was left out.
    with pytest.raises(UnfitError, match="as it is"):
        fitted(f"```python\n{without}```", "calc.py", OLD, "Tidy up")


def test_strings_stay_where_they_are_and_docstrings_move() -> None:
    answer = 'def root(self):\n    """Return.\n\n    More.\n    """\n    return """a\n  b"""\n'
    text = fitted(f"```python\n{answer}```", "calc.py", OLD, "text")
    assert '        """Return.\n\n        More.\n        """\n        return """a\n  b"""\n' in text


def test_other_files_are_taken_whole_or_not() -> None:
    old = "a = 1\n" * 20
    assert fitted("```toml\na = 2\n" + old + "```", "x.toml", old, "t") == "a = 2\n" + old
    with pytest.raises(UnfitError, match="less than half"):
        fitted("```toml\na = 2\n```", "x.toml", old, "t")
    with pytest.raises(UnfitError, match="cut off"):
        fitted("```toml\n" + old + "a = ", "x.toml", old, "t")


def test_json_holds_code_as_well() -> None:
    assert fitted('{"path": "x.py", "code": "def f():\\n    return 2\\n"}', "x.py", "", "t") == (
        "def f():\n    return 2\n"
    )


def test_an_edit_says_exactly_the_file_whatever_fences_it_holds() -> None:
    (edit,) = parse(as_edit("README.md", "# T\n\n````python\nx\n````\n"))
    assert edit == WholeFile("README.md", b"# T\n\n````python\nx\n````\n")


@given(st.text(max_size=300))
def test_whatever_is_answered_is_fitted_or_refused(answer: str) -> None:
    try:
        text = fitted(answer, "calc.py", OLD, TASK)
    except UnfitError:
        return
    ast.parse(text)


def test_what_a_task_tells_is_no_wish_to_take_something_away() -> None:
    old = "def name(x):\n    return x\n\n\ndef kind(x):\n    return x[-3:]\n"
    answer = "```python\ndef name(x):\n    return x.strip()\n```"
    made = fitted(answer, "a.py", old, "name() drops nothing; let it be one that replaces spaces.")
    assert made == old.replace("return x\n", "return x.strip()\n")


def test_function_that_is_used_still_is_not_taken_away() -> None:
    old = "def name(x):\n    return clean(x)\n\n\ndef clean(x):\n    return x\n"
    answer = "```python\ndef name(x):\n    return clean(x).strip()\n```"
    assert "def clean" in fitted(answer, "a.py", old, "Remove the spaces in name().")


_TESTS = "class TestName:\n    def test_it(self):\n        assert name(1) == 1\n"


def test_tests_alone_are_no_answer_for_the_file_that_they_test() -> None:
    answer = f"```python\nimport pytest\n\nfrom pkg.a import name\n\n\n{_TESTS}```"
    with pytest.raises(UnfitError, match="holds tests"):
        fitted(answer, "pkg/a.py", "def name(x):\n    return x\n", "tests/test_a.py fails.")


@pytest.mark.parametrize("own", ["from pkg.a import name", "from .a import name", "import pkg.a"])
def test_tests_beside_the_code_and_what_they_import_are_left_out(own: str) -> None:
    old = "def name(x):\n    return x\n"
    new = "import re\n\n\ndef name(x):\n    return re.escape(x)\n"
    answer = f"```python\nimport pytest\n{own}\n{new}\n\n{_TESTS}```"
    assert fitted(answer, "pkg/a.py", old, "tests/test_a.py fails.") == new


def test_module_of_the_same_name_elsewhere_may_be_imported() -> None:
    old = "def name(x):\n    return x\n"
    new = "from json import dumps\n\n\ndef name(x):\n    return dumps(x)\n"
    assert fitted(f"```python\n{new}```", "pkg/json.py", old, "Use json.") == new
