"""Replies as models write them, well and badly, and what must come out."""

from __future__ import annotations

from textwrap import dedent

import pytest

from mai.edits import BaseFile, SymbolEdit, parse
from mai.errors import EditError
from tests.edits.files import changed, only

PLAIN = "def f():\n    return 1\n\n\ndef g():\n    return 2\n"


def reply(text: str) -> str:
    return dedent(text).lstrip("\n")


# --- what is understood ------------------------------------------------------------------------

UNDERSTOOD: dict[str, tuple[str, str, str]] = {
    "a whole file": (
        """
        a.py
        ```python
        x = 2
        ```
        """,
        "x = 1\n",
        "x = 2\n",
    ),
    "prose around, a heading with bold and backticks": (
        """
        Sure! Here is the change:

        ### **`a.py`**:

        ```python
        x = 2
        ```

        Let me know if it helps. Then run:

        ```bash
        make test
        ```
        """,
        "x = 1\n",
        "x = 2\n",
    ),
    "a keyword before the path": ("File: ./a.py\n```\nx = 2\n```\n", "x = 1\n", "x = 2\n"),
    "the name beside the fence": ("```python a.py\nx = 2\n```\n", "x = 1\n", "x = 2\n"),
    "the name behind a colon": ("```python:a.py\nx = 2\n```\n", "x = 1\n", "x = 2\n"),
    "the name twice, alike": ("a.py\n```python a.py\nx = 2\n```\n", "x = 1\n", "x = 2\n"),
    "tildes": ("a.py\n~~~\nx = 2\n~~~\n", "x = 1\n", "x = 2\n"),
    "backticks in tildes": ("a.py\n~~~\nx = '''\n```\n'''\n~~~\n", "", "x = '''\n```\n'''\n"),
    "a longer fence": ("a.py\n````\n```\nx\n```\n````\n", "", "```\nx\n```\n"),
    "an extra fence at the end": ("a.py\n```\nx = 2\n```\n```\n", "x = 1\n", "x = 2\n"),
    "trailing chatter": ("a.py\n```\nx = 2\n```\nThat is all.\n", "x = 1\n", "x = 2\n"),
    "an indented fence": ("1. a.py\n   ```\n   x = 2\n   ```\n", "x = 1\n", "x = 2\n"),
    "a reply with CRLF": ("a.py\r\n```\r\nx = 2\r\n```\r\n", "x = 1\n", "x = 2\n"),
    "a file with CRLF": ("a.py\n```\nx = 2\ny\n```\n", "x = 1\r\ny\r\n", "x = 2\r\ny\r\n"),
    "a file with a byte order mark": ("a.py\n```\nx = 2\n```\n", "\ufeffx = 1\n", "\ufeffx = 2\n"),
    "a file without a last line feed": ("a.py\n```\nx = 2\n```\n", "x = 1", "x = 2"),
    "dots that the file has already": (
        "a.py\n```\n# ... rest of file\nx = 2\n```\n",
        "# ... rest of file\nx = 1\n",
        "# ... rest of file\nx = 2\n",
    ),
    "dots that are Python's": (
        "a.py\n```\ndef f():\n    ...\n```\n",
        "x = 1\n",
        "def f():\n    ...\n",
    ),
    "search and replace": (
        """
        a.py
        ```python
        <<<<<<< SEARCH
            return 2
        =======
            return 3
        >>>>>>> REPLACE
        ```
        """,
        PLAIN,
        PLAIN.replace("2", "3"),
    ),
    "several in a fence": (
        """
        a.py
        ```python
        <<<<<<< SEARCH
            return 2
        =======
            return 3
        >>>>>>> REPLACE

        <<<<<<< SEARCH
            return 1
        =======
            return 4
        >>>>>>> REPLACE
        ```
        """,
        PLAIN,
        PLAIN.replace("2", "3").replace("1", "4"),
    ),
    "the fence around SEARCH missing": (
        "a.py\n<<<<<<< SEARCH\n    return 2\n=======\n    return 3\n>>>>>>> REPLACE\n",
        PLAIN,
        PLAIN.replace("2", "3"),
    ),
    "the last fence missing after REPLACE": (
        "a.py\n```\n<<<<<<< SEARCH\n    return 2\n=======\n    return 3\n>>>>>>> REPLACE\n",
        PLAIN,
        PLAIN.replace("2", "3"),
    ),
    "the path inside the fence of a SEARCH": (
        "```\na.py\n<<<<<<< SEARCH\n    return 2\n=======\n    return 3\n>>>>>>> REPLACE\n```\n",
        PLAIN,
        PLAIN.replace("2", "3"),
    ),
    "fences inside SEARCH": (
        (
            "a.py\n```\n<<<<<<< SEARCH\n```sh\nold\n```\n=======\n"
            "```sh\nnew\n```\n>>>>>>> REPLACE\n```\n"
        ),
        "x\n```sh\nold\n```\ny\n",
        "x\n```sh\nnew\n```\ny\n",
    ),
    "a divider in the text, told apart by longer markers": (
        "a.py\n```\n<<<<<<<< SEARCH\nT\n=======\n========\nU\n=======\n>>>>>>>> REPLACE\n```\n",
        "T\n=======\nbody\n",
        "U\n=======\nbody\n",
    ),
    "markers that a model miscounted": (
        "a.py\n```\n<<<<<<< SEARCH\n    return 2\n======\n    return 3\n>>>>>> REPLACE\n```\n",
        PLAIN,
        PLAIN.replace("2", "3"),
    ),
    "a second SEARCH that goes on in the same file": (
        (
            "a.py\n```\n<<<<<<< SEARCH\n    return 2\n=======\n    return 3\n>>>>>>> REPLACE\n```\n"
            "And the other one:\n\n"
            "```\n<<<<<<< SEARCH\n    return 1\n=======\n    return 4\n>>>>>>> REPLACE\n```\n"
        ),
        PLAIN,
        PLAIN.replace("2", "3").replace("1", "4"),
    ),
    "the path inside the fence of a module": (
        "```python\na.py\nx = 2\n```\n",
        "x = 1\n",
        "x = 2\n",
    ),
    "trailing space": (
        "a.py\n<<<<<<< SEARCH\nx = 1\ny = 1\n=======\nx = 1\ny = 2\n>>>>>>> REPLACE\n",
        "x = 1  \ny = 1\t\nz\n",
        "x = 1  \ny = 2\nz\n",
    ),
    "indentation shifted": (
        "a.py\n<<<<<<< SEARCH\nif a:\n    b\n=======\nif a:\n    c\n    d\n>>>>>>> REPLACE\n",
        "def f():\n    if a:\n        b\n",
        "def f():\n    if a:\n        c\n        d\n",
    ),
    "indentation shifted the other way": (
        "a.py\n<<<<<<< SEARCH\n    a\n\n    b\n=======\n    a\n\n    c\n>>>>>>> REPLACE\n",
        "a\n\nb\n",
        "a\n\nc\n",
    ),
    "smart quotes": (
        "a.py\n<<<<<<< SEARCH\nx = ‘a’\ny = 1\n=======\nx = ‘b’\ny = 1\n>>>>>>> REPLACE\n",
        "x = 'a'\ny = 1\n",
        "x = 'b'\ny = 1\n",
    ),
    "the file's own typography stays": (
        'a.md\n<<<<<<< SEARCH\n"Hi" - there\nend\n=======\n"Hi" - there\nfin\n>>>>>>> REPLACE\n',
        "“Hi” – there\nend\n",
        "“Hi” – there\nfin\n",
    ),
    "CRLF stays in SEARCH": (
        "a.py\n<<<<<<< SEARCH\nb\n=======\nc\nd\n>>>>>>> REPLACE\n",
        "a\r\nb\r\ne",
        "a\r\nc\r\nd\r\ne",
    ),
    "the last line stays without its end": (
        "a.py\n<<<<<<< SEARCH\nb\n=======\nb\nc\n>>>>>>> REPLACE\n",
        "a\nb",
        "a\nb\nc",
    ),
    "lines taken away": (
        "a.py\n<<<<<<< SEARCH\nb\n=======\n>>>>>>> REPLACE\n",
        "a\nb\nc\n",
        "a\nc\n",
    ),
    "Latin-1 around ASCII": (
        "a.py\n<<<<<<< SEARCH\nb\n=======\nc\n>>>>>>> REPLACE\n",
        "é\nb\n",
        "é\nc\n",
    ),
    "a file with the fences of its own nested": (
        "a.md\n```markdown\n# T\n```sh\nmake\n```\nend\n```\n",
        "old\n",
        "# T\n```sh\nmake\n```\nend\n",
    ),
    "a fenced diff in prose": (
        "Here:\n```diff\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n```\nDone.\n",
        "x\n",
        "y\n",
    ),
    "a fenced diff without its language": (
        "Here:\n```\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n```\n",
        "x\n",
        "y\n",
    ),
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_what_is_meant_comes_out(name: str) -> None:
    text, old, new = UNDERSTOOD[name]
    is_latin = name.startswith("Latin")
    encoding = "latin-1" if is_latin else "utf-8"
    path = "a.md" if "a.md" in text else "a.py"
    base = old.encode(encoding)
    assert only(reply(text), {path: base}) == new.encode(encoding)


def test_an_empty_search_makes_a_file() -> None:
    text = "new.py\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE\n"
    assert changed(text) == {"new.py": b"x = 1\n"}


def test_several_files_and_kinds_in_one_reply() -> None:
    text = reply(
        """
        `src/my file.py`
        ```python
        x = 1
        ```
        b.txt
        <<<<<<< SEARCH
        old
        =======
        new
        >>>>>>> REPLACE

        ```diff
        --- a/c.txt
        +++ b/c.txt
        @@ -1 +1 @@
        -1
        +2
        ```
        """
    )
    made = changed(text, {"b.txt": "old\n", "c.txt": "1\n"})
    assert made == {"src/my file.py": b"x = 1\n", "b.txt": b"new\n", "c.txt": b"2\n"}


def test_a_symbol_is_read_from_the_fence() -> None:
    text = "```python symbol=pkg.m.C.f action=insert-after\ndef g(self): ...\n```\n"
    assert parse(text) == (SymbolEdit(None, "pkg.m.C.f", "def g(self): ...\n", "insert-after"),)


# --- what is refused ---------------------------------------------------------------------------

ASK_FOR_PATH = "path alone on the line before the fence"
REFUSED: dict[str, tuple[str, str]] = {
    "nothing": (" \n", "empty"),
    "prose only": ("I cannot do that.\n", "no edit in the text"),
    "no path": ("Here is the code:\n```python\nx = 2\n```\n", ASK_FOR_PATH),
    "a word that is no file": ("Example:\n```\nx = 2\n```\n", ASK_FOR_PATH),
    "the path in a comment": ("```python\n# a.py\nx = 2\n```\n", "would become part of the file"),
    "a listing of files": ("```python\na.py\nb.py\n```\n", ASK_FOR_PATH),
    "a listing without a language": ("```\na.py\nx = 2\n```\n", ASK_FOR_PATH),
    "an end that can be read in two ways": (
        "a.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>> REPLACE\nz\n>>>>>>>> REPLACE\n",
        "no REPLACE marker",
    ),
    "a SEARCH after a whole file": (
        "b.py\n```\nx\n```\n\n```\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```\n",
        "which file this SEARCH is for",
    ),
    "a symbol in backticks": ("`Class.method`\n```python\nx = 2\n```\n", ASK_FOR_PATH),
    "two names": ("a.py\n```python b.py\nx = 2\n```\n", "named twice"),
    "a SEARCH without a path": (
        "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n",
        "which file this SEARCH is for",
    ),
    "cut off": ("a.py\n```python\nx = 2\n", "never closed"),
    "a README that ends too early": (
        "a.md\n```\n# T\n```\nmake\n```\nend\n```\n",
        "may end too early",
    ),
    "fences that can be read in two ways": (
        "a.md\n```\n# T\n```sh\nmake\n```\n",
        "can be read in several ways",
    ),
    "no REPLACE": ("a.py\n```\n<<<<<<< SEARCH\nx\n=======\ny\n```\n", "no REPLACE marker"),
    "no divider": ("a.py\n```\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE\n```\n", "no divider"),
    "two dividers": (
        "a.py\n<<<<<<< SEARCH\nx\n=======\ny\n=======\nz\n>>>>>>> REPLACE\n",
        "several lines that could be its divider",
    ),
    "text between SEARCH blocks": (
        "a.py\n```\n<<<<<<< SEARCH\nx = 1\n=======\ny\n>>>>>>> REPLACE\nand\n```\n",
        "neither in SEARCH nor in REPLACE",
    ),
    "a file, then SEARCH": (
        "a.py\n```\nx = 2\ny\nz\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```\n",
        "text before it",
    ),
    "an elision in a file": ("a.py\n```\nx = 2\n# ... rest unchanged\n```\n", "leaves lines out"),
    "an elision without dots": ("a.py\n```\nx\n# rest of the code\n```\n", "leaves lines out"),
    "bare dots": ("a.py\n```\nx = 2\n...\n```\n", "leaves lines out"),
    "an elision in SEARCH": (
        "a.py\n<<<<<<< SEARCH\nx = 1\n...\nz\n=======\ny\n>>>>>>> REPLACE\n",
        "leaves lines out",
    ),
    "an elision in REPLACE": (
        "a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx\n# existing code here\n>>>>>>> REPLACE\n",
        "leaves lines out",
    ),
    "a file in JSON": (
        'a.py\n```json\n{"path": "a.py", "code": "x = 2\\ny = 1\\n"}\n```\n',
        "is JSON around the code",
    ),
    "a file as a string": ('a.py\n```\n"x = 2\\ny = 1\\n"\n```\n', "is JSON around the code"),
    "an empty block": ("a.py\n```\n```\n", "would empty the file"),
    "an empty SEARCH": ("a.py\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE\n", "is empty"),
    "no change": ("a.py\n```\nx = 1\ny = 1\ny = 1\n```\n", "changes nothing"),
    "the file twice": ("a.py\n```\nx\n```\na.py\n```\ny\n```\n", "several whole files"),
    "a file and a SEARCH": (
        "a.py\n```\nx\n```\na.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n",
        "several whole files",
    ),
    "a file and a diff of it": (
        "a.py\n```\nx\n```\n```diff\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+y\n```\n",
        "changed twice",
    ),
    "the same lines twice": (
        (
            "a.py\n```\n<<<<<<< SEARCH\nx = 1\n=======\na\n>>>>>>> REPLACE\n"
            "<<<<<<< SEARCH\nx = 1\n=======\nb\n>>>>>>> REPLACE\n```\n"
        ),
        "block 1 and block 2 both change line 1",
    ),
    "lines that are there twice": (
        "a.py\n<<<<<<< SEARCH\ny = 1\n=======\nb\n>>>>>>> REPLACE\n",
        "several places, lines 2, 3",
    ),
    "blocks beside a loose diff": (
        "a.py\n```\nx\n```\n\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n",
        "both edit blocks and a diff",
    ),
    "blocks after a loose diff": (
        "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n\nb.py\n```\nx\n```\n",
        "an edit block after a diff",
    ),
    "a path outside": ("../a.py\n```\nx\n```\n", "not one inside the repository"),
    "an absolute path": ("/etc/passwd.txt\n```\nx\n```\n", "not one inside the repository"),
    "git's own folder": (".GIT/config\n```\nx\n```\n", "git's own folder"),
    "an unknown action": ("a.py\n```python symbol=f action=move\nx\n```\n", "is none of"),
    "a symbol that is none": ("a.py\n```python symbol=f()\nx\n```\n", "not the name of a symbol"),
    "a deletion with a source": (
        "a.py\n```python symbol=f action=delete\ndef f(): ...\n```\n",
        "must be empty",
    ),
    "a symbol without a source": ("a.py\n```python symbol=f\n```\n", "must be its source"),
    "a folder that is a file": ("a.py/b.py\n```\nx\n```\n", "would lie in a.py, a file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_certain_is_refused_with_the_reason(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(EditError, match=reason.replace("(", r"\(")):
        changed(text, {"a.py": "x = 1\ny = 1\ny = 1\n"})


def test_a_search_that_is_nowhere_shows_the_nearest_lines_with_their_numbers() -> None:
    base = "".join(f"line {number}\n" for number in range(1, 50)) + PLAIN
    text = "a.py\n<<<<<<< SEARCH\ndef g(x):\n    return 2\n=======\ny\n>>>>>>> REPLACE\n"
    with pytest.raises(EditError) as caught:
        changed(text, {"a.py": base})
    assert "a.py: the SEARCH text is not in the file." in str(caught.value)
    assert "nearest lines are 54 to 55:\n    54 | def g():\n    55 |     return 2" in str(
        caught.value
    )


def test_a_link_and_a_binary_file_are_not_text() -> None:
    text = "a.py\n<<<<<<< SEARCH\nb\n=======\nc\n>>>>>>> REPLACE\n"
    with pytest.raises(EditError, match="binary file"):
        changed(text, {"a.py": b"\0\nb\n"})
    with pytest.raises(EditError, match="symbolic link"):
        changed(text, {"a.py": BaseFile(b"b", 0o120000)})


def test_other_encodings_take_only_ascii() -> None:
    text = "a.py\n<<<<<<< SEARCH\nb\n=======\nç\n>>>>>>> REPLACE\n"
    with pytest.raises(EditError, match="not UTF-8"):
        changed(text, {"a.py": "é\nb\n".encode("latin-1")})


_PARTS = "import os\n\n\ndef f():\n    return 1\n\n\n@os.fspath\ndef g():\n    return 2\n"
_F = "def f():\n    return 3\n"


def test_a_part_of_a_file_is_not_taken_for_the_file() -> None:
    with pytest.raises(EditError, match="holds only f, and the file also g"):
        changed(f"a.py\n```python\n{_F}```\n", {"a.py": _PARTS})


@pytest.mark.parametrize(
    ("path", "block", "base"),
    [
        ("a.py", f"import os\n\n\n{_F}", _PARTS),  # one function taken out
        ("a.py", _F, _PARTS.partition("@")[0]),  # an import taken out
        ("a.py", _F, _PARTS.removeprefix("import os\n")),  # nothing but functions, one less
        ("a.py", "def h():\n    return 3\n", _PARTS),  # written anew
        ("a.json", '{"a": "x\\ny"}\n', '{"a": "x"}\n'),
        ("new.json", '{"a": "x\\ny"}\n', None),
        ("a.txt", '{"a": "no lines"}\n', "text\n"),
    ],
)
def test_other_whole_files_stay_possible(path: str, block: str, base: str | None) -> None:
    made = changed(f"{path}\n```\n{block}```\n", {} if base is None else {path: base})
    assert made == {path: block.encode()}


def test_a_large_change_is_refused_by_its_size() -> None:
    with pytest.raises(EditError, match="more than 10 are refused"):
        parse("x" * 11, max_bytes=10)


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(EditError, match="not Unicode"):
        parse("a.py\n```\n\ud800\n```\n")
    with pytest.raises(EditError, match="not UTF-8"):
        parse(b"a.py\n```\n\xff\n```\n")


def test_a_large_rewrite_keeps_the_ends_of_the_lines_that_stay() -> None:
    old = [f"old {number}\n" for number in range(600)]
    new = [f"new {number}\n" for number in range(600)]
    text = "a.py\n<<<<<<< SEARCH\nhead\n" + "".join(old) + "foot\n=======\nhead\n"
    text += "".join(new) + "foot\n>>>>>>> REPLACE\n"
    made = only(text, {"a.py": "head\r\n" + "".join(old) + "foot\r\n"})
    assert made.decode() == "head\r\n" + "".join(new) + "foot\r\n"
