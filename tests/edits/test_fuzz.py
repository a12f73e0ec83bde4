"""Whatever comes in: an `EditError` or a result, and no path that was not named."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mai.edits import FileDiff, SymbolEdit, apply, parse
from mai.errors import EditError
from mai.jobs import NewFile
from tests.budget import examples
from tests.edits.files import Content, files, packed

BASE: dict[str, Content] = {
    "src/a.py": "import os\n\n\ndef f(x):\n    return x\n\n\ndef g(y):\n    return y\n",
    "docs/b.md": "# Title\n\n```sh\nmake\n```\n\nText\r\nwith ends.",
    "c.bin": b"\0\1\2\xff" * 20,
}

CORPUS = [
    "Sure:\n\nsrc/a.py\n```python\nimport sys\n\n\ndef f(x):\n    return -x\n```\nDone.\n",
    "`docs/b.md`\n````markdown\n# New\n\n```sh\nmake all\n```\n````\n",
    (
        "src/a.py\n```python\n"
        "<<<<<<< SEARCH\n    return x\n=======\n    return -x\n>>>>>>> REPLACE\n"
        "<<<<<<< SEARCH\n    return y\n=======\n    return 3 * y\n>>>>>>> REPLACE\n```\n"
    ),
    "docs/b.md\n<<<<<<< SEARCH\n```sh\nmake\n```\n=======\n```sh\nmake it\n```\n>>>>>>> REPLACE\n",
    "```python symbol=src.a.f action=insert-after\ndef h(z):\n    return z\n```\n",
    (
        "--- a/src/a.py\n+++ b/src/a.py\n@@ -3,4 +3,4 @@ import os\n \n def f(x):\n-    return x\n"
        "+    return -x\n \n@@ -8,2 +8,3 @@\n def g(y):\n     return y\n+    # end\n"
    ),
    (
        "diff --git a/docs/b.md b/docs/c.md\nsimilarity index 80%\nrename from docs/b.md\n"
        "rename to docs/c.md\nindex 1234567..89abcde 100644\n--- a/docs/b.md\n+++ b/docs/c.md\n"
        "@@ -5,4 +5,4 @@ make\n ```\n \n Text\r\n-with ends.\n\\ No newline at end of file\n+now\n"
    ),
    (
        "diff --git a/new.py b/new.py\nnew file mode 100755\nindex 0000000..1\n--- /dev/null\n"
        '+++ b/new.py\n@@ -0,0 +1,2 @@\n+x = 1\n+y = 2\ndiff --git "a/src/a.py" "b/src/a.py"\n'
        "deleted file mode 100644\n"
    ),
    "diff --git a/c.bin b/c.bin\nindex 0..1 100644\nGIT binary patch\nliteral 5\n"
    + packed(zlib.compress(b"\0hell"))
    + "\n",
    "```diff\ndiff --git a/src/a.py b/src/a.py\nold mode 100644\nnew mode 100755\n```\n",
    (
        "*** Begin Patch\n*** Add File: new.py\n+x = 1\n*** Update File: src/a.py\n"
        "*** Move to: src/c.py\n@@ def f(x):\n-    return x\n+    return -x\n@@\n def g(y):\n"
        "-    return y\n+    return 2\n*** End of File\n*** Delete File: docs/b.md\n*** End Patch\n"
    ),
]

PIECES = st.sampled_from(
    [
        "```", "````", "~~~", "```python", "```diff", "  ```", "src/a.py", "docs/b.md", "new.py",
        "`src/a.py`:", "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "<<<<<<<< SEARCH", "",
        "diff --git a/src/a.py b/src/a.py", "--- a/src/a.py", "+++ b/src/a.py", "--- /dev/null",
        "+++ /dev/null", "@@ -1 +1 @@", "@@ -1,4 +1,5 @@", "@@ -0,0 +1 @@", "@@ ... @@", "@@",
        "-import os", "+import sys", " import os", " ", "-", "+", "\\ No newline at end of file",
        "import os", "def f(x):", "    return x", "GIT binary patch", "literal 5", "delta 9",
        "rename from src/a.py", "rename to new.py", "new file mode 100644", "old mode 100644",
        "new mode 120000", "deleted file mode 100644", "index 1..2", "...", "# ... rest unchanged",
        "```python symbol=a.f", "-- ", "2.39.5", "- a bullet", "From: someone", "Binary files",
        "*** Begin Patch", "*** End Patch", "*** Update File: src/a.py", "*** Move to: new.py",
        "*** Add File: new.py", "*** Delete File: src/a.py", "*** End of File", "<source>",
        "commit 0123456789012345678901234567890123456789", "@@@ -1 -1 +1 @@@", "diff --cc src/a.py",
    ]
)  # fmt: skip

MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "swap", "cut", "put", "line", "end", "digit"]),
        st.integers(0, 400),
        PIECES,
    ),
    min_size=1,
    max_size=5,
)


def mutated(text: str, mutations: list[tuple[str, int, str]]) -> str:
    for kind, number, piece in mutations:
        lines = text.split("\n")
        at = number % len(lines)
        if kind == "drop":
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "swap":
            lines[at], lines[at - 1] = lines[at - 1], lines[at]
        elif kind == "line":
            lines.insert(at, piece)
        elif kind == "end":
            lines[at] += "\r"
        text = "\n".join(lines)
        place = number % (len(text) + 1)
        if kind == "cut":
            text = text[:place]
        elif kind == "put":
            text = text[:place] + piece[:2] + text[place + 1 :]
        elif kind == "digit":
            text = "".join(str((int(c) + number) % 10) if c in "123" else c for c in text)
    return text


def outcome(text: str | bytes) -> dict[str, NewFile | None]:
    """Return what comes of `text`, nothing where it is refused."""
    try:
        edits = parse(text)
        # What symbols become is the worker's, which has tests of its own.
        plain = [edit for edit in edits if not isinstance(edit, SymbolEdit)]
        return apply(plain, files(BASE).get) if plain else {}
    except EditError as error:
        message = str(error)
    assert message.strip()
    assert message.replace("\n", "").isprintable()
    return {}


@pytest.mark.parametrize("seed", CORPUS)
def test_the_replies_to_be_damaged_are_sound(seed: str) -> None:
    assert any(isinstance(edit, SymbolEdit) for edit in parse(seed)) or outcome(seed)


def assert_named(text: str, made: dict[str, NewFile | None]) -> None:
    for path in made:
        assert path in text or '"' in text


FEW = settings(
    max_examples=examples(600), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@settings(FEW, max_examples=examples(4_100))
@given(seed=st.sampled_from(CORPUS), mutations=MUTATIONS)
def test_a_damaged_reply_is_refused_or_understood(
    seed: str, mutations: list[tuple[str, int, str]]
) -> None:
    text = mutated(seed, mutations)
    assert_named(text, outcome(text))


@settings(FEW, max_examples=examples(4_100))
@given(pieces=st.lists(PIECES, max_size=16), end=st.sampled_from(["\n", "\r\n"]))
def test_any_sequence_of_markers_is_refused_or_understood(pieces: list[str], end: str) -> None:
    text = end.join(pieces) + end
    assert_named(text, outcome(text))


@FEW
@given(text=st.text(max_size=200))
@example(text="a.py\n```\n\0\n```\n")
def test_any_text_is_refused_or_understood(text: str) -> None:
    assert_named(text, outcome(text))


@FEW
@given(
    body=st.binary(max_size=120),
    head=st.sampled_from(
        [b"", b"--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n", b"diff --git ", b"--- a/"]
    ),
)
def test_any_bytes_are_refused_or_understood(body: bytes, head: bytes) -> None:
    outcome(head + body)


@FEW
@given(
    name=st.binary(min_size=1, max_size=40).filter(lambda name: b"\n" not in name),
    quote=st.booleans(),
)
def test_no_name_leads_out_of_the_tree(name: bytes, quote: bool) -> None:
    raw = b'"b/' + name + b'"' if quote else b"b/" + name
    text = b"--- /dev/null\n+++ " + raw + b"\n@@ -0,0 +1 @@\n+x\n"
    try:
        (edit,) = parse(text)
    except EditError:
        return
    assert isinstance(edit, FileDiff)
    parts = edit.path.split("/")
    assert not {"", ".", "..", ".git"} & set(parts)
