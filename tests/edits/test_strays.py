"""All of a patch or nothing: a section that is not understood is never dropped."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mai.edits import FileDiff, parse
from mai.errors import EditError
from tests.edits.files import changed

ED = "diff --git a/o.py b/o.py\n--- a/o.py\n+++ b/o.py\n@@ -1 +1 @@\n-A = 1\n+A = 2\n"
RENAME = "similarity index 100%\nrename from m.py\nrename to k.py\n"
CONTEXT = (
    "*** a/m.py\t2020\n--- b/m.py\t2020\n***************\n*** 4,5 ****\n  def f(x):\n"
    "!     return x\n--- 4,5 ----\n  def f(x):\n!     return 1\n"
)
HALVES = {
    "a rename without its first line": RENAME,
    "an indented header": " diff --git a/m.py b/k.py\n" + RENAME,
    "a header behind a mark": "x\n\ufeffdiff --git a/m.py b/k.py\n" + RENAME,
    "an indented diff": "".join(f"  {line}\n" for line in ED.replace("o.py", "m.py").splitlines()),
    "a context diff": CONTEXT,
    "the end of a context diff": "*** 4,5 ****\n  def f(x):\n",
    "a normal diff": "Index: m.py\n5c5\n<     return x\n---\n>     return 1\n",
    "a normal diff without a name": "5,6c5\n< a\n< b\n---\n> c\n",
    "an ed script": "5c\n    return 1\n.\n",
    "a hunk": "@@ -1 +1 @@\n-a\n+b\n",
    "a name without a hunk": "--- a/m.py\n+++ b/m.py\n",
    "half a name": "+++ b/m.py\n",
    "a name that was cut off": "--- a/m.py\n",
    "a mode": "old mode 100644\nnew mode 100755\n",
    "a new file's mode": "new file mode 100644\n",
    "ids": "index 1234567..89abcde 100644\n",
    "a binary patch": "GIT binary patch\nliteral 1\nIc$}\n",
    "a submodule's log": "Submodule libs/foo 1234567..89abcde:\n  > upstream\n",
    "a new submodule": "Submodule libs/foo 0000000...89abcde (new submodule)\n",
    "a dirty submodule": "Submodule libs/foo contains modified content\n",
    "only in one folder": "Only in new: n.py\n",
    "an unmerged path": "* Unmerged path m.py\n",
    "hg's binary": "diff -r 1 m.bin\nBinary file m.bin has changed\n",
    "diff's binary": "Binary files a/m.bin and b/m.bin differ\n",
    "diff -q": "Files a/m.py and b/m.py differ\n",
    "svn without its diff": f"Index: m.bin\n{'=' * 67}\nCannot display: file marked as binary.\n",
    "svn's properties": "Property changes on: m.py\n_____\nAdded: svn:executable\n",
    "svn's property hunk": "## -0,0 +1 ##\n+*\n",
    "bzr's rename": "=== renamed file 'm.py' => 'k.py'\n",
    "an announcement of nothing": "diff -ru a/m.py b/m.py\n",
    "an envelope that lost its beginning": "*** Update File: m.py\n@@\n-a\n+b\n*** End Patch\n",
    "a SEARCH": "m.py\n  <<<<<<< SEARCH\n  a\n  =======\n  b\n  >>>>>>> REPLACE\n",
    "a fence": "m.py\n```python\nx = 1\n```\n",
    "a merge": "diff --cc m.py\nindex 1,2..3\n",
    "a mark of the end": "\\ No newline at end of file\n",
}  # fmt: skip
BLOCK = "o.py\n```python\nA = 2\n```\n"
ENVELOPE = "*** Begin Patch\n*** Update File: o.py\n@@\n-A = 1\n+A = 2\n*** End Patch\n"
MAIL = (
    "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\n"
    "Subject: [PATCH] x\n\nWords.\n"
)
CARRIERS = {"diff": ED, "fenced diff": f"```diff\n{ED}```\n", "block": BLOCK, "envelope": ENVELOPE}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("half", HALVES)
def test_half_a_section_beside_a_whole_one_is_refused(carrier: str, half: str) -> None:
    whole, part = CARRIERS[carrier], HALVES[half]
    assert changed(whole, {"o.py": "A = 1\n"}) == {"o.py": b"A = 2\n"}
    if (carrier, half) in {("block", "a fence"), ("fenced diff", "a fence")}:
        assert set(changed(part + whole, {"o.py": "A = 1\n"})) == {"m.py", "o.py"}
        return
    for text in (part + whole, part + "\n" + whole, whole + "\n" + part):
        with pytest.raises(EditError):
            changed(text, {"o.py": "A = 1\n", "m.py": "a\n"})


@pytest.mark.parametrize("half", [half for half in HALVES if half != "a fence"])
@pytest.mark.parametrize("place", ["mail", "shown", "fence"])
def test_half_a_section_in_words_is_refused_with_its_line(place: str, half: str) -> None:
    part = HALVES[half]
    text = {
        "mail": MAIL + part + "---\n\n" + ED,
        "shown": f"```console\n{part}```\n\n{BLOCK}",
        "fence": f"```diff\n{part}{ED}```\n",
    }[place]
    if (place, half) == ("shown", "an announcement of nothing"):
        # `diff -ru a b` is a command there.
        assert changed(text, {"o.py": "A = 1\n"}) == {"o.py": b"A = 2\n"}
        return
    with pytest.raises(EditError, match=r"^Line \d+: "):
        changed(text, {"o.py": "A = 1\n"})


WORDS = {
    "rules and bullets": "--- \n***\n- a point\n+ another\n* a third\n-----\n===\nTitle\n=====\n",
    "a summary": " 2 files changed\n rename m.py => k.py (100%)\n create mode 100644 n\n",
    "English": "Only in this case. Files are read. Index of the list. Binary search differs.\n",
    "mentions": "See `@@ -1 +1 @@` and use diff --git, *** and index 1..2 there.\n",
    "a command": "Run diff -u a b to see it.\n",
}  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("carrier", [*CARRIERS, "mail"])
def test_plain_words_around_an_edit_are_skipped(carrier: str, words: str) -> None:
    if carrier == "mail":
        text = MAIL + WORDS[words] + "---\n o.py | 2 +-\n\n" + ED
    else:
        text = WORDS[words] + "\n" + CARRIERS[carrier] + "\n" + WORDS[words]
    if words == "a summary" and carrier == "diff":
        text = WORDS[words] + "\n" + ED
    assert changed(text, {"o.py": "A = 1\n"}) == {"o.py": b"A = 2\n"}


def test_an_envelope_inside_a_hunk_is_text() -> None:
    base = "a\n*** Begin Patch\n*** Delete File: o.py\n*** End Patch\n"
    text = (
        "--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n-a\n+b\n *** Begin Patch\n *** Delete File: o.py\n"
        " *** End Patch\n"
    )
    assert changed(text, {"x": base, "o.py": "A\n"}) == {"x": base.replace("a", "b", 1).encode()}


def test_what_svn_names_is_what_its_diff_is_of() -> None:
    text = f"Index: m.py\n{'=' * 67}\n--- o.py\n+++ o.py\n@@ -1 +1 @@\n-A = 1\n+A = 2\n"
    with pytest.raises(EditError, match="names another file"):
        parse(text)


def test_a_body_line_after_an_envelope_is_refused() -> None:
    with pytest.raises(EditError, match="part of the patch"):
        parse(ENVELOPE + "+B = 3\n")


# --- damaged patches ---------------------------------------------------------------------------

NAMES = ("a.py", "b.py", "c.py")
OLD = "".join(f"line {number}\n" for number in range(9))


def _section(name: str, form: str) -> str:
    body = "@@ -2,3 +2,3 @@\n line 1\n-line 2\n+LINE 2\n line 3\n"
    sides = f"--- a/{name}\n+++ b/{name}\n"
    return {
        "plain": sides + body,
        "git": f"diff --git a/{name} b/{name}\nindex 1234567..89abcde 100644\n{sides}{body}",
        "mode": f"diff --git a/{name} b/{name}\nold mode 100644\nnew mode 100755\n",
        "rename": (
            f"diff --git a/{name} b/x{name}\nsimilarity index 100%\nrename from {name}\n"
            f"rename to x{name}\n"
        ),
        "gone": (
            f"diff --git a/{name} b/{name}\ndeleted file mode 100644\n--- a/{name}\n"
            "+++ /dev/null\n@@ -1,9 +0,0 @@\n" + "".join(f"-line {n}\n" for n in range(9))
        ),
        "new": (
            f"diff --git a/n{name} b/n{name}\nnew file mode 100644\n--- /dev/null\n+++ b/n{name}\n"
            "@@ -0,0 +1 @@\n+x\n"
        ),
        "svn": (
            f"Index: {name}\n{'=' * 67}\n--- {name}\t(revision 1)\n"
            f"+++ {name}\t(working copy)\n{body}"
        ),
    }[form]


GIT_FORMS = ["git", "mode", "rename", "gone", "new"]
DAMAGE = st.tuples(
    st.sampled_from(["drop", "indent", "mark", "letter", "cut", "quote"]),
    st.integers(0, 11),
    st.integers(0, 11),
)


def _damaged(section: str, kind: str, at: int, where: int) -> str:
    lines = section.splitlines()
    at %= len(lines)
    line = lines[at]
    if kind == "drop":
        del lines[at]
    elif kind == "cut":
        lines = lines[:at]
    elif kind == "letter":
        where %= len(line) or 1
        lines[at] = line[:where] + line[where + 1 :]
    else:
        lines[at] = {"indent": " ", "mark": "\ufeff", "quote": "> "}[kind] + line
    return "".join(f"{line}\n" for line in lines)


SECTION = re.compile(r"^[ \ufeff]*(?:--- |\+\+\+ |@@|diff -|rename |index |new file)", re.MULTILINE)


def _paths(text: str) -> set[str]:
    """Return every path that `text` changes, as its edits say."""
    found: set[str] = set()
    for edit in parse(text):
        assert isinstance(edit, FileDiff)
        found.update(path for path in (edit.old_path, edit.new_path) if path)
    return found


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    forms=st.sampled_from([GIT_FORMS, ["plain", "svn"]]).flatmap(
        lambda forms: st.lists(st.sampled_from(forms), min_size=3, max_size=3)
    ),
    which=st.integers(0, 2),
    damage=DAMAGE,
)
def test_a_damaged_section_is_refused_or_in_the_result(
    forms: list[str], which: int, damage: tuple[str, int, int]
) -> None:
    sections = [_section(name, form) for name, form in zip(NAMES, forms, strict=True)]
    whole = _paths("".join(sections))
    sections[which] = _damaged(sections[which], *damage)
    found = set(whole)
    with contextlib.suppress(EditError):
        found = _paths("".join(sections))
    assert {path for path in whole if not path.endswith(NAMES[which])} <= found
    is_named = any(path.endswith(NAMES[which]) or path in sections[which] for path in found)
    # What remains may be a line or two of words, such as a header that a mail quotes.
    assert is_named or not SECTION.search(sections[which])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forms=st.lists(st.sampled_from(GIT_FORMS), min_size=3, max_size=3))
def test_whole_patches_do_what_git_apply_does(
    tmp_path_factory: pytest.TempPathFactory, forms: list[str]
) -> None:
    text = "".join(_section(name, form) for name, form in zip(NAMES, forms, strict=True))
    folder = tmp_path_factory.mktemp("apply")
    for name in NAMES:
        (folder / name).write_text(OLD)
    subprocess.run(["git", "apply"], cwd=folder, input=text.encode(), check=True)
    theirs = {path.name: path.read_bytes() for path in folder.iterdir()}
    ours: dict[str, bytes | None] = {name: OLD.encode() for name in NAMES}
    ours.update(changed(text, dict.fromkeys(NAMES, OLD)))
    assert {path: data for path, data in ours.items() if data is not None} == theirs


@pytest.mark.parametrize("form", ["plain", "svn"])
def test_whole_patches_do_what_patch_does(tmp_path: Path, form: str) -> None:
    text = "".join(_section(name, form) for name in NAMES)
    ours = changed(text, dict.fromkeys(NAMES, OLD))
    for name in NAMES:
        (tmp_path / name).write_text(OLD)
    strip = "-p1" if form == "plain" else "-p0"
    subprocess.run(["patch", "-s", strip], cwd=tmp_path, input=text.encode(), check=True)
    assert ours == {name: (tmp_path / name).read_bytes() for name in NAMES}
