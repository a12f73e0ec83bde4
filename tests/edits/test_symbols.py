"""One function, method or class at a time, by name."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mai.edits import SymbolEdit, apply
from mai.errors import EditError
from tests.edits.files import Content, changed, files, only

MODULE = dedent('''\
    """Module."""

    import os

    # --- helpers ---

    # About f.
    @decorated(1)
    def f(a):
        """Doc."""
        return a  # here


    class C(Base):
        x = 1

        # About m.
        def m(self):
            return 1

        @property
        def p(self):
            return self._p

        @p.setter
        def p(self, value):
            self._p = value

        def last(self):
            return 2
        # End of C.


    if os.name == "nt":
        def g():
            return "nt"
    else:
        def g():
            return "other"

    try:
        import fast
    except ImportError:
        def slow():
            pass
    # The end.
''')


def edited(symbol: str, source: str, action: str = "replace", base: Content = MODULE) -> str:
    text = f"pkg/mod.py\n```python symbol={symbol} action={action}\n{source}```\n"
    return only(text, {"pkg/mod.py": base}).decode()


def test_a_function_is_replaced_and_everything_else_stays() -> None:
    made = edited("pkg.mod.f", "def f(a, b):\n    return a + b\n")
    old = MODULE[MODULE.index("@decorated") : MODULE.index("\n\nclass C")]
    assert made == MODULE.replace(old, "def f(a, b):\n    return a + b\n")


def test_new_comments_take_the_place_of_the_old_ones_but_not_of_headings() -> None:
    made = edited("f", "# New words.\n@other\ndef f(a):\n    return a\n")
    assert "# --- helpers ---\n\n# New words.\n@other\ndef f(a):\n    return a\n\n\nclass C" in made
    assert "About f" not in made


@pytest.mark.parametrize("margin", ["", "    ", "  "])
def test_a_method_comes_to_the_indentation_of_its_class(margin: str) -> None:
    lines = ["def m(self):", '    """New.', "", '    More."""', "    return (1,", "            2)"]
    source = "".join(margin + line + "\n" if line else "\n" for line in lines)
    made = edited("pkg.mod.C.m", source)
    expected = "    # About m.\n" + "".join(f"    {line}\n" if line else "\n" for line in lines)
    if margin == "  ":  # a string is moved only where it stood at the margin as a whole
        expected = expected.replace("        More", "      More")
    assert expected in made


def test_properties_are_told_apart_by_their_decorators() -> None:
    made = edited("C.p", "@p.setter\ndef p(self, value):\n    self._p = int(value)\n")
    assert made == MODULE.replace("self._p = value", "self._p = int(value)")


def test_a_class_is_replaced() -> None:
    made = edited("C", "class C:\n    y = 2\n")
    assert "\n\nclass C:\n    y = 2\n\n\nif os.name" in made
    assert "Base" not in made


def test_something_is_put_after_a_function_and_after_a_method() -> None:
    made = edited("f", "# About h.\ndef h():\n    pass\n", "insert-after")
    assert "    return a  # here\n\n\n# About h.\ndef h():\n    pass\n\n\nclass C" in made
    made = edited("C.m", "def n(self):\n    return 3\n", "insert-after")
    assert "        return 1\n\n    def n(self):\n        return 3\n\n    @property" in made


def test_a_symbol_goes_and_another_comes_in_one_reply() -> None:
    text = (
        "pkg/mod.py\n```python symbol=pkg.mod.slow action=delete\n```\n"
        "pkg/mod.py\n```python symbol=C.last action=insert-after\n"
        "@staticmethod\ndef after() -> int:\n    return 3\n```\n"
    )
    made = only(text, {"pkg/mod.py": MODULE}).decode()
    assert "def slow" not in made
    assert (
        "        return 2\n\n    @staticmethod\n    def after() -> int:\n        return 3\n" in made
    )


def test_a_deletion_takes_the_comments_above_and_leaves_the_headings() -> None:
    made = edited("f", "", "delete")
    assert "# --- helpers ---\n\n\nclass C" in made
    assert "About f" not in made
    assert "decorated" not in made


def test_the_only_thing_in_a_block_can_be_deleted() -> None:
    made = edited("slow", "", "delete")
    assert "except ImportError:\n    pass\n# The end." in made


def test_crlf_tabs_latin_and_a_missing_last_line_feed_stay() -> None:
    source = "def g():\n    if 1:\n        return '''\n'''\n"
    base = b"# coding: latin-1\r\ndef f():\r\n\treturn '\xe9'\r\n\r\ndef g():\r\n\treturn 1"
    text = f"m.py\n```python symbol=g\n{source}```\n"
    made = only(text, {"m.py": base})
    assert made == base.replace(b"\treturn 1", b"\tif 1:\r\n\t\treturn '''\r\n'''")


def test_the_module_is_found_from_the_name() -> None:
    text = "```python symbol=pkg.mod.f\ndef f(): ...\n```\n"
    for path in ("pkg/mod.py", "src/pkg/mod.py", "pkg/mod/__init__.py"):
        assert set(changed(text, {path: MODULE})) == {path}
    with pytest.raises(EditError, match=r"may be in pkg/mod\.py or src/pkg/mod\.py"):
        changed(text, {"pkg/mod.py": MODULE, "src/pkg/mod.py": MODULE})
    with pytest.raises(EditError, match=r"No module for pkg\.mod\.f"):
        changed(text, {"other.py": MODULE})


def test_several_symbols_of_a_file_at_once() -> None:
    text = (
        "pkg/mod.py\n```python symbol=f\ndef f(): ...\n```\n"
        "pkg/mod.py\n```python symbol=C.m\ndef m(self): ...\n```\n"
    )
    made = only(text, {"pkg/mod.py": MODULE}).decode()
    assert "def f(): ...\n" in made
    assert "    def m(self): ...\n" in made


REFUSED = {
    "an unknown name": ("C.f", "def f(): ...\n", "replace", "there is no C.f in it. There is f."),
    "several of a name": ("g", "def g(): ...\n", "replace", "several times, on lines 35, 38"),
    "another name": ("f", "def h(): ...\n", "replace", "defines h, not f"),
    "two for one": ("f", "def f(): ...\ndef h(): ...\n", "replace", "by one definition, not 2"),
    "more than definitions": ("f", "import x\ndef f(): ...\n", "replace", "besides definitions"),
    "no definition": ("f", "# only words\n", "replace", "holds no definition"),
    "no Python": ("f", "def f(:\n", "replace", "cannot be read"),
    "uneven lines": ("C.m", "    def m(self):\n        pass\nx = 1\n", "replace", "not indented"),
    "a comment after": ("f", "def f():\n    pass\n# more\n", "replace", "comment after"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_certain_is_refused_with_the_reason(name: str) -> None:
    symbol, source, action, reason = REFUSED[name]
    with pytest.raises(EditError) as caught:
        edited(symbol, source, action)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("pkg/mod.py: ")


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        ("def f(:\n", "does not parse, line 1"),
        ("def f():\n    pass\n\x0c\ndef g(): ...\n", "form feeds"),
        ("x = " + "(" * 2_000 + ")" * 2_000 + "\n", "does not parse"),
    ],
)
def test_a_module_that_cannot_be_kept_as_it_is_is_refused(base: str, reason: str) -> None:
    with pytest.raises(EditError, match=reason):
        edited("f", "def f(): ...\n", base=base)


def test_two_edits_of_one_symbol_are_refused() -> None:
    one = "m.py\n```python symbol=C.m\ndef m(self): ...\n```\n"
    with pytest.raises(EditError, match="edited twice"):
        changed(one + one, {"m.py": MODULE})
    whole = "m.py\n```python symbol=C\nclass C: ...\n```\n"
    with pytest.raises(EditError, match="lies inside another"):
        changed(one + whole, {"m.py": MODULE})


def test_files_that_are_no_modules_or_not_there_are_refused() -> None:
    for path, reason in (("m.txt", "not a Python module"), ("m.py", "does not exist")):
        with pytest.raises(EditError, match=reason):
            apply([SymbolEdit(path, "f", "def f(): ...\n")], files({"m.txt": "f"}).get)


BODIES = st.lists(
    st.sampled_from(["    x = 1", "    # words", "", "    return x", "    if x:\n        pass"]),
    max_size=5,
).map(lambda lines: "\n".join(["    '''Doc.", "", "    More.'''", *lines]) + "\n")


@settings(max_examples=25, deadline=None)
@given(bodies=st.lists(BODIES, min_size=3, max_size=3), new=BODIES, end=st.sampled_from("\n\r"))
def test_only_the_named_function_changes(bodies: list[str], new: str, end: str) -> None:
    names = ("one", "two", "three")
    parts = [
        f"# About {name}.\ndef {name}(x):\n{body}" for name, body in zip(names, bodies, strict=True)
    ]
    base = "\n\n".join(parts)
    replaced = f"def two(x):\n{new}"
    text = f"m.py\n```python symbol=two\n{replaced}```\n".encode()
    line_end = "\r\n" if end == "\r" else "\n"
    if parts[1].removeprefix("# About two.\n").rstrip() == replaced.rstrip():
        return
    made = only(text, {"m.py": base.replace("\n", line_end)}).decode()
    assert line_end in made
    made = made.replace("\r\n", "\n")
    assert made.startswith(parts[0].rstrip() + "\n")
    assert made.endswith(
        parts[2].rstrip("\n") + "\n" * (len(parts[2]) - len(parts[2].rstrip("\n")))
    )
    assert replaced.rstrip() in made
