"""The envelope `*** Begin Patch`: each operation, each tolerance, and what is refused."""

from __future__ import annotations

from textwrap import dedent

import pytest

from mai.edits import parse
from mai.errors import EditError
from tests.edits.files import Content, changed, only

METHOD = "    def f(self):\n        return 1\n"
CODE = f"class A:\n{METHOD}\n\nclass B:\n{METHOD}"
FIVE = "one\ntwo\nthree\nfour\nfive\n"


def patch(body: str) -> str:
    return f"*** Begin Patch\n{dedent(body).strip(chr(10))}\n*** End Patch\n"


UPDATED: dict[str, tuple[str, str, str]] = {
    "one chunk": ("@@\n-two\n+2", FIVE, FIVE.replace("two", "2")),
    "context around it": ("@@\n one\n-two\n+2\n three", FIVE, FIVE.replace("two", "2")),
    "several chunks": ("@@\n-two\n+2\n@@\n-four\n+4", FIVE, "one\n2\nthree\n4\nfive\n"),
    "the first @@ left out": ("-two\n+2", FIVE, FIVE.replace("two", "2")),
    "only taken away": ("@@\n one\n-two\n three", FIVE, FIVE.replace("two\n", "")),
    "only added, at the end": ("@@\n+six\n+seven", FIVE, FIVE + "six\nseven\n"),
    "only added, to a file that does not end": ("@@\n+six", "five", "five\nsix\n"),
    "the end of the file": (
        "@@\n a\n-b\n+c\n*** End of File",
        "a\nb\nx\na\nb\n",
        "a\nb\nx\na\nc\n",
    ),
    "a last line that had no end": ("@@\n-x\n+y\n+z", "x", "y\nz\n"),
    "after a line that is there once": (
        "@@ class B:\n     def f(self):\n-        return 1\n+        return 2",
        CODE,
        CODE[: CODE.rindex("1")] + "2\n",
    ),
    "after a line within a block": (
        "@@ class B:\n@@     def f(self):\n-        return 1\n+        return 2",
        CODE,
        CODE[: CODE.rindex("1")] + "2\n",
    ),
    "numbers as in a unified diff": ("@@ -2,1 +2,1 @@\n-two\n+2", FIVE, FIVE.replace("two", "2")),
    "in the order of the file": (
        "@@\n-x\n+y\n k\n@@\n x\n l\n+m",
        "x\nk\nx\nl\n",
        "y\nk\nx\nl\nm\n",
    ),
    "trailing space": ("@@\n one\n-two\n+2", "one  \ntwo\t\n", "one  \n2\n"),
    "indentation shifted": (
        "@@\n-return 1\n+if x:\n+    return 2",
        "def f():\n    return 1\n",
        "def f():\n    if x:\n        return 2\n",
    ),
    "typography": ('@@\n-say("hi") - now\n+say("ho")', "say(“hi”) – now\n", 'say("ho")\n'),
    "CRLF stays": ("@@\n-two\n+2\n+3", "one\r\ntwo\r\n", "one\r\n2\r\n3\r\n"),
    "an empty line of context": ("@@\n a\n\n-b\n+c", "a\n\nb\n", "a\n\nc\n"),
    "an empty line before the end": ("@@\n-two\n+2\n", FIVE, FIVE.replace("two", "2")),
    "letters beyond ASCII": ("@@\n-naïve\n+naïve ✅", "naïve\n", "naïve ✅\n"),
}


@pytest.mark.parametrize(("body", "base", "wanted"), UPDATED.values(), ids=UPDATED.keys())
def test_a_file_is_updated(body: str, base: str, wanted: str) -> None:
    text = f"*** Begin Patch\n*** Update File: a.txt\n{body}\n*** End Patch\n"
    assert only(text, {"a.txt": base}) == wanted.encode()


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "Here it is:\n\n```\n{}```\nDone.\n",
        "```diff\n{}```\n",
        "```bash\napply_patch <<'EOF'\n{}EOF\n```\n",
        "apply_patch << EOF\n{}EOF\n",
    ],
)
@pytest.mark.parametrize("pad", ["", "  "])
def test_an_envelope_is_found_wherever_it_stands(around: str, pad: str) -> None:
    text = patch("*** Update File: `a.txt`\n@@\n-two\n+2").replace("*** B", f"{pad}*** B")
    text = text.replace("*** U", f"{pad}*** U").replace("*** E", f"{pad}*** E")
    assert only(around.format(text), {"a.txt": FIVE}) == FIVE.replace("two", "2").encode()


def test_all_operations_in_one_envelope() -> None:
    text = patch(
        """
        *** Add File: new/a.txt
        +made
        +
        +here
        *** Delete File: gone.txt
        *** Update File: old/b.txt
        *** Move to: new/b.txt
        @@
        -two
        +2
        *** Update File: old/c.txt
        *** Move to: new/c.txt
        """
    )
    base: dict[str, Content] = {
        "gone.txt": "x\n",
        "old/b.txt": FIVE,
        "old/c.txt": "c\n",
        "new/c.txt": "other\n",
    }
    assert changed(text, base) == {
        "gone.txt": None,
        "new/a.txt": b"made\n\nhere\n",
        "new/b.txt": FIVE.replace("two", "2").encode(),
        "new/c.txt": b"c\n",
        "old/b.txt": None,
        "old/c.txt": None,
    }


def test_adding_a_file_that_is_there_writes_it_anew() -> None:
    assert only(patch("*** Add File: a.txt\n+new"), {"a.txt": "old\n"}) == b"new\n"


def test_two_envelopes_and_two_sections_of_one_file_are_one_change() -> None:
    one = patch("*** Update File: a.txt\n@@\n-four\n+4\n*** Update File: a.txt\n@@\n-one\n+1")
    two = patch("*** Update File: b.txt\n@@\n-two\n+2")
    made = changed(f"{one}\nAnd then:\n\n{two}", {"a.txt": FIVE, "b.txt": FIVE})
    assert made == {
        "a.txt": FIVE.replace("one", "1").replace("four", "4").encode(),
        "b.txt": FIVE.replace("two", "2").encode(),
    }


def test_a_file_that_tells_of_envelopes_is_a_file() -> None:
    told = f"# How to\n\n{patch('*** Delete File: a.txt')}"
    assert only(f"docs.md\n```\n{told}```\n", {}) == told.encode()


REFUSED = {
    "no operation": ("", "changes no file"),
    "an unknown operation": ("*** Frobnicate File: a.txt", "none of Add File"),
    "an update without a chunk": ("*** Update File: a.txt", "changes nothing"),
    "a chunk that changes nothing": ("*** Update File: a.txt\n@@\n one", "changes nothing"),
    "a line without a sign": ("*** Update File: a.txt\n@@\n-one\ntwo", "must begin with a space"),
    "a new file's line without +": ("*** Add File: n.txt\n+a\nb", "must begin with"),
    "lines that are not there": ("*** Update File: a.txt\n@@\n-six\n+6", "not in the file"),
    "lines that are there twice": ("*** Update File: d.txt\n@@\n-x\n+y", "several places"),
    "an anchor that is there twice": (
        "*** Update File: d.txt\n@@ k\n-x\n+y",
        "several places",
    ),
    "an addition after an anchor": (
        "*** Update File: a.txt\n@@ two\n+new",
        "no line of the file to tell its place by",
    ),
    "chunks out of order": ("*** Update File: a.txt\n@@\n-four\n+4\n@@\n-one\n+1", "not in"),
    "a file that is not there": ("*** Update File: no.txt\n@@\n-a\n+b", "does not exist"),
    "deleting what is not there": ("*** Delete File: no.txt", "does not exist"),
    "deleting a folder": ("*** Delete File: folder", "does not exist"),
    "a move without a file": ("*** Move to: b.txt", "none of Add File"),
    "a path outside": ("*** Add File: ../x\n+a", "not one inside the repository"),
    "a move outside": ("*** Update File: a.txt\n*** Move to: /etc/x.txt\n", "not one inside"),
    "a move into git's folder": ("*** Update File: a.txt\n*** Move to: .git/x", "git's own folder"),
    "lines left out": ("*** Update File: a.txt\n@@\n-one\n+# ... rest unchanged", "leaves lines"),
    "half of it": (
        "*** Add File: n.txt\n+a\n*** Update File: a.txt\n@@\n-six\n+6",
        "not in the file",
    ),
    "changed twice": ("*** Delete File: a.txt\n*** Update File: a.txt\n@@\n-one\n+1", "both"),
    "binary": ("*** Update File: bin\n@@\n-a\n+b", "binary"),
}
BASE: dict[str, Content] = {
    "a.txt": FIVE,
    "d.txt": "k\nx\nk\nx\n",
    "folder/x.txt": "x\n",
    "bin": b"a\n\0",
}


@pytest.mark.parametrize(("body", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_apply_is_refused_whole(body: str, says: str) -> None:
    with pytest.raises(EditError, match=says):
        changed(patch(body), BASE)


@pytest.mark.parametrize("end", ["", "*** End of Patch\n", "*** Begin Patch\n"])
def test_an_envelope_without_its_end_was_cut_off(end: str) -> None:
    text = patch("*** Update File: a.txt\n@@\n-one\n+1").replace("*** End Patch\n", end)
    with pytest.raises(EditError):
        parse(text)


def test_an_envelope_beside_an_edit_block_is_refused() -> None:
    both = f"b.txt\n```\nx\n```\n\n{patch('*** Delete File: a.txt')}"
    with pytest.raises(EditError, match="both edit blocks and a patch"):
        parse(both)
