"""Patches as other programs write them: all of what `git apply` and `patch` take is read."""

from __future__ import annotations

import codecs

import pytest

from mai.edits import parse
from mai.errors import EditError
from tests.edits.files import changed

BODY = "@@ -1 +1 @@\n-A = 1\n+A = 2\n"
PLAIN = "--- a/o.py\n+++ b/o.py\n" + BODY
GIT = "diff --git a/o.py b/o.py\n" + PLAIN


def sides(old: str, new: str) -> str:
    return f"--- {old}\n+++ {new}\n{BODY}"


def prefixed(old: str, new: str) -> str:
    return f"diff --git {old}o.py {new}o.py\n" + sides(f"{old}o.py", f"{new}o.py")


def coloured(text: str) -> str:
    return "".join(f"\x1b[1m{line}\x1b[m\n" for line in text.splitlines())


FORMS: dict[str, str | bytes] = {
    "UTF-16 with its mark": GIT.encode("utf-16"),
    "UTF-16, the other way round": codecs.BOM_UTF16_BE + GIT.encode("utf-16-be"),
    "UTF-16 without a mark": GIT.encode("utf-16-le"),
    "UTF-16 and CRLF, as PowerShell's > writes it": GIT.replace("\n", "\r\n").encode("utf-16"),
    "UTF-32": GIT.encode("utf-32"),
    "a mark before ---": "\ufeff" + PLAIN,
    "a mark before diff --git": "\ufeff" + GIT,
    "a mark before a fence": "\ufeff```diff\n" + PLAIN + "```\n",
    "colours": coloured(GIT),
    "colours as git puts them": (
        "\x1b[1mdiff --git a/o.py b/o.py\x1b[m\n\x1b[1m--- a/o.py\x1b[m\n\x1b[1m+++ b/o.py\x1b[m\n"
        "\x1b[36m@@ -1 +1 @@\x1b[m\n\x1b[31m-A = 1\x1b[m\n\x1b[32m+\x1b[m\x1b[32mA = 2\x1b[m\n"
    ),
    "prefixes of another kind": prefixed("old/", "new/"),
    "prefixes of one kind": prefixed("left/", "left/").replace("left/o.py left/", "left/o.py rite/")
    .replace("+++ left", "+++ rite"),
    "mnemonic prefixes": prefixed("i/", "w/"),
    "no prefixes": prefixed("", ""),
    "prefixes without git's header": sides("proj-1.0/o.py", "proj-1.1/o.py"),
    ".orig": sides("o.py.orig", "o.py"),
    ".orig in a folder": sides("a/o.py.orig", "b/o.py"),
    "a tilde": sides("o.py~", "o.py"),
    ".new": sides("o.py", "o.py.new"),
    "./": sides("./o.py", "./o.py"),
    "./ and .orig": sides("./o.py.orig", "./o.py"),
    "a stamp after spaces": sides(
        "o.py 2024-01-01 10:00:00.000000000 +0100", "o.py 2024-01-02 10:00:00.000000000 +0100"
    ),
    "a stamp in C's form": sides(
        "o.py   Mon Jan  1 10:00:00 2024", "o.py   Tue Jan  2 10:00:00 2024"
    ),
    "svn": f"Index: o.py\n{'=' * 67}\n" + sides("o.py\t(revision 12)", "o.py\t(working copy)"),
    "svn with spaces": sides("o.py   (revision 12)", "o.py   (working copy)"),
    "hg": "# HG changeset patch\n# User a\n# Parent 1\nA change\n\ndiff -r 1f o.py\n" + PLAIN,
    "diff -r": "diff -ru a/o.py b/o.py\n" + PLAIN,
    "bzr": "=== modified file 'o.py'\n" + sides("o.py\t2024-01-01", "o.py\t2024-01-02"),
    "CVS": (
        "Index: o.py\n" + "=" * 67 + "\nRCS file: /cvs/o.py,v\nretrieving revision 1.1\n"
        "diff -u -r1.1 o.py\n" + sides("o.py\t1 Jan 2024 10:00:00 -0000\t1.1", "o.py\t2 Jan 2024")
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_of_other_programs_are_read(form: str) -> None:
    assert changed(FORMS[form], {"o.py": "A = 1\n"}) == {"o.py": b"A = 2\n"}


@pytest.mark.parametrize("stamp", ["\t1970-01-01 00:00:00.000000000 +0000", "\t(nonexistent)"])
def test_a_file_that_was_not_there_is_new(stamp: str) -> None:
    text = f"--- old/n.py{stamp}\n+++ n.py\t2024-01-01 10:00:00\n@@ -0,0 +1 @@\n+x\n"
    assert changed(text) == {"n.py": b"x\n"}


def test_a_new_file_under_a_prefix_of_another_kind_is_at_its_place() -> None:
    text = "diff --git old/n new/n\nnew file mode 100644\n--- /dev/null\n+++ new/n\n"
    text += "@@ -0,0 +1 @@\n+x\n"
    assert changed(text) == {"n": b"x\n"}


def test_a_rename_under_prefixes_of_another_kind() -> None:
    text = (
        "diff --git old/o.py new/k.py\nsimilarity index 50%\nrename from o.py\nrename to k.py\n"
        "--- old/o.py\n+++ new/k.py\n" + BODY
    )
    assert changed(text, {"o.py": "A = 1\n"}) == {"k.py": b"A = 2\n", "o.py": None}


@pytest.mark.parametrize("old", ["a/evil/o.py", "x/o.py", "a/o"])
def test_a_name_under_git_that_is_another_files_is_refused(old: str) -> None:
    text = f"diff --git a/o.py b/o.py\n--- {old}\n+++ b/o.py\n{BODY}"
    with pytest.raises(EditError, match="contradict"):
        parse(text)


@pytest.mark.parametrize("context", ["", " B\n"])
def test_the_mark_of_a_file_is_not_in_a_diff_of_its_first_line(context: str) -> None:
    count = 2 if context else 1
    text = f"--- a/o.py\n+++ b/o.py\n@@ -1,{count} +1,{count} @@\n-A = 1\n+A = 2\n{context}"
    made = changed(text, {"o.py": "\ufeffA = 1\nB\n"})
    assert made == {"o.py": "\ufeffA = 2\nB\n".encode()}


def test_what_says_utf_16_and_is_not_is_refused() -> None:
    with pytest.raises(EditError, match="begins like UTF-16"):
        parse(codecs.BOM_UTF16_LE + b"abc")


def test_a_colour_in_a_file_is_kept_where_the_diff_has_none() -> None:
    text = PLAIN.replace("A = 2", 'A = "\x1b[31m"')
    assert changed(text, {"o.py": "A = 1\n"}) == {"o.py": b'A = "\x1b[31m"\n'}
